"""Coarse-to-fine Levenberg-Marquardt on the projector's derivative images."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.contract import Estimate, Outcome, Problem, Trace, View
from bench.drr import AttenuationMap, project_with_jacobian
from bench.errors import FluorobenchError
from bench.geometry import Matrix, StandardView, nominal_pose
from bench.register.pyramid import bin_factor, bin_view, coarsened
from bench.register.residuals import ImageResiduals, NormalEquations, Residuals
from bench.register.search import Prepared
from bench.register.windows import Background, WindowResiduals
from bench.volume import Volume

_COARSENINGS = (1, 2)
_LEAST_DAMPING, _MAX_DAMPING = 1e-7, 1e4
_EASE, _STIFFEN = 0.1, 10.0
_MAX_CONDITION = 1e12


class LeastSquaresError(FluorobenchError):
    """Invalid settings of a least-squares registration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastSquaresLevel:
    """One level of the pyramid.

    Attributes:
        size: Pixels that the longer side of the detector is binned to, or a little more; 0 = not binned.
        iterations: Steps tried, at most; each is one rendered image per view and pose.
        blur: Standard deviation of the images' blur, in the level's pixels.
        coarsening: The volume's voxels are merged by this factor: 1 or 2.
        window: Side in pixels of the windows that are normalised one by one; 0 = the image as a whole. Windows are not
            blurred, and know no ``huber``.
        stride: Pixels from one window to the next.
        tolerance: A pose takes a step in which no parameter moves by more, as a share of the search half-widths, as
            its last, without rendering it.
        keep: Number of poses that are passed to the next level, those of least residual.
    """

    size: int
    iterations: int
    blur: float = 0.0
    coarsening: int = 1
    window: int = 0
    stride: int = 2
    tolerance: float = 1e-3
    keep: int = 1

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.keep < 1 or self.blur < 0 or self.coarsening not in _COARSENINGS:
            raise LeastSquaresError(
                f"a level needs iterations and keep of at least 1, blur >= 0 and coarsening 1 or 2; got {self}"
            )
        if self.window in (1, 2) or self.window < 0 or self.stride < 1:
            raise LeastSquaresError(
                f"windows need 3 pixels a side or more (0 = none) and a stride of at least 1; got {self}"
            )


@dataclass(frozen=True, kw_only=True)
class LeastSquares:
    """Least squares on zero-mean, unit-norm images, by Levenberg-Marquardt steps in theta.

    All starts of a level are one projector call per view and iteration. Steps are cut at the problem's search box. An
    image with its six derivatives counts as one DRR evaluation. The covariance is that of independent residuals of
    equal variance at the last level: right for noise there, too small where the model itself is wrong, as it is on a
    binned level (rays through pixel centres against means over pixels).
    Theta's angles are singular at ry = 90 degrees: turn the nominal pose rather than search there.

    Attributes:
        levels: Coarse to fine.
        starts: Poses the first level starts from: the start, the nominal pose, then random ones of the search box.
        spread: Standard deviation of the random ones, as a share of the half-widths.
        damping: Initial one, as a share of the normal matrix' diagonal.
        huber: Residuals beyond so many robust deviations weigh less; None = plain least squares.
        max_drrs: Rendered images allowed, over all views, starts and levels; None = no limit.
    """

    levels: tuple[LeastSquaresLevel, ...] = (
        LeastSquaresLevel(size=16, iterations=7, blur=1.0, coarsening=2, tolerance=0.04),
        LeastSquaresLevel(size=32, iterations=6, blur=1.0, coarsening=2, tolerance=0.02),
        LeastSquaresLevel(size=64, iterations=5, blur=0.7, tolerance=0.008),
        LeastSquaresLevel(size=256, iterations=3, tolerance=0.004),
    )
    starts: int = 8
    spread: float = 0.35
    damping: float = 1e-2
    huber: float | None = None
    max_drrs: int | None = None

    def __post_init__(self) -> None:
        if not self.levels or self.starts < 1 or self.damping <= 0 or (self.huber is not None and self.huber <= 0):
            raise LeastSquaresError(
                "least squares needs a level, a start, damping > 0 and huber > 0 or none; "
                f"got {len(self.levels)} levels, {self.starts} starts, damping {self.damping}, huber {self.huber}"
            )

    def skip(self, problem: Problem) -> str | None:
        """Every view needs an image."""
        return "a view has no image" if any(view.image is None for view in problem.views) else None

    def prepare(self, volume: Volume, views: Sequence[View]) -> Prepared:
        """Attenuation at the levels' coarsenings; the kernel is called once, so that it is compiled."""
        finest, corners = AttenuationMap.from_volume(volume), volume.content_corners()
        factors = sorted({level.coarsening for level in self.levels})
        prepared = Prepared({factor: coarsened(finest, factor) for factor in factors}, corners)
        self.warm_up(prepared, views)
        return prepared

    def warm_up(self, prepared: Prepared, views: Sequence[View]) -> None:
        """Call the kernel once."""
        corners = prepared.corners
        centre = corners.mean(axis=0)
        distance = 2 * float(np.linalg.norm(corners - centre, axis=1).max()) + 1
        poses = np.stack([nominal_pose(view, centre, distance) for view in (StandardView.AP, StandardView.LATERAL)])
        camera = views[0].camera.binned(bin_factor(views[0].camera, 64))
        for attenuation in prepared.attenuation.values():
            project_with_jacobian(attenuation, poses, camera, centre)

    def register(self, problem: Problem, prepared: Prepared) -> Estimate:
        """Find the pose."""
        return self.refine(problem, prepared, None)

    def refine(
        self, problem: Problem, prepared: Prepared, starts: Matrix | None, *, background: Background | None = None
    ) -> Estimate:
        """Find the pose from given starts: thetas (n, 6); None = those of the settings.

        ``background`` is added to every rendered image; levels without windows know none.
        """
        return self.refined(problem, prepared, starts, background=background).estimate

    def refined(
        self, problem: Problem, prepared: Prepared, starts: Matrix | None, *, background: Background | None = None
    ) -> "Refined":
        """``refine``, and how well the pose fits."""
        return _Run(self, problem, prepared, background).refined(starts)

    def costs(
        self, problem: Problem, prepared: Prepared, theta: Matrix, *, background: Background | None = None
    ) -> Matrix:
        """Costs (n,) of thetas (n, 6) at the first level."""
        return _Run(self, problem, prepared, background).costs(theta)


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """The answer of ``LeastSquares``, and how well it fits.

    Attributes:
        estimate: The answer.
        costs: The least at the end of each level, by its size.
        inverse: Of the normal matrix at the last level, times the cost there, (6, 6), degrees and mm: a covariance but
            for a factor, which depends on how far residuals depend on one another; None where a parameter is not
            determined.
    """

    estimate: Estimate
    costs: Mapping[int, float]
    inverse: Matrix | None


