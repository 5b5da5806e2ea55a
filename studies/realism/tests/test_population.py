"""Population against one CT: the 50 % point, the measures, the verdicts, the page."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bench.score.capture_range import SuccessCurve, fit_logistic, fit_success_curve
from bench.score.statistics import StatisticsError
from bench.volume import Volume
from studies.realism.criterion import near_enough
from studies.realism.ct_statistics import CtStatistics, ct_statistics, spectrum, spine_contrast
from studies.realism.figures import binned, write_figures
from studies.realism.lines import curve_lines, dimension_line, scalar_lines
from studies.realism.page import verdict, write_page
from studies.realism.success import success_lines


def rows(half_mm: float, *, patients: int = 10, cases: int = 40, seed: int = 0) -> pd.DataFrame:
    """Cases whose success falls along a logistic curve through one half at ``half_mm``."""
    random = np.random.default_rng(seed)
    initial = random.uniform(0, 40, patients * cases)
    good = random.uniform(size=initial.size) < expit((half_mm - initial) / 3.0)
    return pd.DataFrame(
        {
            "label": "Opt-GC",
            "case_id": [f"{i:05d}" for i in range(initial.size)],
            "patient_id": [f"p{i % patients}" for i in range(initial.size)],
            "initial_mtre_mm": initial,
            "mpd_mm": np.where(good, 1.0, np.where(np.arange(initial.size) % 2, 30.0, np.nan)),
        }
    )


def fitted(half_mm: float, **options: int) -> SuccessCurve:
    return fit_success_curve(rows(half_mm, **options), "Opt-GC", limit_mm=40.0, draws=100)


def test_a_measure_that_one_phantom_lacks_is_compared_by_the_others() -> None:
    def seen(*numbers: float) -> list[CtStatistics]:
        return [
            CtStatistics(patient_id="p", scalars={"x": each}, curves={}, positions={}, images={}) for each in numbers
        ]

    (line,) = scalar_lines(seen(1.0, 2.0, 3.0, np.nan), seen(2.5)[0])
    assert (line.phantom, line.distance, line.passed) == ("2 ± 1 (3 of 4)", "+0.5 SD", True)
    assert scalar_lines(seen(1.0, 2.0, 3.0), seen(9.0)[0])[0].passed is False
    assert scalar_lines(seen(1.0, 1.0, 1.0), seen(9.0)[0])[0].passed is False
    for population, real in ((seen(1.0, 2.0, np.nan), 1.5), (seen(1.0, 2.0, 3.0), np.nan)):
        (line,) = scalar_lines(population, seen(real)[0])
        assert (line.distance, line.passed) == ("not comparable", None)


def test_the_curve_finds_the_point_it_was_drawn_from() -> None:
    found = fitted(18.0)
    assert found.half_mm == pytest.approx(18.0, abs=1.5)
    assert found.interval.low < 18.0 < found.interval.high
    assert found.by_patient
    np.testing.assert_allclose(found.probability(np.array([found.half_mm])), 0.5)


def test_the_fit_is_the_maximum_of_the_likelihood() -> None:
    x = np.linspace(0, 1, 400)
    success = np.random.default_rng(3).uniform(size=400) < expit(4 - 9 * x)
    best = np.array(fit_logistic(x, success))

    def likelihood(beta: np.ndarray) -> float:
        p = np.asarray(expit(beta[0] + beta[1] * x), dtype=np.float64)
        return float(np.log(np.where(success, p, 1 - p)).sum())

    for step in ([0.4, 0], [-0.4, 0], [0, 0.8], [0, -0.8]):
        assert likelihood(best) > likelihood(best + step)


def test_never_and_always_are_said_and_where_neither_is_reached_nothing_is_judged() -> None:
    never, always, half = fitted(-90.0), fitted(200.0), fitted(20.0)
    assert (never.half_mm, always.half_mm) == (0.0, 40.0)
    assert never.text.startswith("half never reached")
    assert always.text.startswith("above half up to 40 mm")
    assert near_enough(never, never) is None
    assert near_enough(half, never) is False
    assert near_enough(never, half) is False
    assert near_enough(never, always) is False


def test_a_quarter_is_the_limit() -> None:
    real = fitted(20.0)
    assert near_enough(fitted(20.0 * 1.1, seed=1), real)
    assert not near_enough(fitted(20.0 * 1.45, seed=1), real)


def test_one_ct_is_resampled_by_cases() -> None:
    found = fitted(18.0, patients=1, cases=200)
    assert not found.by_patient
    assert found.interval.low < found.half_mm < found.interval.high


def test_starts_at_one_distance_give_no_curve() -> None:
    table = rows(18.0)
    table["initial_mtre_mm"] = 5.0
    with pytest.raises(StatisticsError, match="different initial errors"):
        fit_success_curve(table, "Opt-GC", limit_mm=40.0)


def test_shares_in_bins_are_those_of_the_cases() -> None:
    found = fitted(18.0)
    middles, shares = binned(found, 8)
    first = found.initial_mm < 5
    assert middles[0] == 2.5
    assert shares[0] == pytest.approx(found.success[first].mean())


def test_a_wave_stands_at_its_own_frequency() -> None:
    x = np.arange(128) * 0.5
    image = np.tile(np.sin(2 * np.pi * 0.1 * x), (128, 1)).astype(np.float32)
    frequencies, power = spectrum(image, pixel_mm=0.5, highest_per_mm=0.5)
    assert frequencies[power.argmax()] == pytest.approx(0.1, rel=0.15)


def test_contrast_is_the_excess_over_the_neighbours() -> None:
    bone = np.zeros((256, 256), np.float32)
    bone[:, 120:136] = 1.0
    found = spine_contrast(np.float32(4.0) + bone, bone)
    assert found["spine over its neighbours, AP (%)"] == pytest.approx(25.0)
    assert found["bone's share of the spine's path, AP (%)"] == pytest.approx(20.0)


def volume(bone_hu: float, seed: int) -> Volume:
    """A block of tissue and fat with a column of bone."""
    hu = np.random.default_rng(seed).normal(40.0, 10.0, (40, 36, 40)).astype(np.float32)
    hu[:, :8] = -100.0 + seed
    labels = np.zeros(hu.shape, np.uint16)
    labels[16:24, 16:24, 4:36] = 22
    hu[labels > 0] = bone_hu + 3 * np.arange((labels > 0).sum()) % 50
    return Volume(hu, np.diag([4.0, 4.0, 4.0, 1.0]), labels, "phantom")


@pytest.fixture(scope="module")
def statistics() -> list[CtStatistics]:
    return [ct_statistics(f"p{seed}", volume(400.0 + 10 * seed, seed)) for seed in range(5)]


def test_statistics_of_the_tissues(statistics: list[CtStatistics]) -> None:
    scalars = statistics[0].scalars
    assert scalars["bone, median (HU)"] == pytest.approx(425.0, abs=3)
    assert scalars["soft tissue, median (HU)"] == pytest.approx(40.0, abs=1)
    assert scalars["fat, median (HU)"] == pytest.approx(-100.0, abs=0.1)
    for name, curve in statistics[0].curves.items():
        assert curve.shape == statistics[0].positions[name].shape
        if not name.startswith("power"):
            assert 0.5 < curve.sum() <= 1 + 1e-9


def test_one_of_the_population_passes_and_a_stranger_does_not(statistics: list[CtStatistics]) -> None:
    stranger = ct_statistics("stranger", volume(900.0, 7))
    own = {line.what: line.passed for line in scalar_lines(statistics, statistics[2])}
    other = {line.what: line.passed for line in scalar_lines(statistics, stranger)}
    assert own["bone, median (HU)"]
    assert not other["bone, median (HU)"]
    assert {line.what: line.passed for line in curve_lines(statistics, statistics[2])}["HU of bone (curve)"]
    assert not {line.what: line.passed for line in curve_lines(statistics, stranger)}["HU of bone (curve)"]


def test_dimensions_count_those_inside_the_published_range() -> None:
    line = dimension_line("upper_width", {"L1": [40.0, 41.0], "L2": [44.0, 60.0]}, {"L1": (35, 45), "L2": (36, 50)})
    assert line.distance == "75 % of 4 inside"
    assert line.passed is False


def test_page_and_figures_are_written_whole(statistics: list[CtStatistics], tmp_path: Path) -> None:
    ours, theirs = [fitted(18.0)], [fitted(17.0, seed=2)]
    figures = write_figures(tmp_path, statistics[:4], statistics[4], (ours, theirs), "A test.")
    lines = [
        *success_lines(ours, theirs),
        *scalar_lines(statistics[:4], statistics[4]),
        *curve_lines(statistics[:4], statistics[4]),
    ]
    page, table = write_page(tmp_path, lines, title="Test", notes=["How."])
    assert {path.name for path in figures} >= {"success.png", "drrs.png", "hu.pdf", "drr_statistics.png"}
    text = page.read_text()
    assert verdict(lines) in text
    assert all((tmp_path / f"{name}.png").is_file() for name in ("success", "drrs", "hu", "drr_statistics"))
    assert text.count("![") == 4
    assert len(table.read_text().splitlines()) == len(lines) + 1
