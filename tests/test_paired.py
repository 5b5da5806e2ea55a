"""Paired comparisons of methods: type-I error, coverage, and what a missing answer counts."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import permutation_test

from bench.protocol import protocol_names, read_protocol
from bench.score.exact import MOST_COVERAGE, median_interval, sign_flip_p
from bench.score.paired import by_patient, differences, paired_difference, paired_differences, wins
from bench.score.statistics import CONFIDENCE, rate

Floats = NDArray[np.float64]
Errors = Callable[[np.random.Generator, int, int], tuple[Floats, Floats]]

SAMPLES = 2000
# Five standard errors of a share that is 95 % in truth.
CHANCE = 5 * np.sqrt(0.95 * 0.05 / SAMPLES)
SIZES = (6, 8, 10)


def lognormal(random: np.random.Generator, patients: int, cases: int, scale: float) -> Floats:
    """Skewed errors; half of the logarithm's standard deviation again between patients."""
    logs = random.normal(size=(patients, cases)) + 0.5 * random.normal(size=(patients, 1))
    return np.asarray(scale * np.exp(logs))


def failing(random: np.random.Generator, patients: int, cases: int, failure: float, lost: float) -> Floats:
    """Small errors, in a share of cases that differs between patients wrong ones of 5 to 30 mm, or none at all."""
    shares = random.beta(3 * failure, 3 * (1 - failure), size=(patients, 1)) if failure else np.zeros((patients, 1))
    wrong = random.uniform(size=(patients, cases)) < shares
    errors = np.where(wrong, random.uniform(5, 30, size=wrong.shape), 0.5 * lognormal(random, patients, cases, 1))
    return np.where(wrong & (random.uniform(size=wrong.shape) < lost), np.inf, errors)


# Two methods that differ, as tables have them: by the scale of skewed errors, or by their failures.
APART: dict[str, Errors] = {
    "skewed": lambda r, n, c: (lognormal(r, n, c, 3.0), lognormal(r, n, c, 1.0)),
    "skewed against exact": lambda r, n, c: (lognormal(r, n, c, 1.0), np.full((n, c), 0.01)),
    "few failures against none": lambda r, n, c: (failing(r, n, c, 0.1, 0), failing(r, n, c, 0, 0)),
    "failures against fewer": lambda r, n, c: (failing(r, n, c, 0.3, 0), failing(r, n, c, 0.1, 0)),
    "many failures against none": lambda r, n, c: (failing(r, n, c, 0.7, 0), failing(r, n, c, 0, 0)),
}
# Two methods that do not.
ALIKE: dict[str, Errors] = {
    "skewed": lambda r, n, c: (lognormal(r, n, c, 1.0), lognormal(r, n, c, 1.0)),
    "failures": lambda r, n, c: (failing(r, n, c, 0.3, 0), failing(r, n, c, 0.3, 0)),
    "failures, half of them without an answer": lambda r, n, c: (
        failing(r, n, c, 0.3, 0.5),
        failing(r, n, c, 0.3, 0.5),
    ),
}


def patient_means(errors: Errors, random: np.random.Generator, patients: int, cases: int) -> Floats:
    """Differences of one simulated run, averaged as tables do."""
    one, two = errors(random, patients, cases)
    owners = [f"p{number:02d}" for number in range(patients) for _ in range(cases)]
    return by_patient(differences(one.ravel(), two.ravel()), owners)


@pytest.mark.parametrize("kind", ALIKE)
def test_chance_alone_is_called_a_difference_in_one_of_twenty_runs_at_most(kind: str) -> None:
    random = np.random.default_rng(7)
    for patients in SIZES:
        means = [patient_means(ALIKE[kind], random, patients, 2) for _ in range(SAMPLES)]
        p_values = np.array([sign_flip_p(each) for each in means], dtype=np.float64)
        assert np.mean(p_values < 0.05) <= 0.05 + CHANCE, (patients, np.mean(p_values < 0.05))


@pytest.mark.parametrize("kind", APART)
def test_intervals_hold_the_true_median_as_often_as_they_say(kind: str) -> None:
    random = np.random.default_rng(11)
    true = np.median(patient_means(APART[kind], random, 100_000, 2))
    for patients in SIZES:
        found = [median_interval(patient_means(APART[kind], random, patients, 2)) for _ in range(SAMPLES)]
        covered = np.mean([each is not None and each.low <= true <= each.high for each in found])
        assert 0.93 <= covered <= MOST_COVERAGE + CHANCE / 2, (patients, covered)


@pytest.mark.parametrize("failure", [0.1, 0.3, 0.5])
def test_intervals_of_failure_rates_hold_the_true_rate(failure: float) -> None:
    """At least as often as they say: they allow for a correlation that few patients cannot show."""
    random = np.random.default_rng(13)
    for patients in SIZES:
        owners = [f"p{number:02d}" for number in range(patients) for _ in range(2)]
        found = [rate(failing(random, patients, 2, failure, 1).ravel() > 5, owners).interval for _ in range(150)]
        covered = np.mean([each is not None and each.low <= failure <= each.high for each in found])
        assert covered >= 0.93 - 0.05, (patients, covered)


