"""Coarse-to-fine search of the pose: the base of the classical methods, whose fields are their settings."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch

from bench.contract import Estimate, Outcome, Problem, Trace, View
from bench.drr import AttenuationMap, project
from bench.errors import FluorobenchError
from bench.geometry import Matrix, StandardView, nominal_pose, transform_points
from bench.optimise import Box, CmaEs, EvaluationBudget, Optimiser, Optimum, Powell, Stop, Vector, minimise
from bench.register.objective import ViewObjective
from bench.register.pyramid import COARSENINGS, bin_factor, bin_view, coarsened, evened
from bench.registry import build
from bench.similarity import Similarity
from bench.volume import Volume

# Pixels: where slices are thick, voxels may be so large across them, and no larger than the slices are thick.
_EVENED_PX = 1.5
# Half-widths, degrees and mm, that hold every pose.
_ANYWHERE = np.array([180.0, 180.0, 180.0, 1e4, 1e4, 1e4])


class SearchError(FluorobenchError):
    """Invalid settings of a search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of the pyramid.

    Lengths are shares of the problem's search half-widths.

    Attributes:
        size: Pixels that the longer side of the detector is binned to, or a little more; 0 = not binned.
        generations: CMA-ES generations, or Powell's sweeps; at most.
        population: Poses per generation (CMA-ES).
        sigma: Initial step (CMA-ES).
        reach: Bounds about the level's start; never beyond the problem's own.
        x_tolerance: Stop when the steps are smaller.
        f_tolerance: Stop when the similarity changes by less (Powell: relatively, per sweep).
    """

    size: int
    generations: int
    population: int = 20
    sigma: float = 0.25
    reach: float = 2.0
    x_tolerance: float = 1e-3
    f_tolerance: float = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Precomputed data of a patient.

    Attributes:
        attenuation: The volume by coarsening factor.
        corners: (8, 3) world corners of the content, mm.
    """

    attenuation: Mapping[int, AttenuationMap]
    corners: Matrix


