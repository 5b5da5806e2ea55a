"""Intervals of the bootstrap over patients: exact for few patients, of random resamples with a known error for more."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from bench.score.breakdown import breakdown
from bench.score.capture_range import fit_success_curve
from bench.score.resamples import resamples


def test_all_resamples_of_few_patients_have_the_probabilities_of_their_orders() -> None:
    found = resamples(5, seed=0)
    assert found.exact
    ordered = np.array([np.bincount(each, minlength=5) for each in product(range(5), repeat=5)])
    known, times = np.unique(ordered, axis=0, return_counts=True)
    order = np.lexsort(found.counts.T[::-1])
    np.testing.assert_array_equal(found.counts[order], known)
    np.testing.assert_allclose(found.probability[order], times / 5**5, rtol=1e-12)
    assert resamples(8, seed=0).exact
    assert not resamples(9, seed=0).exact


def test_an_interval_is_the_percentiles_of_every_order() -> None:
    sample = np.random.default_rng(0).lognormal(size=6)
    every = np.sort([sample[list(each)].mean() for each in product(range(6), repeat=6)])
    drawn = resamples(6, seed=0)
    found = drawn.interval(drawn.counts @ sample / 6)
    assert found is not None
    low, high = np.percentile(every, [2.5, 97.5], method="inverted_cdf")
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)


def test_undefined_statistics_are_left_out_and_infinite_ones_kept() -> None:
    drawn = resamples(6, seed=0)
    assert drawn.interval(np.full(len(drawn.counts), np.nan)) is None
    lost = np.where(drawn.counts[:, 0] == 0, np.nan, np.where(drawn.counts[:, 1] == 0, np.inf, 1.0))
    found = drawn.interval(lost)
    assert found is not None
    assert (found.low, found.high) == (1.0, np.inf)


def test_random_resamples_have_the_stated_error_at_the_ends() -> None:
    """0.16 % is the standard error of a share of 2.5 % in 10,000 draws."""
    sample = np.arange(9.0)
    shares = list[float]()
    for seed in range(40):
        drawn = resamples(9, seed=seed)
        shares.append(float((drawn.counts @ sample / 9 <= 20 / 9).mean()))
    expected = np.sqrt(np.mean(shares) * (1 - np.mean(shares)) / 10_000)
    assert np.std(shares) == pytest.approx(expected, rel=0.4)


def test_intervals_of_eight_patients_do_not_depend_on_the_seed() -> None:
    numbers = np.arange(40)
    initial = np.random.default_rng(1).uniform(0, 40, numbers.size)
    table = pd.DataFrame({"initial_mtre_mm": initial, "mpd_mm": np.where(initial + 8 * np.sin(numbers) < 20, 0.0, 9.0)})
    table = table.assign(label="A", case_id=[f"{n:03d}" for n in numbers], patient_id=[f"p{n % 8}" for n in numbers])
    first, second = (fit_success_curve(table, "A", limit_mm=40.0, seed=seed).interval for seed in (0, 1))
    assert first == second
    success = np.random.default_rng(2).integers(0, 3, (8, 4)) / 2
    success[:, 0] = 1.0
    away = np.array([0.0, 1.0, 2.0, 4.0])
    assert breakdown(success, away, "linear", seed=0) == breakdown(success, away, "linear", seed=1)
