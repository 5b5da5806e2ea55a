from importlib import import_module
from typing import Any

import numpy as np
import pytest

from bench.errors import FluorobenchError
from bench.geometry import Matrix, transform_points
from bench.volume import FloatGrid, MaskGrid

implants: Any = import_module("bench.datasets.phantom.implants.devices")
solids: Any = import_module("bench.datasets.phantom.implants.solids")
SETTINGS = implants.ImplantSettings()


def grid(spacing: float = 1.0, size: int = 120) -> tuple[FloatGrid, Matrix]:
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = -spacing * (size - 1) / 2
    return np.full((size, size, size), 40, dtype=np.float32), affine


def metal(hu: FloatGrid, affine: Matrix) -> Matrix:
    return transform_points(affine, np.argwhere(hu > 2500))


def site(z: float = 0.0) -> Any:
    return implants.ScrewSite(
        body=np.array([0.0, -10.0, z]),
        left_pedicle=np.array([16.0, 12.0, z + 4]),
        right_pedicle=np.array([-16.0, 12.0, z + 4]),
    )


@pytest.mark.parametrize("spacing", [0.8, 2.0])
def test_a_thin_rod_keeps_its_volume_at_any_voxel_size(spacing: float) -> None:
    hu, affine = grid(spacing, int(100 / spacing))
    rod = solids.Rod(
        start=np.array([-20.0, 3.0, 1.0]), end=np.array([21.0, -6.0, 9.0]), start_radius=3.0, end_radius=3.0, hu=1040.0
    )
    added = float((implants.paint(hu, affine, [rod]) - hu).sum(dtype=np.float64)) / 1000 * spacing**3
    length = float(np.linalg.norm(rod.end - rod.start))
    assert added == pytest.approx(np.pi * 9 * length + 4 / 3 * np.pi * 27, rel=0.06)


def test_edges_are_shared_and_numbers_cut_at_3071() -> None:
    hu, affine = grid()
    before = hu.copy()
    ball = solids.Rod(start=np.zeros(3), end=np.zeros(3), start_radius=10.2, end_radius=10.2, hu=3000.0)
    painted = implants.paint(hu, affine, [ball])
    assert np.logical_and(painted > 100, painted < 2900).sum() > 200
    assert implants.paint(hu, affine, [ball, solids.Rod(**{**fields(ball), "hu": 9000.0})]).max() == 3071
    np.testing.assert_array_equal(hu, before)


def fields(solid: Any) -> dict[str, Any]:
    return {name: getattr(solid, name) for name in solid.__dataclass_fields__}


def test_screws_run_through_both_pedicles_into_the_body_and_lean_inwards() -> None:
    hu, affine = grid()
    painted = implants.paint(hu, affine, implants.pedicle_screws([site()], SETTINGS, np.random.default_rng(0)))
    points = metal(painted, affine)
    for pedicle, sign in ((site().left_pedicle, 1), (site().right_pedicle, -1)):
        near = points[np.linalg.norm(points - pedicle, axis=1) < 2.0]
        assert len(near) > 0
        side = points[sign * points[:, 0] > 0]
        front, back = side[side[:, 1] < -8], side[side[:, 1] > 20]
        assert len(front) > 0
        assert len(back) > 0
        assert sign * front[:, 0].mean() < sign * back[:, 0].mean()


def test_rods_join_the_screws_of_a_side_unless_left_out() -> None:
    sites = [site(35.0), site(0.0), site(-35.0)]
    hu, affine = grid()
    between: dict[str, MaskGrid] = {}
    for name, changes in (("with", {}), ("without", {"rod_diameter": (0.0, 0.0)})):
        settings = implants.ImplantSettings(**changes)
        painted = implants.paint(hu, affine, implants.pedicle_screws(sites, settings, np.random.default_rng(1)))
        height = transform_points(affine, np.argwhere(np.ones((1, 1, 120))))[:, 2]
        between[name] = (painted > 2500).any(axis=(0, 1))[np.abs(height - 21) < 3]
    assert between["with"].all()
    assert not between["without"].any()


def test_hip_is_a_ball_in_a_cup_on_a_stem() -> None:
    hu, affine = grid(2.0, 130)
    place = implants.HipSite(
        head=np.array([-20.0, 0.0, 60.0]), shoulder=np.array([-60.0, 0.0, 25.0]), shaft=np.array([-64.0, 2.0, -60.0]),
        socket=np.array([0.6, 0.0, 0.8]),
    )  # fmt: skip
    points = metal(implants.paint(hu, affine, implants.hip_implant(place, SETTINGS, np.random.default_rng(2))), affine)
    away = np.linalg.norm(points - place.head, axis=1)
    assert (away < 12).sum() > 0.9 * 4 / 3 * np.pi * 12**3 / 8
    dome = points[(points - place.head) @ place.socket > 22.0]
    assert len(dome) > 50
    assert points[:, 2].min() < -75
    assert np.abs(points[points[:, 2] < -40] - place.shaft)[:, 0].max() < 16


def test_cement_stays_inside_the_body_and_has_its_volume() -> None:
    hu, affine = grid()
    half = np.array([17.0, 12.0, 10.0])
    settings = implants.ImplantSettings(cement_ml=(3.0, 3.0), cement_hu=(1500.0, 1500.0), cement_drops=(1, 1))
    painted = implants.paint(hu, affine, implants.bone_cement(np.zeros(3), half, settings, np.random.default_rng(3)))
    points = transform_points(affine, np.argwhere(painted > 700))
    assert (np.abs(points).max(axis=0) <= half + 1).all()
    assert 1500 < len(points) < 4500


def test_what_lies_outside_the_grid_is_left_out() -> None:
    hu, affine = grid(1.0, 20)
    far = solids.Rod(start=np.full(3, 90.0), end=np.full(3, 99.0), start_radius=3.0, end_radius=3.0, hu=3000.0)
    np.testing.assert_array_equal(implants.paint(hu, affine, [far]), hu)


def test_same_seed_same_screws() -> None:
    first, again, other = (
        implants.pedicle_screws([site(), site(-35.0)], SETTINGS, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a.start, b.start) and a.hu == b.hu for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].end, other[0].end)


def test_sites_come_from_named_landmarks() -> None:
    corners = {
        "upper endplate anterior": [0.0, -18.0, 13.0],
        "upper endplate posterior": [0.0, 16.0, 12.0],
        "lower endplate anterior": [0.0, -18.0, -12.0],
        "lower endplate posterior": [0.0, 16.0, -13.0],
        "pedicle left": [15.0, 18.0, 4.0],
        "pedicle right": [-15.0, 18.0, 4.0],
    }
    points = {f"L3 {name}": np.array(point) for name, point in corners.items()}
    (found,) = implants.sites_from_landmarks(points, ["L3"])
    np.testing.assert_allclose(found.body, [0, -1, 0])
    np.testing.assert_array_equal(found.left_pedicle, [15, 18, 4])
    with pytest.raises(FluorobenchError, match="L4"):
        implants.sites_from_landmarks(points, ["L3", "L4"])


def test_points_that_coincide_are_refused() -> None:
    bad = implants.ScrewSite(body=np.zeros(3), left_pedicle=np.ones(3), right_pedicle=np.ones(3))
    with pytest.raises(FluorobenchError, match="pedicles"):
        implants.pedicle_screws([bad], SETTINGS, np.random.default_rng(0))
