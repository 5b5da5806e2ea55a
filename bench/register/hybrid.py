"""A population search for the basin, then second order from every basin found: both by local correlation."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bench.contract import Estimate, Problem, Trace, View
from bench.register.confidence import Fitted, of_refined
from bench.register.contrast import contrast_map
from bench.register.least_squares import LeastSquares, LeastSquaresLevel
from bench.register.pyramid import coarsened
from bench.register.search import Level, Prepared, Search, SearchError
from bench.volume import Volume

_COARSENINGS = (1, 2, 4)


def _search() -> Level:
    return Level(size=32, population=40, generations=20, sigma=0.3, x_tolerance=0.01)


@dataclass(frozen=True, kw_only=True)
class Hybrid:
    """CMA-ES on local NCC of small images, then Levenberg-Marquardt on windows of finer ones.

    Made for a target that shows more than the moving volume: windows take foreign content as gain and offset, and the
    moving volume is rendered as its contrast to soft tissue.

    Attributes:
        search: Of the basin: one CMA-ES generation is one projector call a view.
        search_window: Side of the windows of its local NCC, pixels.
        prior: See ``Search.prior``.
        searches: At most so many: from the start, from the nominal pose, then from random poses; two that agree end it.
        agreement: Two searches agree when no parameter differs by more, as a share of the search half-widths.
        candidates: Basins that are refined at the first level, the best of them at the others.
        levels: Of the refinement, coarse to fine.
        background_hu: The moving volume's attenuation counts beyond that of this; None = all of it.
    """

    search: Level = field(default_factory=_search)
    search_window: int = 4
    prior: float = 0.05
    searches: int = 3
    agreement: float = 0.05
    candidates: int = 2
    levels: tuple[LeastSquaresLevel, ...] = (
        LeastSquaresLevel(size=64, iterations=10, window=9, tolerance=0.004),
        LeastSquaresLevel(size=128, iterations=8, window=5, tolerance=0.001),
    )
    background_hu: float | None = 200.0

    def __post_init__(self) -> None:
        if self.candidates < 1:
            raise SearchError(f"a hybrid refines at least one candidate; got {self.candidates}")
        _ = self._searching, self._refining

    @property
    def _searching(self) -> Search:
        return Search(
            similarity="lncc",
            similarity_settings={"size": self.search_window},
            levels=(self.search,),
            restarts=self.searches,
            agreement=self.agreement,
            prior=self.prior,
        )

    @property
    def _refining(self) -> LeastSquares:
        return LeastSquares(levels=self.levels)

    def skip(self, problem: Problem) -> str | None:
        """Every view needs an image."""
        return self._refining.skip(problem)

    def prepare(self, volume: Volume, views: Sequence[View]) -> Prepared:
        """The volume's contrast at all coarsenings; kernels and similarity are called once, to be compiled."""
        finest = contrast_map(volume, self.background_hu)
        prepared = Prepared({factor: coarsened(finest, factor) for factor in _COARSENINGS}, volume.content_corners())
        self._searching.warm_up(prepared, views)
        self._refining.warm_up(prepared, views)
        return prepared

    def register(self, problem: Problem, prepared: Prepared) -> Estimate:
        """Find the pose; the trace is the search's."""
        return self.fit(problem, prepared).estimate

    def fit(self, problem: Problem, prepared: Prepared) -> Fitted:
        """``register``, and what tells how far the answer can be trusted."""
        began = time.perf_counter()
        found = self._searching.candidates(problem, prepared)
        seconds = {"search": time.perf_counter() - began}
        refined = self._refining.refined(problem, prepared, found.thetas[: self.candidates])
        estimate = replace(
            refined.estimate,
            seconds={**seconds, **refined.estimate.seconds},
            drr_evaluations=found.drr_evaluations + refined.estimate.drr_evaluations,
            trace=Trace(found.trace.drr_evaluations, found.trace.best_value),
        )
        return of_refined(replace(refined, estimate=estimate), self.levels[-1].size, len(problem.views))
