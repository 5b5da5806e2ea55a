"""Arguments of a command line that describe a case: a case file, or a CT with X-rays and their calibration."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from bench.cli.frames import frames_of_each
from bench.errors import FluorobenchError

if TYPE_CHECKING:
    from bench.xray.case import XrayCase


class CaseArgumentsError(FluorobenchError):
    """Arguments of a command line that do not describe a case."""


@dataclass(frozen=True, kw_only=True)
class CaseArguments:
    """Which CT, which X-rays, which calibration."""

    case: Path | None = None
    """Case file (TOML) instead of the options that name CT, X-rays and calibration."""

    volume: Path | None = None
    """The CT: a file of Hounsfield units or a folder of DICOM slices."""

    labels: Path | None = None
    """Label map on the CT's grid."""

    label_scheme: str | None = None
    """Numbering of the labels: verse, totalsegmentator, totalsegmentator_v1, or the path of a TOML file."""

    series: str | None = None
    """DICOM series UID, where the CT's folder holds several."""

    voxel_spacing_mm: tuple[float, float, float] | None = None
    """Along columns, rows, slices, of a CT file that does not state where its voxels lie, such as a TIFF stack."""

    xray: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """X-ray image; give the option once per image of one acquisition."""

    frame: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Frames of a file of several, from 0: 3, or 0,4, or 10:20 (without 20); once for all images, or once an image."""

    calibration: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """Calibration file, once for each image; without it the image's own header is read. Autoscoper text, a text file of
    the 12 numbers of a projection matrix or the 9 of K, or a TOML file with the table [calibration] of a case file."""

    intrinsics: Annotated[tuple[tuple[float, float, float, float], ...], tyro.conf.UseAppendAction] = ()
    """K as FX FY CX CY in pixels of the image as seen from the source; once for all images, or once for each."""

    distortion: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """Of an image intensifier, once for each image: a CSV file of column,row,true_column,true_row."""

    sdd_mm: float | None = None
    """Distance from source to detector, where the header does not state it or is wrong."""

    spacing_mm: float | None = None
    """Pixel spacing at the detector, where the header does not state it or is wrong."""

    flip: Literal["none", "horizontal", "vertical", "both"] | None = None
    """Flip from the stored image to the image seen from the source, where the header does not state it."""

    bright: Literal["air", "bone", "integrals"] | None = None
    """Meaning of high values, where the header does not state it: air, bone, or integrals as render writes them."""

    bits: int | None = None
    """Bits of a stored number, where fewer than its type holds."""

    zero: float | None = None
    """The stored number that means no X-rays, where it is not 0."""

    binning: int = 1
    """Average blocks of this many pixels per side."""

    dark_fraction: float | None = None
    """Pixels at the rim below this fraction of the air level are border; an image intensifier may need 0.1."""

    def read(self, *, frames: bool = False) -> "XrayCase":
        """The case; images are not opened yet.

        Args:
            frames: Whether ``frame`` may be given beside a case file.
        """
        from bench.xray.case import case_of, read_case

        if self.case is not None:
            self._check_alone(frames=frames)
            return read_case(self.case)
        if self.volume is None or not self.xray:
            raise CaseArgumentsError(
                "expected --volume CT --xray IMAGE [--xray IMAGE2], or --case FILE; got neither in full"
            )
        self._check_cameras()
        return case_of(self._tables(), name="the command line", folder=Path.cwd())

    def _check_alone(self, *, frames: bool) -> None:
        """Refuse options that a case file would leave without effect."""
        allowed = ("case", "frame") if frames else ("case",)
        given = [
            f"--{each.name.replace('_', '-')}"
            for each in fields(CaseArguments)
            if each.name not in allowed and getattr(self, each.name) != each.default
        ]
        if given:
            raise CaseArgumentsError(
                f"--case names the CT, its X-rays and their cameras; leave out {', '.join(given)} or write it there"
            )

    def _check_cameras(self) -> None:
        images = len(self.xray)
        for name, given in (("--calibration", self.calibration), ("--distortion", self.distortion)):
            if given and len(given) != images:
                raise CaseArgumentsError(f"every image needs its {name}; got {images} images, {len(given)} of {name}")
        if len(self.intrinsics) not in (0, 1, images):
            raise CaseArgumentsError(
                f"expected --intrinsics once for all images or once for each; got {images} images, "
                f"{len(self.intrinsics)} of --intrinsics"
            )
        if self.calibration and (self.intrinsics or not (self.sdd_mm is None and self.spacing_mm is None)):
            raise CaseArgumentsError(
                "--calibration gives the complete camera; leave out --intrinsics, --sdd-mm and --spacing-mm"
            )
        if self.intrinsics and self.spacing_mm is not None:
            raise CaseArgumentsError("--intrinsics with --sdd-mm gives the pixel spacing; leave out --spacing-mm")

    def _tables(self) -> dict[str, Any]:
        ct = {"volume": self.volume, "labels": self.labels}
        return {
            "id": self.xray[0].stem,
            "ct": {**{key: str(path) for key, path in ct.items() if path}, **self._ct_options()},
            "images": [
                self._image(index, frame)
                for index, frames in enumerate(frames_of_each(self.frame, len(self.xray)))
                for frame in frames
            ],
        }

    def _ct_options(self) -> dict[str, Any]:
        return {
            "label_scheme": self.label_scheme,
            "series": self.series,
            "voxel_spacing_mm": self.voxel_spacing_mm,
        }

    def _image(self, index: int, frame: int | None) -> dict[str, Any]:
        from bench.xray.camera_files import camera_tables, intrinsics_table

        calibration: dict[str, Any] = {"kind": "header", "sdd_mm": self.sdd_mm, "spacing_mm": self.spacing_mm}
        stated: dict[str, Any] = {"calibration": calibration}
        if self.intrinsics:
            numbers = self.intrinsics[min(index, len(self.intrinsics) - 1)]
            stated = {"calibration": {**intrinsics_table(numbers), "sdd_mm": self.sdd_mm}}
        if self.calibration:
            stated = camera_tables(self.calibration[index])
        if self.distortion:
            stated["distortion"] = {"kind": "grid", "file": str(self.distortion[index])}
        options: dict[str, Any] = {
            "flip": self.flip,
            "bright": self.bright,
            "bits": self.bits,
            "zero": self.zero,
            "frame": frame,
            "binning": self.binning,
        }
        if self.dark_fraction is not None:
            options["dark_fraction"] = self.dark_fraction
        return {"file": str(self.xray[index]), **stated, **options}
