"""Residuals of fitted calibrations, for the terminal."""

from typing import TYPE_CHECKING

from bench.cli.console import messages

if TYPE_CHECKING:
    from bench.xray.case import XrayCase


def print_fits(case: "XrayCase") -> None:
    """Print the residuals of fiducials and distortion grids, one line each; nothing where nothing was fitted."""
    from bench.xray.calibrated import describe_fit
    from bench.xray.distortion import describe_distortion_fit

    describe = {"fiducials": describe_fit, "distortion": describe_distortion_fit}
    for number, fits in case.fits().items():
        for name, fit in fits.items():
            messages.print(f"image {number}, {name}: {describe[name](fit)}", markup=False, soft_wrap=True)
