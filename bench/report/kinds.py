"""How captions, row headings and file names state the provenance of a run's images; nothing else states it."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from bench.cases.records import ImageProvenance, ImageSource
from bench.score.provenance import SOURCE
from bench.score.statistics import text_column

REAL, SIMULATED = "real X-ray", "simulated X-ray"


@dataclass(frozen=True, slots=True)
class ImageKind:
    """Kind of the target images of some rows.

    Attributes:
        name: ``simulated X-ray``, ``real X-ray``, or both.
        suffix: Of file names.
    """

    name: str
    suffix: str


def image_kind(rows: pd.DataFrame) -> ImageKind:
    """Whether the images of these rows are real, simulated, or both."""
    real = is_real(rows)
    if all(real):
        return ImageKind(REAL, "real_xray")
    if any(real):
        return ImageKind(f"{REAL} and {SIMULATED}", "real_and_simulated_xray")
    return ImageKind(SIMULATED, "simulated_xray")


def is_real(rows: pd.DataFrame) -> list[bool]:
    """Which rows are on real X-rays."""
    return [each == ImageSource.REAL.value for each in text_column(rows, SOURCE)]


def is_xray(rows: pd.DataFrame) -> list[bool]:
    """Which rows are on real X-rays or on images formed like them, and not on plain DRRs."""
    return [each != ImageSource.RENDERED.value for each in text_column(rows, SOURCE)]


def image_name(images: ImageProvenance) -> str:
    """Acquisition and view of a real X-ray; the contents of a simulated one."""
    if images.source is ImageSource.REAL:
        return f"{images.acquisition}" if images.view is None else f"{images.acquisition} view {images.view}"
    contents = f"{images.target_content} target, {images.moving_content} moving"
    return contents if images.source is ImageSource.RENDERED else f"{SIMULATED}, {contents}"


def reference_uncertainties(images: Iterable[ImageProvenance]) -> list[str]:
    """One phrase for each stated uncertainty of a reference pose, in the order of the images."""
    known = dict.fromkeys(each.reference_uncertainty_mm for each in images)
    return [f"reference uncertainty {uncertainty_mm:g} mm" for uncertainty_mm in known if uncertainty_mm is not None]
