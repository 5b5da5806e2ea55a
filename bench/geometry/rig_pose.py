"""The pose of a rig from 3D landmarks and the pixels where they were clicked, in one or several views.

Candidates come from OpenCV's solvers in every view with three clicks or more (P3P, EPnP, SQPnP, IPPE), and from a rough
pose where one is known, else from the 24 turns of a cube; each is refined by least squares over all views together.
What the clicks leave undetermined is stated: standard deviations by the Jacobian at an assumed error of a click, and
every other pose that fits the clicks as well.

A rough pose (a named view, a header's angles) also enters as a prior of the rotation alone: landmarks on one line, such
as the centres of vertebral bodies, leave the rotation about that line open.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from bench.errors import FluorobenchError
from bench.geometry.opencv import pose_candidates
from bench.geometry.rig import Rig
from bench.geometry.rigid import Matrix, compose, invert, rotation_angle_deg, transform_points

CLICK_SD_MM = 2.0
"""Assumed standard deviation of a click along either axis of the image, at the landmark."""

PRIOR_SD_DEG = 15.0
"""Standard deviation of a rough pose about each axis."""

MAX_ROTATION_SD_DEG = 10.0
"""Above it a rotation counts as not determined."""

MAX_DEPTH_SD_MM = 40.0
"""Above it the depth counts as not determined."""

# Chi-square of one more unknown at three standard deviations: a fit that is worse by less is no worse.
_ALIKE = 9.0
_OTHER_DEG, _OTHER_MM = 5.0, 5.0
_PENALTY = 1e3
_NEAREST_MM = 10.0
_OPEN = 1e-9


class RigPoseError(FluorobenchError):
    """Clicks that do not determine a pose."""


@dataclass(frozen=True, slots=True, eq=False)
class Click:
    """One landmark in one view.

    Attributes:
        name: Of the landmark.
        view: Index of the view.
        point: (3,), LPS mm.
        pixel: (2,), (column, row) of the image as seen from the source.
    """

    name: str
    view: int
    point: Matrix
    pixel: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class RigPose:
    """A pose with its residuals and what the clicks leave undetermined.

    Attributes:
        pose: rig_from_world, 4x4, mm.
        residuals_px: (n,) distance of each click from its projected landmark.
        residuals_mm: (n,) the same at the landmark's depth.
        rotation_sd_deg: (3,) standard deviations about the best to the worst determined axis, by the clicks alone.
        open_axis: (3,) unit vector in the world about which the rotation is determined least.
        translation_sd_mm: (3,) of the landmarks' centre along the rig's axes, by the clicks alone.
        others: Poses that fit the clicks as well, best first.
        prior_used: Whether a rough pose took part.
    """

    pose: Matrix
    residuals_px: Matrix
    residuals_mm: Matrix
    rotation_sd_deg: Matrix
    open_axis: Matrix
    translation_sd_mm: Matrix
    others: tuple[Matrix, ...]
    prior_used: bool

    @property
    def rms_px(self) -> float:
        """Root mean square residual, pixels."""
        return float(np.sqrt(np.mean(self.residuals_px**2)))

    @property
    def rms_mm(self) -> float:
        """Root mean square residual, mm at the landmarks."""
        return float(np.sqrt(np.mean(self.residuals_mm**2)))


def rig_pose(rig: Rig, clicks: Sequence[Click], *, rough: Matrix | None = None) -> RigPose:
    """Find the pose.

    Args:
        rig: Cameras of the images in which the pixels were clicked.
        clicks: Three or more; two with a rough pose.
        rough: rig_from_world that is right to some 15 degrees, 4x4, mm.

    Raises:
        RigPoseError: Too few clicks, or none of the candidates puts all landmarks before their source.
    """
    needed = 3 if rough is None else 2
    if len(clicks) < needed:
        hint = "" if rough is not None else ", or state a rough view (--start AP --depth-mm 700); then two suffice"
        raise RigPoseError(f"a pose needs at least {needed} clicked landmarks; got {len(clicks)}: click more{hint}")
    task = _Task(rig, tuple(clicks), rough)
    found = sorted(
        (each for each in map(task.refined, task.candidates()) if task.in_front(each[0])), key=lambda each: each[1]
    )
    if not found:
        raise RigPoseError(
            "no pose puts all clicked landmarks before the source; check the names and pixels of the landmarks, and "
            "whether the image is mirrored (--flip)"
        )
    pose = found[0][0]
    rotation_sd, axis, translation_sd = task.deviations(pose)
    pixels = task.residuals_px(pose)
    return RigPose(
        pose=pose,
        residuals_px=np.linalg.norm(pixels, axis=1),
        residuals_mm=np.linalg.norm(pixels, axis=1) * task.pixel_mm(pose),
        rotation_sd_deg=rotation_sd,
        open_axis=axis,
        translation_sd_mm=translation_sd,
        others=_as_good(task, found),
        prior_used=rough is not None,
    )


def _as_good(task: "_Task", found: Sequence[tuple[Matrix, float]]) -> tuple[Matrix, ...]:
    """Poses that fit as well as the first one and differ from it and from one another; ``found`` is sorted by cost."""
    distinct = [found[0][0]]
    for pose, cost in found[1:]:
        if 2 * (cost - found[0][1]) < _ALIKE and all(task.differ(pose, known) for known in distinct):
            distinct.append(pose)
    return tuple(distinct[1:])


def contradicting(rig: Rig, clicks: Sequence[Click], found: RigPose, *, rough: Matrix | None = None) -> Click | None:
    """The click without which all others fit three times as well, where there is one: a wrong name, side or pixel."""
    spare = 2 * len(clicks) - 6
    if spare < 4 or found.rms_mm < CLICK_SD_MM:
        return None
    trials = list[tuple[float, Click]]()
    for index, click in enumerate(clicks):
        rest = [*clicks[:index], *clicks[index + 1 :]]
        try:
            trials.append((rig_pose(rig, rest, rough=rough).rms_mm, click))
        except RigPoseError:
            continue
    if not trials:
        return None
    best = min(trials, key=lambda each: each[0])
    return best[1] if 3 * best[0] < found.rms_mm else None


class _Task:
    """Clicks of one rig, and the misfit of a pose."""

    def __init__(self, rig: Rig, clicks: tuple[Click, ...], rough: Matrix | None) -> None:
        self._rig, self._clicks, self._rough = rig, clicks, rough
        self._points = np.stack([np.asarray(click.point, dtype=np.float64) for click in clicks])
        self._pixels = np.stack([np.asarray(click.pixel, dtype=np.float64) for click in clicks])
        self._views = np.array([click.view for click in clicks])
        members = [rig.cameras[click.view] for click in clicks]
        self._K = np.stack([member.camera.K for member in members])
        self._from_rig = np.stack([member.camera_from_rig for member in members])
        self._centre = self._points.mean(axis=0)
        self._mm_per_px = self._scale()

    def candidates(self) -> Iterator[Matrix]:
        """Poses to refine."""
        if self._rough is not None:
            yield self._rough
            yield self._placed(self._rough[:3, :3])
        for view in np.unique(self._views):
            chosen = self._views == view
            if chosen.sum() < 3:
                continue
            member = self._rig.cameras[int(view)]
            back = invert(member.camera_from_rig)
            for pose in pose_candidates(self._points[chosen], self._pixels[chosen], member.camera):
                yield back @ pose
        if self._rough is None:
            for turn in Rotation.create_group("O"):
                yield self._placed(turn.as_matrix())

    def refined(self, pose: Matrix) -> tuple[Matrix, float]:
        """The nearest minimum of the misfit, and its cost (half the squared misfit in standard deviations)."""
        depth = float(np.median(self._depths(pose)))
        scale = np.array([1, 1, 1, *[max(abs(depth), 1.0)] * 3])

        def misfit(unknown: Matrix) -> Matrix:
            return self._misfit(self._moved(pose, unknown * scale))

        found = optimize.least_squares(misfit, np.zeros(6), method="trf", max_nfev=200)
        return self._moved(pose, np.asarray(found.x) * scale), float(found.cost)

    def in_front(self, pose: Matrix) -> bool:
        """Whether all landmarks lie before the sources of their views."""
        return bool((self._depths(pose) > 0).all())

    def differ(self, first: Matrix, second: Matrix) -> bool:
        """Whether two poses differ by more than some degrees or mm."""
        apart = transform_points(first, self._points) - transform_points(second, self._points)
        far = float(np.linalg.norm(apart, axis=1).max()) > _OTHER_MM
        return rotation_angle_deg(first, second) > _OTHER_DEG or far

    def residuals_px(self, pose: Matrix) -> Matrix:
        """(n, 2) projected less clicked, pixels."""
        seen = self._in_cameras(pose)
        projected = np.einsum("nij,nj->ni", self._K, seen)
        return np.asarray(projected[:, :2] / projected[:, 2:] - self._pixels)

    def pixel_mm(self, pose: Matrix) -> Matrix:
        """(n,) mm that a pixel shows at the depth of each landmark."""
        return np.asarray(self._depths(pose) / np.sqrt(self._K[:, 0, 0] * self._K[:, 1, 1]))

    def deviations(self, pose: Matrix) -> tuple[Matrix, Matrix, Matrix]:
        """Standard deviations by the clicks alone: see ``RigPose``."""
        steps = np.array([1e-5] * 3 + [1e-3] * 3)
        columns = [
            (self._clicked(self._moved(pose, step)) - self._clicked(self._moved(pose, -step))) / (2 * size)
            for step, size in zip(np.diag(steps), steps, strict=True)
        ]
        jacobian = np.stack(columns, axis=1)
        values, vectors = np.linalg.eigh(jacobian.T @ jacobian)
        # Open directions get a large but finite deviation, so that the sums below stay defined.
        covariance = vectors @ np.diag(1 / np.maximum(values, _OPEN * values.max())) @ vectors.T
        variances, axes = np.linalg.eigh(covariance[:3, :3])
        rotation_sd = np.degrees(np.sqrt(np.maximum(variances, 0)))
        axis = pose[:3, :3].T @ axes[:, -1]
        return np.minimum(rotation_sd, 180.0), np.asarray(axis), np.sqrt(np.maximum(np.diag(covariance)[3:], 0))

    def _scale(self) -> float:
        """Mm at the landmarks that a pixel shows: a fixed one, or poses near the source would seem to fit better."""
        extents = [
            (float(pdist(self._pixels[chosen]).max()), float(pdist(self._points[chosen]).max()))
            for chosen in (self._views == view for view in np.unique(self._views))
            if chosen.sum() > 1
        ]
        px, mm = max(extents, default=(0.0, 0.0))
        return mm / px if px > 0 and mm > 0 else 0.3

    def _placed(self, rotation: Matrix) -> Matrix:
        """A pose of that rotation with the landmarks' centre on its ray, at the depth that their spread suggests."""
        view = int(np.bincount(self._views).argmax())
        chosen = self._views == view
        camera, from_rig = self._rig.cameras[view].camera, self._rig.cameras[view].camera_from_rig
        focal = float(camera.K[0, 0])
        spread_px = max(float(np.ptp(self._pixels[chosen], axis=0).max()), 1.0)
        turned = self._points[chosen] @ (from_rig[:3, :3] @ rotation).T
        spread_mm = float(np.ptp(turned[:, :2], axis=0).max())
        depth = focal * spread_mm / spread_px if spread_mm > 1 else 2 * focal
        ray = (self._pixels[chosen].mean(axis=0) - camera.K[:2, 2]) / camera.K[[0, 1], [0, 1]]
        place = np.array([*ray, 1.0]) * float(np.clip(depth, 100, 5000))
        in_rig = transform_points(invert(from_rig), place)
        return compose(rotation, in_rig - rotation @ self._points[chosen].mean(axis=0))

    def _in_cameras(self, pose: Matrix) -> Matrix:
        in_rig = transform_points(pose, self._points)
        return np.asarray(np.einsum("nij,nj->ni", self._from_rig[:, :3, :3], in_rig) + self._from_rig[:, :3, 3])

    def _depths(self, pose: Matrix) -> Matrix:
        return np.asarray(self._in_cameras(pose)[:, 2])

    def _clicked(self, pose: Matrix) -> Matrix:
        """(2 n,) misfit of the clicks in standard deviations; it grows behind the source, to drive searches back."""
        seen = self._in_cameras(pose)
        depth = np.maximum(seen[:, 2:], _NEAREST_MM)
        off = seen[:, :2] / depth * self._K[:, [0, 1], [0, 1]] + self._K[:, :2, 2] - self._pixels
        behind = _PENALTY * np.maximum(_NEAREST_MM - seen[:, 2:], 0)
        return np.asarray(((off * self._mm_per_px + behind) / CLICK_SD_MM).ravel())

    def _misfit(self, pose: Matrix) -> Matrix:
        if self._rough is None:
            return self._clicked(pose)
        turn = Rotation.from_matrix(pose[:3, :3] @ self._rough[:3, :3].T).as_rotvec(degrees=True)
        return np.concatenate([self._clicked(pose), turn / PRIOR_SD_DEG])

    def _moved(self, pose: Matrix, unknown: Matrix) -> Matrix:
        """The pose turned about the landmarks' centre (rad, rig axes) and shifted (mm)."""
        rotation = Rotation.from_rotvec(unknown[:3]).as_matrix() @ pose[:3, :3]
        return compose(rotation, transform_points(pose, self._centre) + unknown[3:] - rotation @ self._centre)
