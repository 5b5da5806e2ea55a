"""The phantom's renderer: partial volume, thin layers, and the network of vessels and septa in fat."""

import numpy as np
import pytest

from .phantom_parts import inside, rendered


def test_edges_are_partial_volume_not_steps() -> None:
    shapes = inside("rendering.shapes")
    ball = shapes.soft((shapes.ellipsoid((0.2, -0.1, 0.3), (20, 20, 20)),), 0.0)
    hu, _, _ = rendered([ball], (30, 30, 30), np.full(3, -29.0), 2.0)
    volume = (hu.astype(np.float64) + 1000).sum() / 1000 * 8
    assert volume == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.004)
    between = ((hu > -950) & (hu < -50)).sum()
    assert between > 0.7 * 4 * np.pi * 20**2 / 4


def test_a_thin_shell_keeps_its_integral() -> None:
    shapes = inside("rendering.shapes")
    shell = shapes.ellipsoid((0.2, -0.1, 0.3), (20, 20, 20)).made_of(shell_mm=0.5, inner_hu=-1000.0)
    hu, _, _ = rendered([shapes.Part((shell,), 1000.0)], (30, 30, 30), np.full(3, -29.0), 2.0)
    mass = (hu.astype(np.float64) + 1000).sum() / 2000 * 8
    assert mass == pytest.approx(4 / 3 * np.pi * (20**3 - 19.5**3), rel=0.02)


def test_the_lattice_of_the_fat_network_has_no_row_along_the_body() -> None:
    """Rows along the beam would add up to a grid in an AP view."""
    for seed in range(50):
        axes = inside("rendering.fat_network").draw_lattice_axes(seed)
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
        assert np.abs(axes).max() < np.cos(np.radians(25.0))


def test_the_network_runs_through_fat_alone_and_weighs_the_same_on_any_grid() -> None:
    fat, shares = inside("rendering.fat_network"), list[float]()
    network = fat.FatNetwork(vessel_mm=2.0, mesh_mm=14.0, vessel_hu=40.0, septum_mm=0.3, haze_hu=0.0, seed=5)
    for spacing_mm in (1.0, 2.0, 3.0):
        count = int(96 / spacing_mm)
        third = count // 3
        hu = np.full((count, count, count), fat.VISCERAL_HU, dtype=np.float32)
        hu[:third] = 40.0
        labels = np.zeros(hu.shape, dtype=np.uint16)
        labels[-third:] = 22
        made = hu.copy()
        fat.paint_fat_network(made, labels, network, origin=np.full(3, spacing_mm / 2), spacing_mm=spacing_mm)
        assert np.array_equal(made[:third], hu[:third])
        assert np.array_equal(made[-third:], hu[-third:])
        shares.append(float((made[third:-third] - fat.VISCERAL_HU).mean() / (40.0 - fat.VISCERAL_HU)))
    assert 0.05 < shares[0] < 0.3
    assert max(shares) < 1.35 * min(shares)
