"""Poses of a table: rigid, rounded (and then made rigid), or refused by what they are instead."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.errors import FluorobenchError
from bench.geometry import Matrix
from bench.geometry.rigid import RIGID_TOLERANCE

if TYPE_CHECKING:
    from bench.exchange.answers import Answer

# Largest entry of R Rᵀ - 1 that numbers of four decimals leave.
_ROUNDED = 5e-4
# A pose further away has lost the digits that errors are computed from.
_FARTHEST_MM = 1e7
_LARGEST = 1e12


class NotRigidAnswerError(FluorobenchError):
    """A pose that is no rigid transform."""


def require_rigid_answers(answers: "Sequence[Answer]") -> "tuple[list[Answer], list[str]]":
    """The answers with rigid poses, and a sentence where numbers were rounded.

    Raises:
        NotRigidAnswerError: Poses that are mirrored, scaled, transposed or no transform at all.
    """
    posed = [number for number, each in enumerate(answers) if each.pose is not None]
    if not posed:
        return list(answers), []
    poses = np.stack([pose for number in posed if (pose := answers[number].pose) is not None])
    for what, is_so in _FAULTS.items():
        bad = np.flatnonzero(is_so(poses))
        if bad.size:
            first = answers[posed[int(bad[0])]]
            raise NotRigidAnswerError(f"{bad.size} of {len(posed)} poses {what}, the first of {first.name}")
    rounded = _deviation(poses) > RIGID_TOLERANCE
    poses[rounded, :3, :3] = _nearest_rotations(poses[rounded, :3, :3])
    mended = list(answers)
    for number, pose in zip(posed, poses, strict=True):
        mended[number] = replace(answers[number], pose=pose)
    count = int(rounded.sum())
    said = f"{count} rotations are rounded; the nearest rotations were taken: write R with all digits"
    return mended, [said] if count else []


def unrounded(pose: Matrix) -> Matrix:
    """A pose (4x4) whose rotation is only rounded with the nearest rotation; any other one as it is."""
    # Beyond, products of its numbers are none.
    if not np.abs(pose).max() <= _LARGEST or not (RIGID_TOLERANCE < _deviation(pose[None])[0] <= _ROUNDED):
        return pose
    mended = pose.copy()
    mended[:3, :3] = _nearest_rotations(pose[None, :3, :3])[0]
    return mended


def _deviation(poses: Matrix) -> Matrix:
    """Largest entry of R Rᵀ - 1, (n,)."""
    R = poses[:, :3, :3]
    return np.asarray(np.abs(R @ R.swapaxes(1, 2) - np.eye(3)).max(axis=(1, 2)))


def _nearest_rotations(matrices: Matrix) -> Matrix:
    u, _, v = np.linalg.svd(matrices)
    return np.asarray(u @ v)


def _orthogonal(poses: Matrix) -> NDArray[np.bool_]:
    return _deviation(poses) <= _ROUNDED


def _has_last_row(poses: Matrix) -> NDArray[np.bool_]:
    return np.asarray(np.abs(poses[:, 3] - (0, 0, 0, 1)).max(axis=1) <= RIGID_TOLERANCE)


def _transposed(poses: Matrix) -> NDArray[np.bool_]:
    return ~_has_last_row(poses) & _has_last_row(poses.swapaxes(1, 2)) & _orthogonal(poses)


def _scale(poses: Matrix) -> Matrix:
    """Cube root of the determinant's size, (n,)."""
    return np.asarray(np.cbrt(np.abs(np.linalg.det(poses[:, :3, :3]))))


def _scaled(poses: Matrix) -> NDArray[np.bool_]:
    scale = np.maximum(_scale(poses), 1e-12)
    unscaled = poses.copy()
    unscaled[:, :3, :3] /= scale[:, None, None]
    return np.asarray(_orthogonal(unscaled) & (np.abs(scale - 1) > _ROUNDED))


_FAULTS: Mapping[str, Callable[[Matrix], NDArray[np.bool_]]] = {
    "have numbers beyond any length": lambda poses: np.abs(poses).max(axis=(1, 2)) > _LARGEST,
    "are written column by column (transposed); write them row by row": _transposed,
    "have another last row than 0 0 0 1": lambda poses: ~_has_last_row(poses),
    "are scaled (R is a rotation times a number); give the rotation alone": _scaled,
    "are mirrored (the determinant of R is -1): an axis of image or world is reversed; give a rotation": lambda poses: (
        _orthogonal(poses) & (np.linalg.det(poses[:, :3, :3]) < 0)
    ),
    "are not rigid (R is no rotation); give the nearest one": lambda poses: ~_orthogonal(poses),
    f"lie beyond {_FARTHEST_MM:g} mm": lambda poses: np.abs(poses[:, :3, 3]).max(axis=1) > _FARTHEST_MM,
}
