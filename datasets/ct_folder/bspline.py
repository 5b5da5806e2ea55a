"""Random smooth displacements as cubic B-splines; the only file here that imports SimpleITK.

Rueckert et al., "Nonrigid registration using free-form deformations", IEEE TMI 18(8), 1999: control points on a regular
grid, cubic B-splines between. Such a map has no fold as long as no control point moves farther than 0.4 of the grid's
spacing (Choi and Lee, Graphical Models 62, 2000).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK

from bench.geometry import Matrix
from bench.volume import FloatGrid

# SimpleITK ships no types; here they end.
_sitk: Any = SimpleITK
_ORDER = 3
_SLACK_MM = 1e-3


def random_displacement(
    shape: Sequence[int],
    affine: Matrix,
    *,
    amplitude_mm: float,
    grid_mm: float,
    generator: np.random.Generator,
) -> FloatGrid:
    """Displacements of a random B-spline at the points of a grid.

    Control points move along the grid's axes by uniform draws within ``amplitude_mm``; those next to a face of the grid
    do not move across it, so that little comes from beyond.

    Args:
        shape: Of the grid to evaluate on; its box is also the spline's.
        affine: world_from_index of that grid, mm, orthogonal axes.
        amplitude_mm: Largest displacement of a control point along each axis.
        grid_mm: Wanted distance of control points; the next that divides the box evenly is taken.
        generator: Random generator.

    Returns:
        (ni, nj, nk, 3) float32, world mm.
    """
    spacing: Matrix = np.linalg.norm(affine[:3, :3], axis=0)
    axes: Matrix = affine[:3, :3] / spacing
    extent: Matrix = spacing * (np.array(shape, dtype=np.float64) - 1)
    mesh = np.maximum(1, np.round(extent / grid_mm)).astype(int)
    moves = amplitude_mm * _inner_draws([int(count) + _ORDER for count in mesh], generator)
    spline = _sitk.BSplineTransform(3, _ORDER)
    # Outside its box the spline does not move a point at all: rounding must not put the grid's faces there.
    spline.SetTransformDomainOrigin((affine[:3, 3] - axes.sum(axis=1) * _SLACK_MM).tolist())
    spline.SetTransformDomainDirection(axes.reshape(-1).tolist())
    spline.SetTransformDomainPhysicalDimensions((extent + 2 * _SLACK_MM).tolist())
    spline.SetTransformDomainMeshSize([int(count) for count in mesh])
    # Its parameters run along i fastest, one world component after the other.
    world = moves @ axes.T
    spline.SetParameters(np.concatenate([world[..., n].reshape(-1, order="F") for n in range(3)]).tolist())
    field = _sitk.TransformToDisplacementField(
        spline, _sitk.sitkVectorFloat64, [int(n) for n in shape], affine[:3, 3].tolist(), spacing.tolist(),
        axes.reshape(-1).tolist(),
    )  # fmt: skip
    found = _sitk.GetArrayFromImage(field).transpose(2, 1, 0, 3)
    return np.ascontiguousarray(found, dtype=np.float32)


def _inner_draws(counts: Sequence[int], generator: np.random.Generator) -> Matrix:
    """Uniform draws in [-1, 1] of every control point, (*counts, 3); zero across the faces of the grid."""
    draws = generator.uniform(-1, 1, (*counts, 3))
    for axis in range(3):
        at_face = np.moveaxis(draws[..., axis], axis, 0)
        at_face[:2], at_face[-2:] = 0, 0
    return draws
