from importlib import import_module
from typing import Any

import numpy as np
import pytest

from bench.errors import FluorobenchError
from bench.geometry import Matrix
from bench.volume import FloatGrid

acquisition: Any = import_module("bench.datasets.phantom.scanner.acquisition")
table: Any = import_module("bench.datasets.phantom.scanner.table")
QUIET = {"noise_hu": 0.0, "noise_modulation": 0.5}
SPACING = np.array([1.0, 1.0, 1.0])


def scan(**changes: Any) -> Any:
    base = {"kernel": "standard", "mtf50_per_cm": 4.0, "fall": 2.0, "enhancement": 0.0, "slice_mm": 3.0}
    return acquisition.Scan(**{**base, "profile": "box", "increment_mm": None, **QUIET, **changes})


def make(hu: FloatGrid, chosen: Any, voxel_mm: float = 1.0) -> FloatGrid:
    made: FloatGrid = acquisition.scanned(hu, SPACING * voxel_mm, scan=chosen, generator=np.random.default_rng(0))
    return made


def person(shape: tuple[int, int, int] = (120, 96, 24), tall: float = 28.0) -> FloatGrid:
    """An ellipse of water with a rod of bone, air behind."""
    x, y = np.indices(shape[:2])
    section = np.where(((x - shape[0] / 2) / 52) ** 2 + ((y - 40) / tall) ** 2 < 1, 0, -1000)
    section[(x - shape[0] / 2) ** 2 + (y - 45) ** 2 < 60] = 700
    return np.ascontiguousarray(np.repeat(section[..., None], shape[2], axis=2), dtype=np.float32)


def wave(line_pairs_per_cm: float) -> FloatGrid:
    """A cosine along i that a mirror at the border continues."""
    count, cycles = 200, round(line_pairs_per_cm * 20)
    line = 500 * np.cos(np.pi * 2 * cycles * (np.arange(count) + 0.5) / count)
    return np.ascontiguousarray(np.broadcast_to(line[:, None, None], (count, 8, 4)), dtype=np.float32)


def amplitude(hu: FloatGrid) -> float:
    return float(hu[:, 4, 2].std() * np.sqrt(2) / 500)


def test_kernel_transfers_one_half_at_its_mtf50() -> None:
    assert amplitude(make(wave(4.0), scan())) == pytest.approx(0.5, abs=2e-3)
    assert amplitude(make(wave(1.0), scan(mtf50_per_cm=2.0, fall=2.0))) == pytest.approx(0.5**0.25, abs=2e-3)


def test_bone_kernel_lifts_middle_frequencies_and_overshoots() -> None:
    enhanced = scan(mtf50_per_cm=7.0, fall=3.0, enhancement=0.2)
    assert amplitude(make(wave(3.5), enhanced)) > 1.05
    edge = np.where(np.arange(60) < 30, 0.0, 500.0)
    hu = np.ascontiguousarray(np.broadcast_to(edge[:, None, None], (60, 8, 4)), dtype=np.float32)
    assert make(hu, enhanced).max() > 510
    assert make(hu, scan(mtf50_per_cm=2.5)).max() < 501


@pytest.mark.parametrize("profile", ["box", "gaussian"])
@pytest.mark.parametrize("increment", [None, 2.5])
def test_slices_keep_the_mean_and_have_their_width(profile: str, increment: float | None) -> None:
    chosen = scan(slice_mm=5.0, profile=profile, increment_mm=increment)
    mixing = acquisition.slice_matrix(chosen, 61, 1.0)
    np.testing.assert_allclose(mixing.sum(axis=1), 1.0, atol=1e-5)
    response = mixing[:, 30]
    wide = int((response > response.max() / 2).sum())
    assert 4 <= wide <= 6
    assert float(response.sum()) == pytest.approx(1.0, abs=0.05)


def test_thin_slices_leave_the_grid_as_it_is() -> None:
    np.testing.assert_allclose(acquisition.slice_matrix(scan(slice_mm=0.1), 9, 2.0), np.eye(9), atol=1e-6)


def test_noise_has_its_level_its_grain_and_grows_with_the_body() -> None:
    water = np.zeros((128, 128, 16), dtype=np.float32)
    reference = scan(noise_hu=20.0, noise_modulation=0.0)
    fine = np.array([0.8, 0.8, 3.0])
    noise = acquisition.scanned(water, fine, scan=reference, generator=np.random.default_rng(1))
    assert float(noise.std()) == pytest.approx(20, rel=0.05)
    soft = acquisition.scanned(
        water, fine, scan=scan(noise_hu=20.0, mtf50_per_cm=2.5), generator=np.random.default_rng(1)
    )
    sharp = acquisition.scanned(
        water, fine, scan=scan(noise_hu=20.0, mtf50_per_cm=7.0, fall=3.0), generator=np.random.default_rng(1)
    )
    assert soft.std() < 0.7 * noise.std() < 0.5 * sharp.std()
    assert neighbours(soft) > neighbours(noise) + 0.05 > neighbours(sharp) + 0.1


