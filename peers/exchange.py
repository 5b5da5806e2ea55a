"""The folder of an exported problem, read and answered with numpy alone; nothing of fluorobench is imported.

World: LPS, mm. Camera: x right, y down, z from source to detector; the centre of pixel (0, 0) is (0, 0).
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
AIR_HU = -1000.0
# Where a calibration states none: rays, and so images, do not depend on it.
ANY_SDD_MM = 1500.0


@dataclass(frozen=True)
class View:
    """One X-ray.

    Attributes:
        image: (rows, columns), line integrals; pixels that do not count have the lowest value of those that do.
        K: 3x3, pixels.
        camera_from_rig: 4x4.
        sdd_mm: Source to detector.
        spacing_mm: Along columns and rows.
    """

    image: Array
    K: Array
    camera_from_rig: Array
    sdd_mm: float
    spacing_mm: tuple[float, float]

    def binned(self, factor: int) -> "View":
        """Means of blocks of ``factor`` x ``factor`` pixels; rows and columns that are left over are dropped."""
        rows, columns = (size // factor for size in self.image.shape)
        blocks = self.image[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
        K = self.K / np.array([[factor], [factor], [1]])
        K[:2, 2] = (self.K[:2, 2] - (factor - 1) / 2) / factor
        spacing = (self.spacing_mm[0] * factor, self.spacing_mm[1] * factor)
        return replace(self, image=blocks.mean(axis=(1, 3)), K=K, spacing_mm=spacing)

    @property
    def offset_mm(self) -> tuple[float, float]:
        """Principal point from the detector's middle, along columns and rows."""
        rows, columns = self.image.shape
        off = self.K[:2, 2] - (np.array([columns, rows]) - 1) / 2
        return float(off[0] * self.spacing_mm[0]), float(off[1] * self.spacing_mm[1])


@dataclass(frozen=True)
class Problem:
    """Find ``rig_from_world``.

    Attributes:
        hu: [i, j, k], Hounsfield units; air where nothing attenuates.
        world_from_index: 4x4.
        mu_water: Attenuation per mm is that times max(0, 1 + HU / 1000).
        views: One or more.
        start: 4x4.
        nominal: 4x4.
        search: Half-widths about the nominal pose, degrees x 3 and mm x 3.
        centre: Rotation centre of the search.
        volume_path: The CT (NIfTI).
        mask_path: 1 where the CT attenuates (NIfTI); None = everywhere.
    """

    hu: Array
    world_from_index: Array
    mu_water: float
    views: tuple[View, ...]
    start: Array
    nominal: Array
    search: Array
    centre: Array
    volume_path: Path
    mask_path: Path | None

    @property
    def mu(self) -> Array:
        """Attenuation per mm, [i, j, k]."""
        return self.mu_water * np.maximum(0.0, 1 + self.hu / 1000)

    @property
    def ras_from_index(self) -> Array:
        """The affine in the convention of NIfTI."""
        return RAS_FROM_LPS @ self.world_from_index

    def binned(self, factor: int) -> "Problem":
        """The same problem with binned images."""
        return replace(self, views=tuple(view.binned(factor) for view in self.views))


@dataclass(frozen=True)
class Answer:
    """``pose``: rig_from_world. ``renderings``: How many images were rendered; 0 = the tool does not tell."""

    pose: Array
    renderings: int


def read_problem(folder: Path) -> Problem:
    """The problem of ``folder/case.json``."""
    case = json.loads((folder / "case.json").read_text())
    volume = case["volume"]
    shape = tuple(volume["shape"])[::-1]
    hu = _numbers(folder, volume["hu"], shape).T.astype(np.float32)
    if volume["mask"] is not None:
        hu = np.where(_numbers(folder, volume["mask"], shape).T != 0, hu, np.float32(AIR_HU))
    return Problem(
        hu=np.ascontiguousarray(hu),
        world_from_index=np.array(volume["world_from_index"]),
        mu_water=volume["mu_water_per_mm"],
        views=tuple(_view(folder, each) for each in case["views"]),
        start=np.array(case["start"]),
        nominal=np.array(case["nominal"]),
        search=np.array(case["search"]),
        centre=np.array(case["centre"]),
        volume_path=folder / volume["hu"]["path"],
        mask_path=None if volume["mask"] is None else folder / volume["mask"]["path"],
    )


def _view(folder: Path, view: dict[str, Any]) -> View:
    size = (view["height"], view["width"])
    image = _numbers(folder, view["image"], size).astype(np.float64)
    if view["valid"] is not None:
        valid = _numbers(folder, view["valid"], size) != 0
        image = np.where(valid, image, image[valid].min())
    K, sdd = np.array(view["K"]), view["sdd_mm"] or ANY_SDD_MM
    return View(image, K, np.array(view["camera_from_rig"]), sdd, (float(sdd / K[0, 0]), float(sdd / K[1, 1])))


def _numbers(folder: Path, file: dict[str, Any], shape: tuple[int, ...]) -> Array:
    count = int(np.prod(shape))
    return np.fromfile(folder / file["path"], file["type"], count, offset=file["offset_bytes"]).reshape(shape)


def write_answer(folder: Path, answer: Answer) -> None:
    """Write ``answer.json``; rounding in single precision is removed from the rotation."""
    pose = np.array(answer.pose, dtype=np.float64)
    left, _, right = np.linalg.svd(pose[:3, :3])
    pose[:3, :3] = left @ right
    pose[3] = (0, 0, 0, 1)
    written = {"pose": pose.tolist(), "drr_evaluations": answer.renderings}
    (folder / "answer.json").write_text(json.dumps(written))
