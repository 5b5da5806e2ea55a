"""The reference kernel: a fixed computation of another library, the unit for times from different machines."""

import time
from functools import cache
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Between two cases; some 10 ms each.
_REPEATS = 5
# Share of the time of a run that the kernel may take: it is part of what the harness costs.
_LARGEST_SHARE = 0.005


def reference_kernel_seconds(repeats: int = 9) -> float:
    """Median processor time of a fixed torch kernel (3-D grid sampling).

    Of the calling thread, which alone computes one volume: other threads may be at work beside it.
    """
    import torch

    volume, grid = _reference_arrays()
    seconds: list[float] = []
    for _ in range(repeats):
        began = time.thread_time()
        torch.nn.functional.grid_sample(volume, grid, align_corners=False)
        seconds.append(time.thread_time() - began)
    return median(seconds)


class ReferenceKernel:
    """Times the kernel between cases, as often as costs a small share of the time that they take."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._again = 0.0

    def seconds(self) -> float:
        """Processor time of the kernel, measured now or so lately that once more would cost too much."""
        began = time.monotonic()
        if began >= self._again:
            self._seconds = reference_kernel_seconds(_REPEATS)
            ended = time.monotonic()
            self._again = ended + (ended - began) / _LARGEST_SHARE
        return self._seconds


@cache
def _reference_arrays() -> "tuple[Tensor, Tensor]":
    import torch

    random = torch.Generator().manual_seed(0)
    volume = torch.rand(1, 1, 64, 64, 64, generator=random)
    return volume, torch.rand(1, 64, 64, 64, 3, generator=random) * 2 - 1