def neighbours(noise: FloatGrid) -> float:
    """Correlation of voxels beside one another."""
    return float(np.corrcoef(noise[1:].reshape(-1), noise[:-1].reshape(-1))[0, 1])


def test_noise_is_strongest_amid_the_body_and_weak_in_air() -> None:
    hu, chosen = person(), scan(noise_hu=30.0, noise_modulation=0.7)
    noise = make(hu, chosen, 2.5) - make(hu, scan(), 2.5)
    middle, rim, air = noise[50:70, 20:34].std(), noise[50:70, 13:17].std(), noise[:, 88:].std()
    assert middle > 1.2 * rim
    assert air < 0.7 * middle
    thin = person(tall=14.0)
    both = np.concatenate([hu, thin], axis=2)
    noisy = make(both, chosen, 2.5) - make(both, scan(), 2.5)
    assert noisy[50:70, 34:40, :24].std() > 1.2 * noisy[50:70, 34:40, 24:].std()


def test_same_generator_same_bits_and_input_untouched() -> None:
    hu = person()
    before, settings = hu.copy(), acquisition.AcquisitionSettings()
    made = [
        acquisition.acquire(hu, spacing_mm=1.0, settings=settings, generator=np.random.default_rng(s))
        for s in (3, 3, 4)
    ]
    np.testing.assert_array_equal(made[0], made[1])
    assert np.abs(made[0] - made[2]).max() > 1
    np.testing.assert_array_equal(hu, before)
    assert made[0].dtype == np.float32
    assert made[0].flags.c_contiguous
    assert made[0].min() >= -1024
    assert made[0].max() <= 3071


def lay(hu: FloatGrid, seed: int, **changes: Any) -> FloatGrid:
    settings = table.TableSettings(**{"share": 1.0, "gap_mm": (3.0, 3.0), **changes})
    laid: FloatGrid = table.with_table(hu, SPACING, settings, np.random.default_rng(seed))
    return laid


def test_table_lies_in_the_air_below_the_back_and_nowhere_else() -> None:
    hu = person()
    laid = lay(hu, 2)
    changed = laid != hu
    assert changed.any()
    assert (hu[changed] <= -999).all()
    middle = laid[60, 69:, 5]
    assert middle.max() > -900
    assert not changed[:, :40].any()


def test_table_curves_up_at_the_sides() -> None:
    shell = lay(person(shape=(120, 120, 4)), 2, shell_hu=(0.0, 0.0), shift_mm=(0.0, 0.0), shell_mm=(2.0, 2.0))[..., 0]
    first = [int(np.argmax(shell[i, 69:] > -700)) for i in (10, 60, 110)]
    assert first[0] < first[1] > first[2]


def test_no_room_no_table_and_the_draws_stay_in_step() -> None:
    filled = np.zeros((20, 20, 4), dtype=np.float32)
    np.testing.assert_array_equal(lay(filled, 1), filled)
    with_, without = np.random.default_rng(5), np.random.default_rng(5)
    table.with_table(person(), SPACING, table.TableSettings(share=1.0), with_)
    table.with_table(person(), SPACING, table.TableSettings(share=0.0), without)
    assert with_.random() == without.random()


@pytest.mark.parametrize("spacing", [0.0, float("nan"), [1.0, -1.0, 1.0]])
def test_a_spacing_that_is_none_is_refused(spacing: float | list[float]) -> None:
    with pytest.raises(FluorobenchError, match="spacing_mm must be positive"):
        acquisition.acquire(
            person(), spacing_mm=spacing, settings=acquisition.AcquisitionSettings(), generator=np.random.default_rng(0)
        )


@pytest.mark.parametrize(
    "changes",
    [{"slice_mm": (3.0, 1.0)}, {"increment": (0.0, 1.0)}, {"noise_hu": (-1.0, 2.0)}, {"kernel_shares": {"hard": 1.0}}],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(FluorobenchError):
        acquisition.AcquisitionSettings(**changes)


def test_draws_cover_all_kernels_within_their_ranges() -> None:
    settings, generator = acquisition.AcquisitionSettings(), np.random.default_rng(0)
    scans = [acquisition.draw_scan(settings, generator) for _ in range(200)]
    assert {each.kernel for each in scans} == {"soft", "standard", "bone"}
    widths: Matrix = np.array([each.slice_mm for each in scans])
    assert settings.slice_mm[0] <= widths.min() < widths.max() <= settings.slice_mm[1]
    assert 0 < sum(each.increment_mm is None for each in scans) < 200