def prepared_volume(volume: Volume) -> Prepared:
    """Attenuation of a volume at all coarsenings."""
    finest = AttenuationMap.from_volume(volume)
    return Prepared({factor: coarsened(finest, factor) for factor in COARSENINGS}, volume.content_corners())


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Poses to refine.

    Attributes:
        thetas: (n, 6), degrees and mm, best first, each unlike those before it; the first asked for where none had a
            value.
        drr_evaluations: Rendered images.
        trace: See ``Search.register``.
    """

    thetas: Matrix
    drr_evaluations: int
    trace: Trace


@dataclass(frozen=True, kw_only=True)
class Search:
    """Maximise the similarity of the rendered volume to all views, coarse to fine.

    The first level may be searched several times: from the start, from the nominal pose, then from random poses of the
    search box, until two searches end at the same pose. The best one continues through the other levels.

    Attributes:
        similarity: Name of a similarity plug-in.
        similarity_settings: Its settings.
        optimiser: Which optimiser runs the levels.
        levels: Coarse to fine.
        restarts: At most so many searches of the first level, at least 1.
        agreement: Two searches agree when no parameter differs by more, as a share of the half-widths.
        voxel_px: Copies of the volume are as coarse as their voxels' largest edge is so many pixels at most.
        prior: Taken off the first level's similarity times the squared distance from the nominal pose, in search
            half-widths: coarse images mislead mostly at the far ends of the search box.
        lr_adapt: CMA-ES adapts its learning rate.
        max_drrs: Rendered images allowed, over all views and levels; None = no limit.
        max_seconds: Wall time allowed; None = no limit. ``Outcome.SECONDS`` states where it ended the search, and no
            shipped row sets it.
    """

    similarity: str
    similarity_settings: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    optimiser: Literal["cmaes", "powell"] = "cmaes"
    levels: tuple[Level, ...] = (
        Level(size=32, population=40, generations=25, sigma=0.25, x_tolerance=0.01),
        Level(size=64, population=20, generations=20, sigma=0.03),
        Level(size=128, population=12, generations=20, sigma=0.005, x_tolerance=2e-4),
    )
    restarts: int = 4
    agreement: float = 0.1
    voxel_px: float = 1.0
    prior: float = 0.0
    lr_adapt: bool = False
    max_drrs: int | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.levels or self.restarts < 1 or self.prior < 0:
            raise SearchError(
                "a search needs at least one level, one (re)start and prior >= 0; "
                f"got {len(self.levels)}, {self.restarts} and {self.prior}"
            )
        self.build_similarity()

    def build_similarity(self) -> Similarity:
        """The similarity with its settings; raises what ``bench.registry.build`` raises."""
        built: Similarity = build("similarities", self.similarity, self.similarity_settings)
        return built

    @property
    def max_evaluations(self) -> int | None:
        """Poses evaluated at most; None where the optimiser has no such limit."""
        if self.optimiser != "cmaes":
            return None
        counts = [level.population * level.generations for level in self.levels]
        return self.restarts * counts[0] + sum(counts[1:])

    def skip(self, problem: Problem) -> str | None:
        """Every view needs an image."""
        return "a view has no image" if any(view.image is None for view in problem.views) else None

    def prepare(self, volume: Volume, views: Sequence[View]) -> Prepared:
        """Attenuation at all coarsenings; the kernels and similarities are called once, so that they are compiled."""
        prepared = prepared_volume(volume)
        self.warm_up(prepared, views)
        return prepared

    def warm_up(self, prepared: Prepared, views: Sequence[View]) -> None:
        """Call kernels and similarity once."""
        measure = self.build_similarity()
        for attenuation in prepared.attenuation.values():
            images = _render_small(attenuation, views[0], prepared.corners)
            measure(images[:1], images)

    def values(self, problem: Problem, prepared: Prepared, poses: Matrix) -> Matrix:
        """Similarities (n,) of the last level at poses (n, 4, 4), wherever they lie; NaN where one reaches a source."""
        run = _Run(self, replace(problem, search=_ANYWHERE), prepared)
        thetas = np.stack([problem.frame.parameters(pose) for pose in poses])
        return np.asarray(-run.objective(self.levels[-1])(thetas / _ANYWHERE))

    def candidates(self, problem: Problem, prepared: Prepared) -> "Candidates":
        """Results of the searches of the first level."""
        return _Run(self, problem, prepared).candidates()

    def register(self, problem: Problem, prepared: Prepared) -> Estimate:
        """Search the pose.

        The estimate's trace holds the best similarity so far, anew with each search and level.
        """
        return _Run(self, problem, prepared).estimate()


def _render_small(attenuation: AttenuationMap, view: View, corners: Matrix) -> torch.Tensor:
    """Images (2, 1, H, W) from the front and from the side, at a distance that keeps the source outside."""
    centre = corners.mean(axis=0)
    distance = 2 * float(np.linalg.norm(corners - centre, axis=1).max()) + 1
    camera = view.camera.binned(bin_factor(view.camera, 64))
    poses = [nominal_pose(direction, centre, distance) for direction in (StandardView.AP, StandardView.LATERAL)]
    return project(attenuation, np.stack(poses), camera)


def _value_or_worst(optimum: Optimum) -> float:
    return np.inf if np.isnan(optimum.value) else optimum.value


class _Run:
    """One registration under way."""

    def __init__(self, settings: Search, problem: Problem, prepared: Prepared) -> None:
        self._settings, self._problem, self._prepared = settings, problem, prepared
        self._box = Box(np.zeros(6), problem.search)
        self._random = np.random.default_rng(problem.seed)
        self._began = time.perf_counter()
        self._seconds: dict[str, float] = {}
        self._drrs = 0
        self._ended = Outcome.CONVERGED
        self._trace: list[tuple[int, float]] = []

    def candidates(self) -> Candidates:
        kept: list[Vector] = []
        for optimum in sorted(self._searches(), key=_value_or_worst):
            if all(np.abs(optimum.point - other).max() > self._settings.agreement for other in kept):
                kept.append(optimum.point)
        return Candidates(self._box.from_unit(np.stack(kept)), self._drrs, self._traced())

    def _traced(self) -> Trace:
        return Trace(tuple(count for count, _ in self._trace), tuple(value for _, value in self._trace))

    def estimate(self) -> Estimate:
        best = min(self._searches(), key=_value_or_worst)
        for level in self._settings.levels[1:]:
            if best.stop is Stop.DIVERGED or self._budget() is None:
                break
            best = self._level(level, self.objective(level), best.point, phase="refine")
        pose = self._problem.frame.pose(self._box.from_unit(best.point))
        return Estimate(
            pose=pose,
            outcome=self._outcome(best, pose),
            seconds=self._seconds,
            drr_evaluations=self._drrs,
            trace=self._traced(),
        )

    def _searches(self) -> list[Optimum]:
        """Search the first level from several places, until two searches agree."""
        level = self._settings.levels[0]
        objective, prior = self.objective(level), self._settings.prior
        found: list[Optimum] = []
        for number in range(self._settings.restarts):
            found.append(self._level(level, objective, self._origin(number), phase="search", prior=prior))
            if self._budget() is None or self._agree(found):
                break
        return found

    def _origin(self, number: int) -> Vector:
        """Where a search of the first level starts, in scaled coordinates."""
        if number == 0:
            return self._box.to_unit(self._problem.frame.parameters(self._problem.start))
        if number == 1:
            return np.zeros(6)
        return np.asarray(np.clip(self._random.normal(scale=self._settings.levels[0].sigma, size=6), -1, 1))

    def _agree(self, found: Sequence[Optimum]) -> bool:
        """Whether some other search ended where the best one did."""
        ranked = sorted(found, key=_value_or_worst)
        near = (np.abs(other.point - ranked[0].point).max() <= self._settings.agreement for other in ranked[1:])
        return any(near)

    def objective(self, level: Level) -> ViewObjective:
        """Of one level."""
        problem = self._problem
        factors = [bin_factor(view.camera, level.size) if level.size else 1 for view in problem.views]
        return ViewObjective(
            [bin_view(view, factor) for view, factor in zip(problem.views, factors, strict=True)],
            attenuation=self._attenuation(factors),
            corners=self._prepared.corners,
            similarity=self._settings.build_similarity(),
            frame=problem.frame,
            box=self._box,
        )

    def _attenuation(self, factors: Sequence[int]) -> AttenuationMap:
        """The coarsest copy of the volume that suits views binned by ``factors``."""
        pixel_mm = min(
            (view.camera_from_rig[:3, :3] @ self._problem.frame.centre_in_rig + view.camera_from_rig[:3, 3])[2]
            / view.camera.K[0, 0]
            * factor
            for view, factor in zip(self._problem.views, factors, strict=True)
        )
        voxel_mm, most = self._prepared.attenuation[1].spacing_mm.max(), self._settings.voxel_px * pixel_mm
        common = max(factor for factor in COARSENINGS if factor == 1 or voxel_mm * factor <= most)
        return evened(self._prepared.attenuation[common], _EVENED_PX * pixel_mm)

    def _budget(self) -> EvaluationBudget | None:
        """The remaining budget; None when it does not suffice for one more evaluation."""
        settings, evaluations, seconds = self._settings, None, None
        if settings.max_drrs is not None:
            evaluations = (settings.max_drrs - self._drrs) // len(self._problem.views)
        if settings.max_seconds is not None:
            seconds = settings.max_seconds - (time.perf_counter() - self._began)
        if seconds is not None and seconds <= 0:
            self._cut_short(Stop.SECONDS)
            return None
        if evaluations is not None and evaluations < 1:
            self._cut_short(Stop.EVALUATIONS)
            return None
        return EvaluationBudget(evaluations, seconds)

    def _cut_short(self, stop: Stop) -> None:
        """Note that a budget ended a search; a limit in seconds is what the outcome must tell."""
        if stop is Stop.SECONDS:
            self._ended = Outcome.SECONDS
        elif stop is Stop.EVALUATIONS and self._ended is Outcome.CONVERGED:
            self._ended = Outcome.BUDGET

    def _level(
        self, level: Level, objective: ViewObjective, start: Vector, *, phase: str, prior: float = 0.0
    ) -> Optimum:
        began, drrs_before = time.perf_counter(), self._drrs

        def penalised(points: Vector) -> Vector:
            return np.asarray(objective(points) + prior * np.square(points).sum(axis=1))

        optimum = minimise(self._optimiser(level, start), penalised, self._budget() or EvaluationBudget(1))
        self._drrs += optimum.evaluations * objective.view_count
        self._cut_short(optimum.stop)
        self._trace += [(drrs_before + count * objective.view_count, -value) for count, value in optimum.trace]
        self._seconds[phase] = self._seconds.get(phase, 0.0) + time.perf_counter() - began
        return optimum

    def _optimiser(self, level: Level, start: Vector) -> Optimiser:
        bounds = np.stack([np.maximum(start - level.reach, -1), np.minimum(start + level.reach, 1)], axis=1)
        if self._settings.optimiser == "powell":
            return Powell(
                start,
                bounds=bounds,
                sweeps=level.generations,
                x_tolerance=level.x_tolerance,
                f_tolerance=level.f_tolerance,
            )
        return CmaEs(
            start,
            bounds=bounds,
            sigma=level.sigma,
            population=level.population,
            generations=level.generations,
            seed=int(self._random.integers(2**31)),
            x_tolerance=level.x_tolerance,
            f_tolerance=level.f_tolerance,
            lr_adapt=self._settings.lr_adapt,
        )

    def _outcome(self, best: Optimum, pose: Matrix) -> Outcome:
        if best.stop is Stop.DIVERGED or np.isnan(best.value):
            return Outcome.DIVERGED
        if not any(self._in_view(view, pose) for view in self._problem.views):
            return Outcome.LEFT_VIEW
        return self._ended

    def _in_view(self, view: View, pose: Matrix) -> bool:
        """Whether the part of the content's box that is before the source overlaps the detector."""
        pixels = view.camera.project(transform_points(view.camera_from_rig @ pose, self._prepared.corners))
        before = pixels[np.isfinite(pixels).all(axis=1)]
        size = np.array([view.camera.width, view.camera.height])
        return bool((before >= -0.5).any(axis=0).all() and (before <= size - 0.5).any(axis=0).all())
