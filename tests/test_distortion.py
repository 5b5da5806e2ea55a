"""Image intensifiers: a distorted image becomes the one that a pinhole camera would have seen."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import FluorobenchError
from bench.geometry import Matrix
from bench.xray.calibration_tables import CameraFile, Distortion
from bench.xray.case_tables import validated
from bench.xray.distortion import Undistortion, describe_distortion_fit, undistortion

SIZE = (120, 150)
MIDDLE = np.array([(SIZE[1] - 1) / 2, (SIZE[0] - 1) / 2])


def stored_of(true: Matrix) -> Matrix:
    """A pincushion, an S and a shift: up to 6 pixels."""
    normal = (true - MIDDLE) / 75
    radius = (normal**2).sum(axis=-1, keepdims=True)
    pin = 75 * normal * (0.92 + 0.05 * radius)
    angle = np.radians(3) * radius[..., 0]
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.stack([cos * pin[..., 0] - sin * pin[..., 1], sin * pin[..., 0] + cos * pin[..., 1]], axis=-1)
    return np.asarray(turned + MIDDLE + (0.7, -0.4))


def grid(step: float = 12) -> Matrix:
    columns, rows = np.meshgrid(np.arange(3, SIZE[1] - 2, step), np.arange(3, SIZE[0] - 2, step))
    true = np.stack([columns, rows], axis=-1).reshape(-1, 2)
    return np.column_stack([stored_of(true), true])


def scene(pixels: Matrix) -> Matrix:
    return np.asarray(100 + 50 * np.sin(pixels[..., 0] / 9) * np.cos(pixels[..., 1] / 11))


def pixels_of_image() -> Matrix:
    rows, columns = np.indices(SIZE, dtype=np.float64)
    return np.stack([columns, rows], axis=-1)


def stored_image() -> Matrix:
    """What the intensifier stores: the scene at the true place of each stored pixel, by fixed-point iteration."""
    stored = pixels_of_image()
    true = stored.copy()
    for _ in range(60):
        true += stored - stored_of(true)
    return scene(true)


def resampling(**keys: Any) -> Undistortion:
    tables = {"calibration": {"kind": "header"}, "distortion": keys}
    found: Distortion | None = validated(CameraFile, tables, "test").distortion
    assert found is not None
    return undistortion(found, size=SIZE, flip=keys.pop("flip", None), path=Path)


@pytest.mark.parametrize("degree", [None, 5])
def test_a_grid_of_points_undoes_the_distortion(degree: int | None) -> None:
    found = resampling(kind="grid", points=grid().tolist(), **({} if degree is None else {"degree": degree}))
    image, inside = found.apply(stored_image().astype(np.float32))
    true = scene(pixels_of_image())
    assert np.abs(stored_image() - true)[inside].max() > 15
    assert np.abs(image - true)[inside].max() < 0.5
    assert 0.75 < inside.mean() < 1
    assert not inside[0].any()
    assert (found.fit is None) == (degree is None)
    if found.fit is not None:
        assert found.fit["max_px"] < 0.05
        assert "degree 5 fits the grid" in describe_distortion_fit(found.fit)


def test_a_stated_polynomial_is_the_same_as_its_grid() -> None:
    normal = (grid()[:, 2:] - MIDDLE) / 75
    u, v = normal.T
    basis = np.column_stack([np.ones_like(u), u, v, u * u, u * v, v * v, u**3, u * u * v, u * v * v, v**3])
    coefficients, *_ = np.linalg.lstsq(basis, grid()[:, :2], rcond=None)
    stated = resampling(kind="polynomial", column=coefficients[:, 0].tolist(), row=coefficients[:, 1].tolist())
    fitted = resampling(kind="grid", points=grid().tolist(), degree=3)
    np.testing.assert_allclose(stated.columns, fitted.columns, atol=1e-9)
    np.testing.assert_allclose(stated.rows, fitted.rows, atol=1e-9)
    assert stated.inside.sum() >= fitted.inside.sum()


def test_a_grid_measured_in_the_stored_image_is_turned_with_it() -> None:
    points = grid()
    tables = {"calibration": {"kind": "header"}, "distortion": {"kind": "grid", "points": points.tolist()}}
    tables["distortion"]["image"] = "stored"
    found = validated(CameraFile, tables, "test").distortion
    assert found is not None
    turned = undistortion(found, size=SIZE, flip="horizontal", path=Path)
    image, inside = turned.apply(stored_image()[:, ::-1].astype(np.float32))
    assert np.abs(image - scene(pixels_of_image())[:, ::-1])[inside].max() < 0.5
    with pytest.raises(FluorobenchError, match="needs the flip"):
        undistortion(found, size=SIZE, flip=None, path=Path)


def _swapped() -> list[list[float]]:
    points = grid()
    points[[20, 41], :2] = points[[41, 20], :2]
    return [list(row) for row in points.tolist()]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"kind": "grid", "points": grid()[:8].tolist()}, "at least 9 points; got 8"),
        ({"kind": "grid", "points": (grid() * (1, 0, 1, 0)).tolist()}, "on one line"),
        ({"kind": "grid", "points": _swapped()}, r"point \d+ of the grid .* px off"),
        ({"kind": "grid", "points": np.vstack([grid(), grid()[:1]]).tolist()}, "same true place"),
        ({"kind": "grid", "points": (grid() * (-1, 1, 1, 1) + (149, 0, 0, 0)).tolist()}, "folds over|mirrors"),
        ({"kind": "grid", "points": np.add(grid(), (900, 0, 0, 0)).tolist()}, "no pixel of the undistorted"),
        ({"kind": "grid", "points": grid(30).tolist(), "degree": 9}, "lower degree"),
        ({"kind": "grid"}, "one of them"),
        ({"kind": "grid", "file": "none.csv"}, "no such file"),
        ({"kind": "polynomial", "column": [1, 2], "row": [1, 2]}, "same number of coefficients"),
        ({"kind": "poly"}, 'must be "grid" or "polynomial"'),
    ],
)
def test_a_distortion_that_is_none_is_one_line(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(FluorobenchError, match=words) as caught:
        resampling(**keys)
    assert "\n" not in str(caught.value)
