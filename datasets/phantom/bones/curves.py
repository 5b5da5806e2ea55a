"""Smooth curves that bones are laid along."""

import numpy as np
from scipy.interpolate import CubicSpline

from bench.geometry import Matrix


def points_along(points: Matrix, count: int) -> Matrix:
    """``count`` points, (count, 3), along the cubic spline through (n, 3) points."""
    return np.asarray(CubicSpline(np.arange(len(points)), points)(np.linspace(0, len(points) - 1, count)))