def test_all_sign_changes_are_those_that_scipy_counts() -> None:
    random = np.random.default_rng(3)
    for size in (6, 7, 10):
        sample = random.normal(0.4, 1, size)
        expected = permutation_test((sample,), np.mean, permutation_type="samples", n_resamples=2**size).pvalue
        assert sign_flip_p(sample) == pytest.approx(expected)
    assert sign_flip_p(np.ones(6)) == 2 / 2**6
    assert sign_flip_p(np.ones(5)) is None


def test_with_many_patients_random_sign_changes_agree_with_all_of_them() -> None:
    sample = np.random.default_rng(3).normal(0.4, 1, 20)
    exact, more = sign_flip_p(sample), sign_flip_p(np.append(sample, 0.0))
    assert exact is not None
    assert more is not None
    assert more == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999))


def table_of(first: list[float], second: list[float], patients: int = 1) -> pd.DataFrame:
    """Rows of methods ``a`` and ``b``."""
    owners = [f"p{number * patients // len(first):02d}" for number in range(len(first))]
    cases = [f"{owner}/{number:03d}" for number, owner in enumerate(owners)]
    return pd.DataFrame(
        {
            "label": ["a"] * len(first) + ["b"] * len(second),
            "case_id": cases * 2,
            "patient_id": owners * 2,
            "error": first + second,
        }
    )


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_a_method_that_fails_in_half_of_its_cases_cannot_win_by_that(lost: float) -> None:
    """Both answer alike; one gives no answer in every other case, its hardest ones."""
    errors = np.tile([1.0, 9.0], 10)
    noise = np.random.default_rng(2).uniform(0, 0.1, 20)
    answered = np.where(errors > 5, lost, errors - noise)
    found = paired_difference(table_of(answered.tolist(), errors.tolist(), 10), "error", first="a", second="b")
    assert (found.cases, found.missing) == (20, 10)
    assert found.verdict == "larger"
    assert found.wins == 0.5
    neither = paired_difference(table_of([lost] * 20, [lost] * 20, 10), "error", first="a", second="b")
    assert (neither.p, neither.interval, neither.verdict, neither.wins) == (None, None, "open", 0.5)


def test_a_missing_answer_loses_even_against_the_worst_one() -> None:
    found = differences(np.array([np.nan, 1.0]), np.array([9.0, np.inf]))
    assert found[0] > 0 > found[1]
    assert wins(np.array([np.nan, np.nan, 2.0]), np.array([9.0, np.inf, 1.0])) == pytest.approx(0.5 / 3)


def test_below_six_patients_there_is_no_p_however_many_cases() -> None:
    noise = np.random.default_rng(0).normal(size=400)
    for patients in (1, 2, 5):
        found = paired_difference(
            table_of((noise + 3).tolist(), noise.tolist(), patients), "error", first="a", second="b"
        )
        assert (found.p, found.p_holm, found.patients, found.verdict) == (None, None, patients, "open")
        assert (found.interval is None) == (patients > 1)


def test_a_paired_difference_of_several_patients_is_one_of_patients() -> None:
    """Cases of a patient agree with one another: as independent ones they would tell what nobody knows."""
    patients = np.random.default_rng(1).normal(size=8)
    first = np.repeat(2 + patients - patients.mean(), 50).tolist()
    found = paired_difference(table_of(first, [0.0] * 400, 8), "error", first="a", second="b")
    assert found.mean == pytest.approx(2)
    expected = median_interval(2 + patients - patients.mean())
    assert found.interval is not None
    assert expected is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high))
    assert found.p == sign_flip_p(2 + patients - patients.mean())


def test_many_comparisons_are_adjusted_for_their_number() -> None:
    """Some of twenty differences of nothing look like one by themselves; a real one stays."""
    random = np.random.default_rng(4)
    count, patients = 20, 12
    names = [f"m{number}" for number in range(count)]
    frame = table_of([0.0] * patients, [0.0] * patients, patients)
    for name in names:
        frame[name] = [*random.normal(size=patients), *np.zeros(patients)]
    frame["m0"] = [*(random.normal(size=patients) + 3), *np.zeros(patients)]
    found = paired_differences(frame, [(name, "a", "b") for name in names])
    ordered = sorted((each.p or 0.0, each.p_holm or 0.0) for each in found)
    by_hand = np.maximum.accumulate([min(1.0, (count - rank) * p) for rank, (p, _) in enumerate(ordered)])
    assert [adjusted for _, adjusted in ordered] == pytest.approx(by_hand)
    assert any(each.p is not None and each.p < 1 - CONFIDENCE for each in found[1:]), "the seed must give one"
    assert [each.verdict for each in found] == ["larger", *["open"] * (count - 1)]


def test_a_rate_of_nothing_begins_at_zero_and_one_of_all_ends_at_one() -> None:
    for trials in (20, 21, 33, 50):
        owners = [str(number) for number in range(trials)]
        none, every = (
            rate(np.zeros(trials, np.bool_), owners).interval,
            rate(np.ones(trials, np.bool_), owners).interval,
        )
        assert none is not None
        assert every is not None
        assert (none.low, every.high) == (0.0, 1.0)


@pytest.mark.parametrize("name", sorted(protocol_names()))
def test_every_protocol_with_tables_shows_the_wins(name: str) -> None:
    """But for the protocol of stress, whose conditions are compared by its own report."""
    protocol = read_protocol(name, "full")
    names = protocol.artefacts.names
    assert "paired_wins" in names or not names or protocol.stress is not None
