"""Opt-SGC: gradient correlation within the content's silhouette, maximised by CMA-ES from several places."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench.contract import Card, Estimate, Problem, TrainingProvenance, View
from bench.geometry import Matrix
from bench.register import Level, Prepared, Search, SearchError
from bench.register.focus import focused
from bench.volume import Volume


@dataclass(frozen=True, kw_only=True)
class OptSgc:
    """Silhouette gradient correlation on views cut to where the content can be, searched in trials.

    A trial searches the levels ``coarse`` from the start, from the nominal pose, then from random poses of the search
    box, until the best value has been reached ``confirmations`` times: a wrong basin is recognised only on images that
    are fine enough, so whole trials are compared. The best one continues to the levels ``fine``.
    Levels count pixels of the cut view, so that they follow the object's size and not the detector's.

    Attributes:
        similarity: Name of a similarity plug-in.
        similarity_settings: Its settings.
        coarse: Levels of a trial.
        fine: Levels after the best trial.
        trials: At most so many.
        confirmations: Trials that must end within ``tie`` of the best value before no more are run.
        tie: Share of the best similarity.
        voxel_px: Of ``Search``.
    """

    similarity: str = "sgc"
    similarity_settings: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    coarse: tuple[Level, ...] = (
        Level(size=72, population=50, generations=18, sigma=0.35, x_tolerance=0.02),
        Level(size=96, population=20, generations=15, sigma=0.08, x_tolerance=2e-3),
    )
    fine: tuple[Level, ...] = (Level(size=192, population=12, generations=20, sigma=0.015, x_tolerance=3e-4),)
    trials: int = 8
    confirmations: int = 2
    tie: float = 0.03
    voxel_px: float = 1.0

    def __post_init__(self) -> None:
        if not (self.coarse and self.fine and 1 <= self.confirmations <= self.trials and 0 <= self.tie < 1):
            raise SearchError(
                "trials need coarse and fine levels, 1 <= confirmations <= trials and 0 <= tie < 1; got "
                f"{len(self.coarse)} and {len(self.fine)} levels, {self.confirmations}, {self.trials}, {self.tie}"
            )
        _ = self._search(self.coarse)  # refuses an unknown similarity or setting now and not in the run

    @property
    def max_evaluations(self) -> int:
        """Poses evaluated at most: all trials are run, and no level ends early."""
        coarse, fine = (
            sum(level.population * level.generations for level in some) for some in (self.coarse, self.fine)
        )
        return self.trials * coarse + fine

    def skip(self, problem: Problem) -> str | None:
        """Every view needs an image."""
        return self._search(self.coarse).skip(problem)

    def prepare(self, volume: Volume, views: Sequence[View]) -> Prepared:
        """As ``Search``."""
        return self._search(self.coarse).prepare(volume, views)

    def register(self, problem: Problem, prepared: Prepared) -> Estimate:
        """Search the pose; the estimate's trace is that of the levels after the trials."""
        problem = focused(problem, prepared.corners)
        tried = self._tried(problem, prepared)
        best = max(tried, key=_value)
        found = self._search(self.fine).register(replace(problem, start=best.pose), prepared)
        seconds = {"trials": sum(_seconds(each) for each in tried), "refine": _seconds(found)}
        drrs = found.drr_evaluations + sum(each.drr_evaluations for each in tried)
        return replace(found, seconds=seconds, drr_evaluations=drrs)

    def _search(self, levels: tuple[Level, ...]) -> Search:
        return Search(
            similarity=self.similarity,
            similarity_settings=self.similarity_settings,
            levels=levels,
            restarts=1,
            voxel_px=self.voxel_px,
        )

    def _tried(self, problem: Problem, prepared: Prepared) -> list[Estimate]:
        random, search = np.random.default_rng(problem.seed), self._search(self.coarse)
        tried: list[Estimate] = []
        for number in range(self.trials):
            start = self._start(problem, number, random)
            seed = int(random.integers(2**31))  # pyright: ignore[reportUnknownArgumentType]
            tried.append(search.register(replace(problem, start=start, seed=seed), prepared))
            if _met([_value(each) for each in tried], self.tie) >= self.confirmations:
                break
        return tried

    def _start(self, problem: Problem, number: int, random: np.random.Generator) -> Matrix:
        if number < 2:
            return problem.start if number == 0 else problem.nominal
        spread = self.coarse[0].sigma * problem.search
        return problem.frame.pose(np.clip(random.normal(size=6) * spread, -problem.search, problem.search))


def _met(values: Sequence[float], tie: float) -> int:
    """How many trials ended at the best value or within ``tie`` of it; none while all have diverged."""
    best = max(values)
    return sum(each >= best - tie * abs(best) for each in values) if np.isfinite(best) else 0


def _value(estimate: Estimate) -> float:
    """The similarity a search ended at; a diverged one is below all."""
    last = estimate.trace.best_value[-1] if estimate.trace is not None and estimate.trace.best_value else np.nan
    return float(last) if np.isfinite(last) else -np.inf


def _seconds(estimate: Estimate) -> float:
    return float(sum(estimate.seconds.values()))


plugin = OptSgc
card = Card(
    title="Opt-SGC (gradient correlation within the silhouette, CMA-ES)",
    source="ours; gradient correlation as in SOPI and LGFF",
    citation="none",
    licence="Apache-2.0",
    deviations=(
        "Each rendered image is compared within its own silhouette, grown by five pixels: neighbouring bones that are"
        " stronger do not draw it away.",
        "Views are cut to what the content can reach within the search box.",
    ),
    uses_start=True,
    provenance=(
        TrainingProvenance(
            what="tuned",
            dataset="autoscoper",
            split="test",
            patients=("wrist-biplane",),
            hashes=("9177f62e1399eefb",),
            trials=None,
            hardware="one core of a shared 2-core machine",
            note="Measure and levels were chosen on the four X-rays of Autoscoper's sample, from starts other than the "
            "protocol's: agreement there is not that of an unseen subject.",
        ),
    ),
)
