"""Compiled building blocks of the renderer: decorators, value noise, partial volume.

Numba is imported here, and its ``prange`` in the two files with parallel kernels.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

# Numba's decorators are not typed.
_numba: Any = numba


def compiled(function: F) -> F:
    """Compile, with a cache on disk."""
    return cast(F, _numba.njit(cache=True)(function))


def parallel(function: F) -> F:
    """Compile for all threads, with a cache on disk."""
    return cast(F, _numba.njit(cache=True, parallel=True)(function))


@compiled
def ramp_share(distance: float, spacing: float) -> float:
    """Share of a voxel inside a surface at a signed distance from its centre (negative inside), both mm."""
    return min(max(0.5 - distance / spacing, 0.0), 1.0)


@compiled
def value_noise(x: float, y: float, z: float, seed: int) -> float:
    """Trilinear value noise of a lattice with unit spacing, in [-1, 1)."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    fx, fy, fz = x - i, y - j, z - k
    total = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                weight = (fx if a else 1 - fx) * (fy if b else 1 - fy) * (fz if c else 1 - fz)
                total += weight * _lattice(int(i) + a, int(j) + b, int(k) + c, seed)
    return total


@compiled
def _lattice(i: int, j: int, k: int, seed: int) -> float:
    """A number in [-1, 1) that depends on a lattice point and the seed alone."""
    n = (i * 73856093) ^ (j * 19349663) ^ (k * 83492791) ^ (seed * 2654435761)
    n = n & 0xFFFFFFFF
    n = ((n ^ (n >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    n = ((n ^ (n >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    n = n ^ (n >> 16)
    return n / 2147483648.0 - 1.0
