"""The plug-in: settings, ids, files to patients."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract import Acquisition, View
from bench.errors import FluorobenchError, describe_error
from bench.geometry import Camera, Matrix, invert, require_rigid
from bench.text import parse_json, read_text
from bench.volume import Volume
from bench.xray.one_patient import OnePatient

_NAME = re.compile(r"epid_g([+-]\d+)\.png$")


class GantryError(FluorobenchError):
    """A folder without the layout of the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gantry(OnePatient):
    """A folder with ``ct.nii.gz``, ``truth.json`` and ``epid_g*.png``.

    Attributes:
        together: Gantry angles (degrees) of each acquisition; its first angle's camera is the rig. Empty = all angles
            in one.
    """

    together: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        OnePatient.__post_init__(self)
        if not all(self.together):
            raise GantryError(f"together names the gantry angles of every acquisition; got {self.together}")

    def volume(self) -> Volume:
        """Read the CT."""
        # SimpleITK and nibabel are loaded only where a file is read.
        from bench.volume.read import read_volume

        return read_volume(self.root / "ct.nii.gz")

    def acquisitions(self) -> tuple[Acquisition, ...]:
        """Read X-rays, the machine's geometry and the reference pose."""
        images, geometry = _images(self.root), _geometry(self.root / "truth.json")
        groups = self.together or (tuple(sorted(images)),)
        return tuple(self._acquisition(group, geometry, images) for group in groups)

    def _acquisition(self, group: Sequence[int], geometry: "_Geometry", images: dict[int, Path]) -> Acquisition:
        known = set(images) & set(geometry.camera_from_iso)
        if absent := [angle for angle in group if angle not in known]:
            raise GantryError(
                f"{self.root}: no X-ray with a pose at gantry {', '.join(f'{each:+d}' for each in absent)}; there are "
                f"{', '.join(f'{each:+d}' for each in sorted(known))}"
            )
        poses = [geometry.camera_from_iso[angle] for angle in group]
        views = tuple(
            self._view(images[angle], geometry, pose @ invert(poses[0]))
            for angle, pose in zip(group, poses, strict=True)
        )
        return Acquisition(
            id=f"g{'/'.join(map(str, group))}",
            views=views,
            reference=poses[0] @ geometry.iso_from_ct,
            reference_uncertainty_mm=geometry.uncertainty_mm,
        )

    def _view(self, path: Path, geometry: "_Geometry", camera_from_rig: Matrix) -> View:
        from bench.xray.calibration import view_of
        from bench.xray.read import read_xray

        image = read_xray(path, flip="none", bright="air")
        camera = geometry.camera(image.intensities.shape)
        return view_of(image, camera, camera_from_rig=camera_from_rig, binning=self.binning)


@dataclass(frozen=True, slots=True, eq=False)
class _Geometry:
    """What ``truth.json`` states; poses are 4x4, mm."""

    K: Matrix
    sdd_mm: float
    camera_from_iso: dict[int, Matrix]
    iso_from_ct: Matrix
    uncertainty_mm: float | None

    def camera(self, size: tuple[int, ...]) -> Camera:
        """Of an image of (rows, columns)."""
        return Camera(self.K, size[0], size[1], self.sdd_mm)


def _geometry(path: Path) -> _Geometry:
    try:
        content: dict[str, Any] = parse_json(read_text(path))
        poses = content["camera_from_iso"].items()
        uncertainty = content.get("A_to_B", {}).get("mtre_mm")
        return _Geometry(
            K=np.array(content["K"], dtype=np.float64),
            sdd_mm=float(content["sdd_mm"]),
            camera_from_iso={int(angle): require_rigid(pose, f"camera_from_iso at {angle}") for angle, pose in poses},
            iso_from_ct=require_rigid(content["iso_from_ct_mm"], "iso_from_ct_mm"),
            uncertainty_mm=None if uncertainty is None else float(uncertainty),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, FluorobenchError) as error:
        raise GantryError(
            f"{path}: expected JSON with camera_from_iso, iso_from_ct_mm, K and sdd_mm; {describe_error(error)}"
        ) from None


def _images(root: Path) -> dict[int, Path]:
    """X-ray by gantry angle."""
    files = sorted(root.iterdir()) if root.is_dir() else []
    found = {int(match[1]): path for path in files if (match := _NAME.search(path.name))}
    if not found:
        raise GantryError(f"no X-rays in {root}; expected ct.nii.gz, truth.json and epid_g+20.png, one an angle")
    return found
