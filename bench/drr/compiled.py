"""Typed wrappers of numba's compiler, the only module of the projector that imports numba."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import numba


def threads() -> int:
    """Threads that the compiled kernels use."""
    found: int = numba.get_num_threads()
    return found


def launch_threads() -> None:
    """Start numba's threads now instead of at the first kernel.

    Their start sets the number of OpenMP's threads in the calling thread, and with it what ``torch.set_num_threads``
    had set there.
    """
    parallel: Any = import_module("numba.np.ufunc.parallel")
    parallel._launch_threads()


Function = TypeVar("Function", bound=Callable[..., Any])

# Numba recognises its own object by value, so the kernels must loop over this very one.
parallel_range: Any = numba.prange  # pyright: ignore[reportUnknownMemberType]


def compiled(*, parallel: bool = False, fastmath: bool = True) -> Callable[[Function], Function]:
    """Compile a function to machine code at its first call; later processes load it from the cache on disk.

    Args:
        parallel: Spread loops over ``parallel_range`` over all cores.
        fastmath: Let sums be reordered, so that they vectorise; off where the last bits or infinities matter.
    """
    options: dict[str, Any] = {"parallel": parallel, "fastmath": fastmath, "nogil": True, "error_model": "numpy"}

    def apply(function: Function) -> Function:
        jit: Any = numba.njit  # pyright: ignore[reportUnknownMemberType]
        try:
            kernel: Function = jit(cache=True, **options)(function)
        except RuntimeError:
            # Neither the package's folder nor the home can be written to: every process then compiles for itself.
            kernel = jit(**options)(function)
        return kernel

    return apply
