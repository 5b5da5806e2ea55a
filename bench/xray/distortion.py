"""Geometric distortion of image intensifiers: an image resampled to that of a pinhole camera.

The curved input screen makes a pincushion, the earth's field an S and a shift. Either is measured with a plate of beads
or wires on the screen: where each is seen, and where it would be seen without distortion. The map goes from undistorted
to stored pixels, so that every pixel of the new image is read at one place of the old one:

* a grid of points: splines through all of them, or a polynomial fitted to them;
* a polynomial of degree n in u = (column - (W - 1) / 2) / s and v = (row - (H - 1) / 2) / s, s = max(W, H) / 2, with
  the terms 1, u, v, u^2, u v, v^2, u^3, u^2 v, ...; its values are stored columns and rows in pixels.

Pixels outside the convex hull of the grid, or that come from outside the stored image, are not valid.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from scipy import interpolate, ndimage, spatial

from bench.geometry import Matrix
from bench.geometry.converters.projection import flip_pixels
from bench.xray.calibration_tables import Distortion, DistortionGrid, DistortionPolynomial
from bench.xray.line_integrals import Pixels, Valid, XrayError
from bench.xray.number_files import read_rows

GRID_COLUMNS = ("column", "row", "true_column", "true_row")
MIN_GRID_POINTS = 9

# Of pixels: splines over scattered points are evaluated on such a mesh and splined between.
_MESH = 16
# Of a pixel, beyond the hull: where the outermost beads are the image's own corners.
_HULL_SLACK = 0.5
# A bead this many times farther off a smooth map than most, and by this many pixels, is a mistake of its list.
_OUTLIER, _OUTLIER_PX = 12.0, 3.0

Map: TypeAlias = Callable[[Matrix], Matrix]


@dataclass(frozen=True, slots=True, eq=False)
class Undistortion:
    """Where the pixels of the undistorted image lie in the stored one.

    Attributes:
        columns: (H, W) stored column of each pixel.
        rows: (H, W) stored row.
        inside: (H, W) bool: the map is known there and stays within the image.
        fit: Residuals of a fitted polynomial in pixels, for JSON and the terminal; None without a fit.
    """

    columns: Matrix
    rows: Matrix
    inside: Valid
    fit: dict[str, Any] | None = None

    def apply(self, image: Pixels) -> tuple[Pixels, Valid]:
        """The undistorted image (linear interpolation; beyond the stored image its edge) and its valid pixels."""
        found = ndimage.map_coordinates(image, [self.rows, self.columns], order=1, mode="nearest")
        return np.asarray(found, dtype=np.float32), self.inside


def undistortion(
    table: Distortion, *, size: tuple[int, int], flip: str | None, path: Callable[[str], Path]
) -> Undistortion:
    """The resampling that a table describes.

    Args:
        table: The table.
        size: (rows, columns) of the image.
        flip: The user's statement of what turns the stored image into the one seen from the source.
        path: Finds the file that a name of the table means.

    Raises:
        XrayError: Too few points, points on one line, a mistaken point, or a map that folds over itself.
    """
    turn = np.eye(3)
    if table.image == "stored":
        if flip is None:
            raise XrayError(
                'distortion: image = "stored" needs the flip of the image (none, horizontal, vertical, both)'
            )
        turn = flip_pixels(flip=flip, height=size[0], width=size[1])
    if isinstance(table, DistortionPolynomial):
        return _sampled(_stated(table, size), size, hull=None, turn=turn)
    points = _grid_points(table, path)
    to_stored, fit = _fitted(points, size, table.degree)
    return _sampled(to_stored, size, hull=points[:, 2:], turn=turn, fit=fit)


def describe_distortion_fit(fit: dict[str, Any]) -> str:
    """One line on the residuals of a fitted polynomial."""
    return (
        f"a polynomial of degree {fit['degree']} fits the grid with {fit['rms_px']:.3f} px rms, at most "
        f"{fit['max_px']:.3f} px"
    )


def _grid_points(table: DistortionGrid, path: Callable[[str], Path]) -> Matrix:
    if (table.points is None) == (table.file is None):
        raise XrayError(f"distortion: give points ({', '.join(GRID_COLUMNS)}) or file, one of them")
    points = np.array(table.points) if table.points is not None else read_rows(path(table.file or ""), GRID_COLUMNS)
    if len(points) < MIN_GRID_POINTS:
        raise XrayError(f"distortion: a grid needs at least {MIN_GRID_POINTS} points; got {len(points)}: add some")
    for name, pixels in (("seen", points[:, :2]), ("true", points[:, 2:])):
        spread = np.linalg.svd(pixels - pixels.mean(axis=0), compute_uv=False)
        if spread[1] < 1e-3 * spread[0]:
            raise XrayError(f"distortion: the {name} points lie on one line; expected a grid over the image")
    if len(np.unique(points[:, 2:], axis=0)) < len(points):
        raise XrayError("distortion: two points of the grid have the same true place; give each point once")
    _require_smooth(points)
    return points


def _require_smooth(points: Matrix) -> None:
    """Each point must lie near the map through its neighbours; a swapped or mistyped one does not."""
    scale = max(float(np.ptp(points[:, 2:], axis=0).max()), 1.0)
    degree = 3 if len(points) >= 2 * _terms(3) else 2 if len(points) >= 2 * _terms(2) else 1
    basis = _basis((points[:, 2:] - points[:, 2:].mean(axis=0)) / scale, degree)
    weights = np.ones(len(points))
    off = np.zeros(len(points))
    for _ in range(10):  # Reweighted, so that a mistaken point does not bend the map towards itself.
        coefficients, *_ = np.linalg.lstsq(basis * weights[:, None], points[:, :2] * weights[:, None], rcond=None)
        off = np.linalg.norm(points[:, :2] - basis @ coefficients, axis=1)
        weights = 1 / np.sqrt(1 + (off / max(float(np.median(off)), 1e-6)) ** 2)
    worst = int(off.argmax())
    if off[worst] > max(_OUTLIER * float(np.median(off)), _OUTLIER_PX):
        raise XrayError(
            f"distortion: point {worst + 1} of the grid (seen at {points[worst, 0]:g}, {points[worst, 1]:g}) is "
            f"{off[worst]:.1f} px off the map of the others; correct or remove it"
        )


def _fitted(points: Matrix, size: tuple[int, int], degree: int | None) -> tuple[Map, dict[str, Any] | None]:
    if degree is None:
        return _splined(points, size), None
    if len(points) < _terms(degree):
        raise XrayError(
            f"distortion: a polynomial of degree {degree} has {_terms(degree)} coefficients; got {len(points)} points: "
            "lower degree, or leave it out to interpolate"
        )
    basis = _basis(_normal(points[:, 2:], size), degree)
    coefficients = np.asarray(np.linalg.lstsq(basis, points[:, :2], rcond=None)[0], dtype=np.float64)
    off = np.linalg.norm(points[:, :2] - basis @ coefficients, axis=1)
    rms = float(np.linalg.norm(off)) / len(off) ** 0.5
    fit = {"degree": degree, "rms_px": rms, "max_px": float(off.max())}
    return _polynomial(coefficients, size, degree), fit


def _splined(points: Matrix, size: tuple[int, int]) -> Map:
    """Cubic splines over scattered points, evaluated on a mesh and splined between, a thousand times faster.

    A polynomial of degree 3 lies under them where there are points enough: pincushions and S shapes nearly are one, and
    splines alone are off by tenths of a pixel at the border of the grid.
    """
    under = 3 if len(points) >= 2 * _terms(3) else 1
    smooth = interpolate.RBFInterpolator(_normal(points[:, 2:], size), points[:, :2], kernel="cubic", degree=under)
    rows, columns = (np.linspace(0, edge - 1, max(5, edge // _MESH + 1)) for edge in size)
    mesh = np.stack(np.meshgrid(columns, rows), axis=-1)
    values = smooth(_normal(mesh.reshape(-1, 2), size)).reshape(mesh.shape)
    parts = [interpolate.RectBivariateSpline(rows, columns, values[..., axis]) for axis in (0, 1)]

    def to_stored(pixels: Matrix) -> Matrix:
        return np.stack([np.asarray(part.ev(pixels[..., 1], pixels[..., 0])) for part in parts], axis=-1)

    return to_stored


def _stated(table: DistortionPolynomial, size: tuple[int, int]) -> Map:
    count = len(table.column)
    degree = next((each for each in range(1, 12) if _terms(each) == count), None)
    if degree is None or len(table.row) != count:
        raise XrayError(
            "distortion: column and row need the same number of coefficients, 3, 6, 10, 15, 21, ... (of 1, u, v, u^2, "
            f"u v, v^2, ...); got {count} and {len(table.row)}"
        )
    return _polynomial(np.column_stack([table.column, table.row]), size, degree)


def _polynomial(coefficients: Matrix, size: tuple[int, int], degree: int) -> Map:
    def to_stored(pixels: Matrix) -> Matrix:
        return np.asarray(_basis(_normal(pixels, size), degree) @ coefficients)

    return to_stored


def _terms(degree: int) -> int:
    return (degree + 1) * (degree + 2) // 2


def _normal(pixels: Matrix, size: tuple[int, int]) -> Matrix:
    """(u, v) of pixels (column, row)."""
    return np.asarray((pixels - (np.array(size[::-1]) - 1) / 2) / (max(size) / 2))


def _basis(normal: Matrix, degree: int) -> Matrix:
    """The terms 1, u, v, u^2, u v, v^2, ... along a last axis."""
    u, v = normal[..., 0], normal[..., 1]
    return np.stack(
        [u ** (total - of_v) * v**of_v for total in range(degree + 1) for of_v in range(total + 1)], axis=-1
    )


def _sampled(
    to_stored: Map, size: tuple[int, int], *, hull: Matrix | None, turn: Matrix, fit: dict[str, Any] | None = None
) -> Undistortion:
    height, width = size
    rows, columns = np.indices(size, dtype=np.float64)
    signs, shift = np.diag(turn)[:2], turn[:2, 2]
    pixels = np.stack([columns, rows], axis=-1) * signs + shift
    stored = to_stored(pixels)
    within = (stored >= 0) & (stored <= np.array([width, height]) - 1)
    inside: Valid = np.asarray(within.all(axis=-1), dtype=np.bool_)
    if hull is not None:
        inside = np.asarray(inside & _in_hull(pixels, hull), dtype=np.bool_)
    back = stored * signs + shift
    _require_no_fold(back, inside)
    return Undistortion(back[..., 0], back[..., 1], inside, fit)


def _in_hull(pixels: Matrix, hull: Matrix) -> Valid:
    """Pixels within the convex hull of the grid."""
    corners = spatial.ConvexHull(hull)
    equations = np.asarray(corners.equations, dtype=np.float64)
    return np.asarray((pixels @ equations[:, :2].T + equations[:, 2] <= _HULL_SLACK).all(axis=-1), dtype=np.bool_)


def _require_no_fold(stored: Matrix, inside: Valid) -> None:
    """The map must keep its orientation: a fold shows one place twice, a mirror is stated by flip."""
    along_rows, along_columns = (np.asarray(np.gradient(stored, axis=axis)) for axis in (0, 1))
    determinant = along_columns[..., 0] * along_rows[..., 1] - along_columns[..., 1] * along_rows[..., 0]
    if not inside.any():
        raise XrayError("distortion: no pixel of the undistorted image lies within the stored one; check the points")
    if not (determinant[inside] > 0).all():
        raise XrayError(
            "distortion: the map folds over itself or mirrors the image; check the order of the points, and state a "
            "mirror as flip"
        )
