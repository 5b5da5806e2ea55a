"""Poses in another convention than ours, recognised by what would make them plausible, and named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.geometry import Matrix, rotation_angles_deg
from bench.geometry.converters.view import LPS_FROM_RAS

Mend: TypeAlias = Callable[[Matrix], Matrix]
# A pose that is farther from the nominal one than the search range and this is no answer to the case, but an error.
_FAR_DEG = 45.0
# The same of the rotation centre, in units of its depth.
_FAR_SHARE = 0.4
_MOST = 0.5


class Posed(Protocol):
    """What a problem and its record have in common."""

    @property
    def nominal(self) -> Any:
        """rig_from_world, 4x4, mm."""
        ...

    @property
    def centre(self) -> Any:
        """(3,), world mm."""
        ...

    @property
    def search(self) -> Any:
        """(6,), degrees and mm."""
        ...


@dataclass(frozen=True, slots=True)
class Mistake:
    """One way to write poses otherwise.

    Attributes:
        name: What they are then, for a message.
        remedy: What to give instead.
        mend: Makes them ours, (n, 4, 4).
    """

    name: str
    remedy: str
    mend: Mend


def _transposed(poses: Matrix) -> Matrix:
    mended = poses.copy()
    mended[:, :3, :3] = poses[:, :3, :3].swapaxes(1, 2)
    return mended


def _millimetres(poses: Matrix) -> Matrix:
    mended = poses.copy()
    mended[:, :3, 3] *= 1000
    return mended


def _inverted(poses: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(poses), dtype=np.float64)


def _flipped(*signs: float) -> Mend:
    return lambda poses: np.diag([*signs, 1.0]) @ poses


_AXES = "x right, y down, z from source to detector"
_ROWS = Mistake("rotations written column by column", "write R row by row", _transposed)
_METRES = Mistake("metres", "give t in millimetres", _millimetres)
_TO_WORLD = Mistake("camera-to-world (world_from_camera)", "give its inverse, x_camera = R x_world + t", _inverted)
_RAS = Mistake(
    "of a world in RAS", "negate the first two columns of R: world is LPS", lambda poses: poses @ LPS_FROM_RAS
)
_CAMERAS = (
    Mistake("of a camera that looks along -z (OpenGL)", f"camera axes are {_AXES}", _flipped(1.0, -1.0, -1.0)),
    Mistake("of a camera whose z leads to the source and x to the left", f"camera axes are {_AXES}",
            _flipped(-1.0, 1.0, -1.0)),
    Mistake("of an image turned by half a turn", f"camera axes are {_AXES}", _flipped(-1.0, -1.0, 1.0)),
)  # fmt: skip


def recognised(poses: Matrix, cases: Sequence[Posed]) -> tuple[Mistake, ...]:
    """The fewest mistakes that explain why most poses are far from any answer; none where they are not, or none does.

    Args:
        poses: rig_from_world as one program gave them, (n, 4, 4), rigid.
        cases: Theirs, in order.
    """
    if not len(poses) or _share_near(poses, cases) >= _MOST:
        return ()
    optional = [(None, each) for each in (_ROWS, _METRES, _TO_WORLD)]
    choices = product(*optional, (None, *_CAMERAS), (None, _RAS))
    combined = [tuple(each for each in choice if each is not None) for choice in choices]
    found = ((each, _share_near(_mended(poses, each), cases)) for each in sorted(combined, key=len) if each)
    return next((each for each, share in found if share > _MOST), ())


def _mended(poses: Matrix, mistakes: Sequence[Mistake]) -> Matrix:
    for each in mistakes:
        poses = each.mend(poses)
    return poses


def _share_near(poses: Matrix, cases: Sequence[Posed]) -> float:
    return float(near(poses, cases).mean())


def near(poses: Matrix, cases: Sequence[Posed]) -> NDArray[np.bool_]:
    """Which poses may be answers to their cases, good or bad: (n,)."""
    nominal, centre = np.array([each.nominal for each in cases]), np.array([each.centre for each in cases])
    search = np.array([each.search for each in cases])
    expected, found = _moved(nominal, centre), _moved(poses, centre)
    depth = np.linalg.norm(expected, axis=1)
    farthest = _FAR_SHARE * depth + np.linalg.norm(search[:, 3:], axis=1)
    turned = rotation_angles_deg(poses, nominal) <= _FAR_DEG + np.linalg.norm(search[:, :3], axis=1)
    return np.asarray(turned & (np.linalg.norm(found - expected, axis=1) <= farthest))


def _moved(poses: Matrix, points: Matrix) -> Matrix:
    return (poses[:, :3, :3] @ points[..., None])[..., 0] + poses[:, :3, 3]