@dataclass(slots=True, eq=False)
class _Poses:
    """State of n poses at a level: best theta so far, its normal equations, damping, and which have converged."""

    theta: Matrix
    at: NormalEquations
    damping: Matrix
    settled: NDArray[np.bool_]

    def best(self, keep: int) -> Matrix:
        """The thetas of least cost, best first."""
        return np.asarray(self.theta[np.argsort(self.at.cost, kind="stable")[:keep]])

    def steps(self, moving: NDArray[np.intp]) -> Matrix:
        """Damped Gauss-Newton steps of some of the poses."""
        hessian = self.at.hessian[moving]
        diagonal = np.maximum(np.diagonal(hessian, axis1=1, axis2=2), np.finfo(np.float64).tiny)
        damped = hessian + (self.damping[moving, None] * diagonal)[:, :, None] * np.eye(6)
        return np.asarray(-np.linalg.solve(damped, self.at.gradient[moving][:, :, None])[:, :, 0], dtype=np.float64)

    def settle(self, poses: NDArray[np.intp], theta: Matrix) -> None:
        """Accept last steps without evaluation: the quadratic model holds for steps that small."""
        self.theta[poses] = theta
        self.settled[poses] = True

    def take(self, moving: NDArray[np.intp], theta: Matrix, tried: NormalEquations) -> None:
        """Accept what improved; raise the damping of what did not."""
        better = tried.cost < self.at.cost[moving]
        accepted = moving[better]
        self.theta[accepted] = theta[better]
        self.at.cost[accepted] = tried.cost[better]
        self.at.gradient[accepted] = tried.gradient[better]
        self.at.hessian[accepted] = tried.hessian[better]
        self.damping[moving] *= np.where(better, _EASE, _STIFFEN)
        np.clip(self.damping, _LEAST_DAMPING, _MAX_DAMPING, out=self.damping)


