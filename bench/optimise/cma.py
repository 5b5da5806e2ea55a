"""CMA-ES by the ``cmaes`` library (Hansen 2016; learning-rate adaptation: Nomura et al. 2023) behind ask/tell."""

from collections import deque
from typing import Any

import numpy as np

from bench.optimise.optimiser import Stop, Vector

# Resampling keeps the search distribution's shape near a bound, but each draw costs time; points still outside are
# clipped.
_RESAMPLINGS = 10


class CmaEs:
    """Covariance matrix adaptation in scaled coordinates, where one is the distance to the bounds.

    The first point asked for is the start itself, so the result is never worse than the start.
    """

    def __init__(
        self,
        start: Vector,
        *,
        bounds: Vector,
        sigma: float,
        population: int,
        generations: int,
        seed: int,
        x_tolerance: float = 0.0,
        f_tolerance: float = 0.0,
        lr_adapt: bool = False,
        covariance: Vector | None = None,
    ) -> None:
        """Prepare a search.

        Args:
            start: (d,), within the bounds.
            bounds: (d, 2), low and high.
            sigma: Initial step in every coordinate.
            population: Points per generation, at least 2.
            generations: At most so many.
            seed: Of the sampling; equal seeds give equal searches.
            x_tolerance: Stop when the standard deviation of a generation is below this in every coordinate.
            f_tolerance: Stop when a generation's values, and the last ten generations' best values, differ by less.
            lr_adapt: Adapt the learning rate to noise and many optima; slower, more robust.
            covariance: (d, d), initial shape; None = sphere.
        """
        # It imports scipy.stats, 0.4 s that every method's process would pay for, the gradient searches' too.
        from cmaes import CMA  # pyright: ignore[reportMissingTypeStubs]

        self._cma: Any = CMA(
            mean=np.array(start, dtype=np.float64),
            sigma=sigma,
            bounds=np.array(bounds, dtype=np.float64),
            n_max_resampling=_RESAMPLINGS,
            seed=seed,
            population_size=population,
            cov=None if covariance is None else np.array(covariance, dtype=np.float64),
            lr_adapt=lr_adapt,
        )
        self._first: Vector | None = np.array(start, dtype=np.float64)
        self._generations = generations
        self._x_tolerance, self._f_tolerance = x_tolerance, f_tolerance
        self._best = deque[float](maxlen=10)
        self._stop: Stop | None = None if generations > 0 else Stop.ITERATIONS

    def ask(self) -> Vector:
        """One generation, (population, d)."""
        points = np.stack([self._cma.ask() for _ in range(self._cma.population_size)])
        if self._first is not None:
            points[0], self._first = self._first, None
        return points

    def tell(self, points: Vector, values: Vector) -> None:
        """Take one generation's values, (population,)."""
        self._cma.tell([(point, float(value)) for point, value in zip(points, values, strict=True)])
        self._best.append(float(values.min()))
        self._stop = self._judge(points, values)

    def _judge(self, points: Vector, values: Vector) -> Stop | None:
        if self._cma.generation >= self._generations:
            return Stop.ITERATIONS
        if points.std(axis=0).max() < self._x_tolerance:
            return Stop.STEP
        flat = np.ptp(values) < self._f_tolerance and max(self._best) - min(self._best) < self._f_tolerance
        if flat and len(self._best) == self._best.maxlen:
            return Stop.VALUE
        return Stop.NUMERICAL if self._cma.should_stop() else None

    @property
    def stop_reason(self) -> Stop | None:
        """The reason for stopping; None while the search continues."""
        return self._stop

    def close(self) -> None:
        """Nothing to release."""
