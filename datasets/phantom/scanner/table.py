"""The patient table: a thin carbon shell round foam, curved up at the sides, in the air below the back."""

from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix
from bench.volume import FloatGrid, MaskGrid

_AIR_HU = -1000.0
_SKIN_HU = -400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """Distribution of tables, uniform; ranges are ours, by eye from clinical CTs.

    Attributes:
        share: Share of scans that show a table.
        gap_mm: Mattress between the lowest point of the back and the table.
        mattress_hu: Of that mattress.
        radius_mm: Of the top's curvature across.
        width_mm: From edge to edge.
        thickness_mm: From upper to lower shell.
        shell_mm: Thickness of the carbon shell.
        shell_hu: Of the shell.
        foam_hu: Between the shells.
        shift_mm: Of the table's middle against the grid's, to the left or right.
    """

    share: float = 0.85
    gap_mm: tuple[float, float] = (3.0, 18.0)
    mattress_hu: tuple[float, float] = (-985.0, -930.0)
    radius_mm: tuple[float, float] = (420.0, 900.0)
    width_mm: tuple[float, float] = (400.0, 530.0)
    thickness_mm: tuple[float, float] = (14.0, 40.0)
    shell_mm: tuple[float, float] = (1.0, 2.5)
    shell_hu: tuple[float, float] = (-150.0, 150.0)
    foam_hu: tuple[float, float] = (-960.0, -860.0)
    shift_mm: tuple[float, float] = (-20.0, 20.0)


def with_table(hu: FloatGrid, spacing_mm: Matrix, settings: TableSettings, generator: np.random.Generator) -> FloatGrid:
    """A copy of the patient on a drawn table; a patient without air below stays as it is.

    Args:
        hu: True HU, float32 (i left, j posterior, k superior).
        spacing_mm: Voxel edges.
        settings: What to draw from; the draws take the same count of random numbers with and without a table.
        generator: Random generator.
    """
    shown = generator.random() < settings.share
    ranges = (settings.gap_mm, settings.mattress_hu, settings.radius_mm, settings.width_mm, settings.thickness_mm)
    gap, mattress, radius, width, thickness = (float(generator.uniform(*each)) for each in ranges)
    more = (settings.shell_mm, settings.shell_hu, settings.foam_hu, settings.shift_mm)
    shell, shell_hu, foam_hu, shift = (float(generator.uniform(*each)) for each in more)
    x = (np.arange(hu.shape[0], dtype=np.float64) - (hu.shape[0] - 1) / 2) * spacing_mm[0] - shift
    # Concave upwards: the edges of the top lie higher, towards anterior.
    rise = radius - np.sqrt(np.maximum(radius**2 - np.square(x), 0.0))
    back = _back_mm(hu, float(spacing_mm[1]))
    touched = np.isfinite(back)
    if not shown or not touched.any():
        return hu.copy()
    top = float((back + rise)[touched].max()) + gap
    y = np.arange(hu.shape[1], dtype=np.float64) * spacing_mm[1]
    below = (y[None, :] + rise[:, None] - top).astype(np.float32)
    sideways = (width / 2 - np.abs(x))[:, None]
    depth = np.minimum(np.minimum(below, thickness - below), sideways)
    step = float(spacing_mm[1])
    section = np.full(depth.shape, _AIR_HU, dtype=np.float32)
    _lay(section, np.minimum(np.minimum(below + gap, -below), sideways), mattress, step)
    _lay(section, depth, shell_hu, step)
    _lay(section, depth - shell, foam_hu, step)
    return _in_air_below(hu, section, back, step)


def _back_mm(hu: FloatGrid, step_mm: float) -> Matrix:
    """How far posterior the body reaches in each column i, mm from the first voxel; -inf where there is none."""
    dense: MaskGrid = np.max(hu, axis=2) > _SKIN_HU
    last = hu.shape[1] - 1 - np.argmax(dense[:, ::-1], axis=1)
    return np.asarray(np.where(dense.any(axis=1), last * step_mm, -np.inf))


def _lay(section: FloatGrid, depth: FloatGrid, hu: float, step_mm: float) -> None:
    """Paint over what lies there, by share of the voxel; depth in mm is positive inside."""
    share = np.clip(depth / np.float32(step_mm) + np.float32(0.5), 0, 1)
    section += share * (np.float32(hu) - section)


def _in_air_below(hu: FloatGrid, section: FloatGrid, back: Matrix, step_mm: float) -> FloatGrid:
    """Add the section to what air there is in each voxel behind the back of its column."""
    j = np.arange(hu.shape[1], dtype=np.float64) * step_mm
    behind = (j[None, :] > back[:, None] - step_mm) | ~np.isfinite(back)[:, None]
    added = np.where(behind, section - np.float32(_AIR_HU), np.float32(0)).astype(np.float32)
    air = np.clip(hu * np.float32(-1e-3), 0, 1)
    return np.asarray(hu + air * added[..., None], dtype=np.float32)