class _Run:
    """One registration under way."""

    def __init__(
        self, settings: LeastSquares, problem: Problem, prepared: Prepared, background: Background | None
    ) -> None:
        self._settings, self._problem, self._prepared = settings, problem, prepared
        self._background = background
        self._random = np.random.default_rng(problem.seed)
        self._seconds: dict[str, float] = {}
        self._trace: list[tuple[int, float]] = []
        self._costs: dict[int, float] = {}
        self._drrs = 0

    def refined(self, starts: Matrix | None) -> Refined:
        """Run the levels."""
        first, *others = self._settings.levels
        residuals, poses = self._level(first, self._starts() if starts is None else self._bounded(starts))
        for level, before in zip(others, self._settings.levels, strict=False):
            if not (np.isfinite(poses.at.cost).any() and self._affordable(before.keep)):
                break
            residuals, poses = self._level(level, poses.best(before.keep))
        return self._answer(residuals, poses)

    def costs(self, theta: Matrix) -> Matrix:
        """Of thetas (n, 6) at the first level."""
        return self._evaluate(self._residuals(self._settings.levels[0]), theta).cost

    def _starts(self) -> Matrix:
        """Thetas (n, 6) within the search box: start, nominal pose, random poses."""
        problem, count = self._problem, self._settings.starts
        given = np.stack([problem.frame.parameters(problem.start), np.zeros(6)])
        spread = self._settings.spread * problem.search
        random = self._random.normal(size=(max(count - len(given), 0), 6)) * spread
        if (limit := self._settings.max_drrs) is not None:
            count = min(count, max(limit // len(problem.views), 1))
        return self._bounded(np.concatenate([given, random])[:count])

    def _bounded(self, theta: Matrix) -> Matrix:
        return np.asarray(np.clip(theta, -self._problem.search, self._problem.search))

    def _affordable(self, poses: int) -> bool:
        limit = self._settings.max_drrs
        return limit is None or self._drrs + poses * len(self._problem.views) <= limit

    def _level(self, level: LeastSquaresLevel, theta: Matrix) -> tuple[Residuals, _Poses]:
        """Improve all poses until they settle, the iterations end or no image is left to spend."""
        began = time.perf_counter()
        residuals = self._residuals(level)
        damping = np.full(len(theta), self._settings.damping)
        poses = _Poses(theta.copy(), self._evaluate(residuals, theta), damping, np.zeros(len(theta), dtype=np.bool_))
        poses.settled |= ~np.isfinite(poses.at.cost)
        self._note(poses)
        for _ in range(level.iterations):
            moving, tried = self._steps(level, poses)
            if not (moving.size and self._affordable(len(moving))):
                break
            poses.take(moving, tried, self._evaluate(residuals, tried))
            self._note(poses)
        self._costs[level.size] = float(poses.at.cost.min())
        phase = f"level_{level.size}"
        self._seconds[phase] = self._seconds.get(phase, 0.0) + time.perf_counter() - began
        return residuals, poses

    def _steps(self, level: LeastSquaresLevel, poses: _Poses) -> tuple[NDArray[np.intp], Matrix]:
        """Step all active poses; those whose step is a last one converge there, the others' steps are tried."""
        moving = np.flatnonzero(~poses.settled)
        before = poses.theta[moving]
        tried = self._bounded(before + poses.steps(moving))
        small = (np.abs(tried - before) <= level.tolerance * self._problem.search).all(axis=1)
        poses.settle(moving[small], tried[small])
        return moving[~small], tried[~small]

    def _note(self, poses: _Poses) -> None:
        self._trace.append((self._drrs, -float(poses.at.cost.min())))

    def _evaluate(self, residuals: Residuals, theta: Matrix) -> NormalEquations:
        self._drrs += len(theta) * residuals.view_count
        return residuals(theta)

    def _residuals(self, level: LeastSquaresLevel) -> Residuals:
        views, corners, frame = self._problem.views, self._prepared.corners, self._problem.frame
        factors = [bin_factor(view.camera, level.size) if level.size else 1 for view in views]
        binned = [bin_view(view, factor) for view, factor in zip(views, factors, strict=True)]
        volume = self._prepared.attenuation[level.coarsening]
        if level.window:
            window, stride = level.window, level.stride
            return WindowResiduals(
                binned,
                factors,
                attenuation=volume,
                corners=corners,
                frame=frame,
                window=window,
                stride=stride,
                background=self._background,
            )
        blur, huber = level.blur, self._settings.huber
        return ImageResiduals(binned, factors, attenuation=volume, corners=corners, frame=frame, blur=blur, huber=huber)

    def _answer(self, residuals: Residuals, poses: _Poses) -> Refined:
        chosen = int(np.argmin(poses.at.cost))
        lost = not np.isfinite(poses.at.cost[chosen])
        ended = Outcome.CONVERGED if poses.settled[chosen] else Outcome.BUDGET
        inverse = None if lost else _inverse(poses.at.hessian[chosen], float(poses.at.cost[chosen]))
        # Each view's gain and offset were fitted too.
        freedom = residuals.residual_count - 6 - 2 * residuals.view_count
        estimate = Estimate(
            pose=self._problem.frame.pose(poses.theta[chosen]),
            outcome=Outcome.DIVERGED if lost else ended,
            seconds=self._seconds,
            drr_evaluations=self._drrs,
            covariance=None if inverse is None or freedom < 1 else inverse / freedom,
            trace=Trace(tuple(count for count, _ in self._trace), tuple(value for _, value in self._trace)),
        )
        return Refined(estimate, self._costs, inverse)


def _inverse(hessian: Matrix, cost: float) -> Matrix | None:
    """Inverse normal matrix (6, 6) times the cost; None where a parameter is not determined."""
    units: Matrix = np.sqrt(np.diagonal(hessian))
    if not (units > 0).all():
        return None
    correlation = hessian / (units[:, None] * units)
    strengths, axes = np.linalg.eigh(correlation)
    if strengths[0] * _MAX_CONDITION < strengths[-1]:
        return None
    # A square: no eigenvalue becomes negative by rounding.
    root: Matrix = np.asarray(axes / np.sqrt(strengths) / units[:, None] * np.sqrt(max(cost, 0.0)), dtype=np.float64)
    return np.asarray(root @ root.T)
