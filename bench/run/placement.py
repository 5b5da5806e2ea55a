"""Where a run is done, as the command line states it: workers, executor and threads."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench.errors import FluorobenchError
from bench.run.dask_engine import DaskEngine, local_cluster, slurm_cluster
from bench.run.engine import Engine, LocalEngine
from bench.run.meter import threads

_EXPECTED = "expected dask://HOST:PORT, dask-local:N (worker processes on this machine) or slurm"


class PlacementError(FluorobenchError):
    """Workers, executor or threads that cannot be."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where units are done.

    Attributes:
        executor: ``dask://HOST:PORT``, ``dask-local:N``, ``slurm``, or None: this process.
        workers: At the same time, here or as jobs of Slurm; None = 1, or as the executor states.
        threads: Of each method's process; None = see ``threads_used``.

    Raises:
        PlacementError: An unknown executor, or numbers below 1 or that contradict it.
    """

    executor: str | None = None
    workers: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, count in (("--workers", self.workers), ("--threads", self.threads), ("dask-local", self._processes)):
            if count is not None and count < 1:
                raise PlacementError(f"{name} must be 1 or more; got {count}")
        if self.executor is None:
            return
        if self.executor != "slurm" and self._processes is None and self._address is None:
            raise PlacementError(f"unknown executor {self.executor!r}; {_EXPECTED}")
        if self.workers is not None and self.executor != "slurm":
            raise PlacementError(f"--workers and --executor {self.executor} both say how many workers; leave one out")

    @property
    def threads_used(self) -> int | None:
        """Threads of each method's process; None = as many as this process may use.

        As stated; otherwise those of this process are shared by the workers of this machine, and workers elsewhere have
        one.
        """
        if self.threads is not None:
            return self.threads
        here = self._processes or (self.workers or 1)
        if self.executor is not None and self._processes is None:
            return 1
        return None if self.executor is None and here == 1 else max(1, threads() // here)

    def engine(self, report: Callable[[str], None]) -> Engine:
        """An engine, not entered yet.

        Args:
            report: Prints a line.
        """
        if self.executor is None:
            return LocalEngine(self.workers or 1)
        count = self.threads_used
        assert count is not None, "an executor's methods have a stated number of threads"
        return DaskEngine(self._cluster(count), threads=count, report=report)

    def _cluster(self, count: int) -> Callable[[], object]:
        if self._processes is not None:
            return partial(local_cluster, self._processes)
        if self.executor == "slurm":
            return partial(slurm_cluster, self.workers or 1, count)
        return partial(str, self._address)

    @property
    def _processes(self) -> int | None:
        """Of ``dask-local:N``."""
        found = re.fullmatch(r"dask-local:(-?\d+)", self.executor or "")
        return None if found is None else int(found[1])

    @property
    def _address(self) -> str | None:
        """Of ``dask://HOST:PORT``, without a scheme: dask's own configuration decides about TLS."""
        found = re.fullmatch(r"dask://([^/\s]+:\d+)/?", self.executor or "")
        return None if found is None else found[1]
