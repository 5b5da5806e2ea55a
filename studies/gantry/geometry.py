"""Which geometry of the machine makes answers to single views agree.

An answer to a single view states where in the image every point of the CT is seen; depth and turns that one view leaves
open hardly change it. These places are the measurements. One position of the CT, the machine's gantry
angles and a camera must explain those of all views (bundle adjustment, least squares); the camera is the stated one, or
has unknowns of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.spatial.transform import Rotation

from bench.geometry import Camera, Matrix, compose, transform_points

MODELS: tuple[tuple[str, ...], ...] = (
    (), ("f",), ("v",), ("u", "v"), ("f", "v"), ("f", "u", "v"), ("u*", "v*"), ("f", "u*", "v*"), ("u*", "v*", "roll*"),
)  # fmt: skip
"""Unknowns of the camera: ``f`` (focal length, %), ``u``, ``v`` (principal point, px), ``roll`` (of the panel, deg);
with ``*`` one of each gantry angle, of which the middle one stays as stated, since the CT's position moves with it."""


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What the machine and the data set state.

    Attributes:
        points: (n, 3) of the CT, LPS mm.
        camera: As stated.
        stand: camera_from_rig of each view, 4x4, mm.
        rig_from_ct: Where the CT lies, 4x4, mm; the fit begins there.
    """

    points: Matrix
    camera: Camera
    stand: tuple[Matrix, ...]
    rig_from_ct: Matrix

    @property
    def mm_per_px(self) -> float:
        """At the depth of the points' middle."""
        depth = transform_points(self.rig_from_ct, self.points.mean(axis=0))[2]
        return float(depth / self.camera.K[0, 0])


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A geometry.

    Attributes:
        rig_from_ct: 4x4, mm.
        unknowns: By name, ``u0`` for the first view's.
        rms_mm: Distance of measured and explained places, at the depth of the points, of each view; empty without a
            fit.
    """

    rig_from_ct: Matrix
    unknowns: dict[str, float]
    rms_mm: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


def seen(points: Matrix, camera_from_ct: Matrix, K: Matrix) -> Matrix:
    """Pixels (n, 2) at which a pose places points."""
    homogeneous = transform_points(camera_from_ct, points) @ K.T
    return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:])


def fit(setup: Setup, answers: Sequence[Matrix], model: Sequence[str]) -> Fit:
    """The geometry with the given unknowns that explains one answer (camera_from_ct) to each view best."""
    names = _names(model, len(answers))
    places = [seen(setup.points, answer, setup.camera.K) for answer in answers]

    def misfit(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        found = dict(zip(names, numbers[6:].tolist(), strict=True))
        rig_from_ct = _moved(setup, numbers[:6])
        return np.stack([
            seen(setup.points, _stand(setup, found, view) @ rig_from_ct, _intrinsics(setup, found, view)) - places[view]
            for view in range(len(answers))
        ])  # fmt: skip

    def all_misfits(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        return misfit(numbers).ravel()

    numbers = np.asarray(optimize.least_squares(all_misfits, np.zeros(6 + len(names)), x_scale="jac").x)
    rms = np.sqrt((misfit(numbers) ** 2).sum(axis=2).mean(axis=1)) * setup.mm_per_px
    return Fit(_moved(setup, numbers[:6]), dict(zip(names, numbers[6:].tolist(), strict=True)), rms)


def corrected(setup: Setup, found: Fit, view: int, answer: Matrix) -> Matrix:
    """The pose that, under a fitted camera, places the points where an answer under the stated one does."""
    places, K = seen(setup.points, answer, setup.camera.K), _intrinsics(setup, found.unknowns, view)
    middle = setup.points.mean(axis=0)

    def pose(numbers: NDArray[np.float64]) -> Matrix:
        turn = Rotation.from_rotvec(numbers[:3], degrees=True).as_matrix() @ answer[:3, :3]
        return compose(turn, transform_points(answer, middle) + numbers[3:] - turn @ middle)

    def misfit(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ravel(seen(setup.points, pose(numbers), K) - places)

    return pose(np.asarray(optimize.least_squares(misfit, np.zeros(6)).x))


def stand(setup: Setup, found: Fit, view: int) -> Matrix:
    """camera_from_rig of a fitted geometry."""
    return _stand(setup, found.unknowns, view)


def _names(model: Sequence[str], views: int) -> list[str]:
    free = [view for view in range(views) if view != views // 2]
    return [name for each in model for name in ([f"{each[:-1]}{k}" for k in free] if each.endswith("*") else [each])]


def _moved(setup: Setup, numbers: NDArray[np.float64]) -> Matrix:
    """rig_from_ct after turns (degrees) about the middle of the points and shifts (mm)."""
    middle = transform_points(setup.rig_from_ct, setup.points.mean(axis=0))
    turn = Rotation.from_rotvec(numbers[:3], degrees=True).as_matrix()
    return np.asarray(compose(turn, middle - turn @ middle + numbers[3:]) @ setup.rig_from_ct)


def _stand(setup: Setup, unknowns: dict[str, float], view: int) -> Matrix:
    angle = unknowns.get("roll", 0.0) + unknowns.get(f"roll{view}", 0.0)
    roll = Rotation.from_rotvec([0, 0, angle], degrees=True).as_matrix()
    return np.asarray(compose(roll, np.zeros(3)) @ setup.stand[view])


def _intrinsics(setup: Setup, unknowns: dict[str, float], view: int) -> Matrix:
    K = setup.camera.K.copy()
    K[[0, 1], [0, 1]] *= 1 + unknowns.get("f", 0.0) / 100
    for axis, name in enumerate("uv"):
        K[axis, 2] += unknowns.get(name, 0.0) + unknowns.get(f"{name}{view}", 0.0)
    return K
