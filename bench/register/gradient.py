"""First-order search: any similarity climbed along its exact pose gradient, by Adam or L-BFGS, coarse to fine.

The gradient is the similarity's by the image (torch) times the image's by the pose (the projector's derivative
images): no graph goes through the volume.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from scipy.optimize import minimize

from bench.contract import Estimate, Outcome, Problem, Trace, View
from bench.drr import AttenuationMap, project_with_jacobian
from bench.geometry import Matrix
from bench.optimise import Box
from bench.register.contrast import contrast_map
from bench.register.pyramid import LevelView, bin_factor, bin_view, coarsened
from bench.register.residuals import sane_poses, twist_from_theta
from bench.register.search import Prepared, Search, SearchError
from bench.registry import build
from bench.similarity import Similarity
from bench.volume import Volume

ValueAndSlope: TypeAlias = Callable[[Matrix], tuple[Matrix, Matrix]]

_COARSENINGS = (1, 2, 4)
# Value passed to L-BFGS for a pose with the volume at or behind a source: worse than any similarity, zero gradient.
_BARRED = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientLevel:
    """One level of the pyramid.

    Attributes:
        size: Pixels that the longer side of the detector is binned to, or a little more; 0 = not binned.
        iterations: Steps of Adam, or iterations of L-BFGS (each renders one image or a few).
        rate: Adam's step, as a share of the search half-widths.
        coarsening: The volume's voxels are merged by this factor: 1, 2 or 4.
        keep: Number of poses that are passed to the next level, those of largest similarity.
    """

    size: int
    iterations: int
    rate: float = 0.02
    coarsening: int = 1
    keep: int = 1

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.rate <= 0 or self.keep < 1 or self.coarsening not in _COARSENINGS:
            raise SearchError(
                f"a level needs iterations and keep of at least 1, rate > 0 and coarsening 1, 2 or 4; got {self}"
            )


@dataclass(frozen=True, kw_only=True)
class GradientSearch:
    """Climb the mean similarity of all views from several starts; the best pose ever seen is the answer.

    An image with its six derivatives counts as one DRR evaluation.

    Attributes:
        similarity: Name of a similarity plug-in that is differentiable.
        similarity_settings: Its settings.
        optimiser: ``adam`` moves all starts together; ``lbfgs`` (bounded) one after the other.
        levels: Coarse to fine.
        starts: The start, the nominal pose, then random poses of the search box.
        spread: Standard deviation of the random ones, as a share of the half-widths.
        background_hu: The moving volume's attenuation counts beyond that of this; None = all of it.
    """

    similarity: str = "lncc"
    similarity_settings: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    optimiser: Literal["adam", "lbfgs"] = "lbfgs"
    levels: tuple[GradientLevel, ...] = (
        GradientLevel(size=32, iterations=30, rate=0.04, coarsening=2),
        GradientLevel(size=64, iterations=25, rate=0.01),
        GradientLevel(size=128, iterations=20, rate=0.002),
    )
    starts: int = 8
    spread: float = 0.35
    background_hu: float | None = None

    def __post_init__(self) -> None:
        if not self.levels or self.starts < 1 or self.optimiser not in ("adam", "lbfgs"):
            raise SearchError(
                "a gradient search needs a level, a start and the optimiser adam or lbfgs; "
                f"got {len(self.levels)}, {self.starts} and {self.optimiser!r}"
            )
        if not getattr(self.build_similarity(), "differentiable", False):
            raise SearchError(
                f"a gradient search needs a differentiable similarity; {self.similarity!r} does not declare to be one: "
                "choose another one, or a method that uses values alone, such as opt_similarity"
            )

    def build_similarity(self) -> Similarity:
        """The similarity with its settings; raises what ``bench.registry.build`` raises."""
        built: Similarity = build("similarities", self.similarity, self.similarity_settings)
        return built

    def skip(self, problem: Problem) -> str | None:
        """Every view needs an image."""
        return "a view has no image" if any(view.image is None for view in problem.views) else None

    def prepare(self, volume: Volume, views: Sequence[View]) -> Prepared:
        """Attenuation at all coarsenings; kernels and similarity are called once."""
        finest = contrast_map(volume, self.background_hu)
        prepared = Prepared({factor: coarsened(finest, factor) for factor in _COARSENINGS}, volume.content_corners())
        Search(similarity=self.similarity, similarity_settings=self.similarity_settings).warm_up(prepared, views)
        return prepared

    def register(self, problem: Problem, prepared: Prepared) -> Estimate:
        """Find the pose."""
        return _Run(self, problem, prepared).estimate()


class _Run:
    """One registration under way, in scaled coordinates."""

    def __init__(self, settings: GradientSearch, problem: Problem, prepared: Prepared) -> None:
        self._settings, self._problem, self._prepared = settings, problem, prepared
        self._similarity = settings.build_similarity()
        self._box = Box(np.zeros(6), problem.search)
        self._seconds: dict[str, float] = {}
        self._trace: list[tuple[int, float]] = []
        self._drrs = 0

    def estimate(self) -> Estimate:
        points, values = self._starts(), np.full(self._settings.starts, np.inf)
        for level in self._settings.levels:
            began = time.perf_counter()
            points, values = self._level(level, points)
            phase = f"level_{level.size}"
            self._seconds[phase] = self._seconds.get(phase, 0.0) + time.perf_counter() - began
        lost = not np.isfinite(values[0])
        return Estimate(
            pose=self._problem.frame.pose(self._box.from_unit(points[0])),
            outcome=Outcome.DIVERGED if lost else Outcome.CONVERGED,
            seconds=self._seconds,
            drr_evaluations=self._drrs,
            trace=Trace(tuple(count for count, _ in self._trace), tuple(value for _, value in self._trace)),
        )

    def _starts(self) -> Matrix:
        given = np.stack([self._box.to_unit(self._problem.frame.parameters(self._problem.start)), np.zeros(6)])
        count, random = self._settings.starts, np.random.default_rng(self._problem.seed)
        others = np.clip(random.normal(size=(max(count - 2, 0), 6)) * self._settings.spread, -1, 1)
        return np.asarray(np.concatenate([given, others])[:count])

    def _level(self, level: GradientLevel, points: Matrix) -> tuple[Matrix, Matrix]:
        """The poses that a level keeps, best first, and minus their similarities."""
        factors = [bin_factor(view.camera, level.size) if level.size else 1 for view in self._problem.views]
        views = [bin_view(view, factor) for view, factor in zip(self._problem.views, factors, strict=True)]
        volume = self._prepared.attenuation[level.coarsening]
        climb = _adam if self._settings.optimiser == "adam" else _lbfgs
        best = climb(lambda x: self._descent(views, volume, x), points, level)
        order = np.argsort(best[1], kind="stable")[: level.keep]
        return best[0][order], best[1][order]

    def _descent(self, views: Sequence[LevelView], volume: AttenuationMap, points: Matrix) -> tuple[Matrix, Matrix]:
        """Minus the mean similarity (n,) of scaled poses (n, 6) and its gradient (n, 6); infinite at a source."""
        theta = self._box.from_unit(points)
        poses = self._problem.frame.pose(theta)
        values, slopes = np.zeros(len(theta)), np.zeros((len(theta), 6))
        for view in views:
            camera_from_world = view.camera_from_rig @ poses
            sane = sane_poses(camera_from_world, self._prepared.corners)
            values[~sane] = np.inf
            if sane.any():
                found, by_twist = self._compare(view, volume, camera_from_world[sane])
                values[sane] -= found / len(views)
                turn = twist_from_theta(theta[sane], view.camera_from_rig)
                slopes[sane] -= np.einsum("nji,nj->ni", turn, by_twist) / len(views)
        self._drrs += len(theta) * len(views)
        self._trace.append((self._drrs, -float(values.min())))
        return values, slopes * self._problem.search

    def _compare(self, view: LevelView, volume: AttenuationMap, poses: Matrix) -> tuple[Matrix, Matrix]:
        """Similarities (n,) and their gradients by twist (n, 6)."""
        images, by_twist = project_with_jacobian(volume, poses, view.camera, self._problem.centre)
        images.requires_grad_(True)
        values = self._similarity(view.fixed, images, view.valid)
        (by_image,) = torch.autograd.grad(values.sum(), [images])
        slopes = (by_image * by_twist).sum(dim=(2, 3))
        return values.detach().double().numpy(), slopes.double().numpy()


def _adam(descent: ValueAndSlope, points: Matrix, level: GradientLevel) -> tuple[Matrix, Matrix]:
    """Best points and values of every start; steps shrink to a tenth (D. P. Kingma and J. Ba, ICLR 2015)."""
    moving = torch.tensor(points, dtype=torch.float64)
    optimiser: Any = torch.optim.Adam([moving], lr=level.rate)
    fading = torch.optim.lr_scheduler.ExponentialLR(optimiser, gamma=0.1 ** (1 / level.iterations))
    best, lowest = points.copy(), np.full(len(points), np.inf)
    for _ in range(level.iterations):
        place: Matrix = moving.numpy().copy()
        values, slopes = descent(place)
        better = values < lowest
        best[better], lowest[better] = place[better], values[better]
        moving.grad = torch.tensor(np.where(np.isfinite(values)[:, None], slopes, 0.0))
        optimiser.step()
        fading.step()
        moving.clamp_(-1, 1)
    return best, lowest


def _lbfgs(descent: ValueAndSlope, points: Matrix, level: GradientLevel) -> tuple[Matrix, Matrix]:
    """Where L-BFGS-B ends from every start, within the search box."""
    ends: list[Matrix] = []
    lowest: list[float] = []

    def one(point: Matrix) -> tuple[float, Matrix]:
        values, slopes = descent(point[None])
        return (float(values[0]), slopes[0]) if np.isfinite(values[0]) else (_BARRED, np.zeros(6))

    for point in points:
        found = minimize(
            one, point, jac=True, method="L-BFGS-B", bounds=[(-1.0, 1.0)] * 6, options={"maxiter": level.iterations}
        )
        barred = float(found.fun) == _BARRED and not np.any(found.jac)
        ends.append(np.asarray(found.x, dtype=np.float64))
        lowest.append(np.inf if barred else float(found.fun))
    return np.stack(ends), np.array(lowest)
