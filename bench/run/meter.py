"""What a request costs, measured in the method's process: clock, processor, renderings, threads."""

import os
import resource
import time
from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock

import torch

from bench.drr import rendered
from bench.drr.compiled import threads as kernel_threads
from bench.run.reply import Cost

_THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_STARTING = Lock()


class Meter:
    """Measures requests one after the other."""

    def __init__(self) -> None:
        self._processor, self._rendered, self._began = _processor_seconds(), rendered(), time.perf_counter()

    def begin(self) -> None:
        """A request has arrived."""
        self._began = time.perf_counter()

    def end(self) -> Cost:
        """Its cost; the next one counts from here."""
        seconds, processor, images = time.perf_counter() - self._began, _processor_seconds(), rendered()
        cost = Cost(
            seconds=seconds,
            processor_seconds=processor - self._processor,
            rendered=images - self._rendered,
            threads=threads(),
        )
        self._processor, self._rendered = processor, images
        return cost


def threads() -> int:
    """Threads that kernels and torch may use in this process, and in those that it starts; the larger number."""
    return max(torch.get_num_threads(), kernel_threads())


@contextmanager
def stated_threads(count: int | None) -> Generator[None]:
    """Have processes that are started in this block use so many threads; None = as many as this one.

    The libraries read these variables while they are imported. Processes of other threads wait.
    """
    if count is None:
        yield
        return
    with _STARTING:
        before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, str(count)))
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _processor_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)
