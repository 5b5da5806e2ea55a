"""Success beside one CT: who never reaches half, the CT among single patients, the matched on paper."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.contract import Image
from bench.score.capture_range import SuccessCurve, fit_success_curve
from bench.score.statistics import Interval
from studies.realism.ct_statistics import CtStatistics
from studies.realism.matched import Matched, asides, patients_figure, sentence, write_matched
from studies.realism.matching import COVARIATES, match
from studies.realism.page import write_page
from studies.realism.success import (
    difference_interval,
    matched_lines,
    matching_line,
    percentile_rank,
    percentile_rank_lines,
    ratio_interval,
    success_interval,
    success_lines,
)


def drawn(
    shares: list[float], *, cases: int = 40, label: str = "Opt-NCC", half_mm: float | None = None
) -> SuccessCurve:
    """Patients who succeed from the given shares of their starts: from the nearest ones, or from any."""
    tables: list[pd.DataFrame] = []
    for index, share in enumerate(shares):
        initial = np.linspace(0.5, 39.5, cases)
        count = round(share * cases)
        good = initial < half_mm if half_mm else np.random.default_rng(index).permutation(cases) < count
        patient = {"initial_mtre_mm": initial, "mpd_mm": np.where(good, 1.0, 30.0)}
        tables.append(pd.DataFrame({**patient, "patient_id": f"p{index}"}))
    rows = pd.concat(tables, ignore_index=True)
    rows["label"], rows["case_id"] = label, [f"{index:05d}" for index in range(len(rows))]
    return fit_success_curve(rows, label, limit_mm=40.0, draws=40)


def test_where_neither_reaches_half_the_rates_decide() -> None:
    real = drawn([0.10])
    near, far = drawn([0.05, 0.10, 0.0, 0.05, 0.10, 0.15]), drawn([0.45, 0.40, 0.45, 0.40, 0.45, 0.40])
    assert near.half_mm == far.half_mm == real.half_mm == 0
    [alike], [unlike] = success_lines([near], [real]), success_lines([far], [real])
    assert alike.passed is True
    assert "neither reaches half; success 8 against 10 %" in alike.distance
    assert unlike.passed is False


def test_where_both_stay_above_half_the_rates_decide_too() -> None:
    [line] = success_lines([drawn([0.95] * 6)], [drawn([0.95])])
    assert line.passed is True
    assert "both stay above half" in line.distance


def test_one_that_reaches_half_and_one_that_does_not_are_apart() -> None:
    [line] = success_lines([drawn([0.5] * 6, half_mm=20.0)], [drawn([0.10])])
    assert line.passed is False
    assert "one side alone reaches half; success 50 against 10 %, difference [" in line.distance
    assert "criterion 0.75 to 1.25" in line.distance


def test_too_few_phantoms_are_not_judged_by_their_rates() -> None:
    [line] = success_lines([drawn([0.05] * 4)], [drawn([0.10])])
    assert line.passed is None
    assert "too few phantoms" in line.distance


def test_an_interval_is_of_patients_where_there_are_some() -> None:
    many, one, few = drawn([0.0, 0.0, 0.0, 0.6, 0.6, 0.6]), drawn([0.3], cases=240), drawn([0.3] * 3)
    by_patient, by_case = success_interval(many), success_interval(one)
    assert success_interval(few) is None
    assert by_patient is not None
    assert by_case is not None
    assert by_patient.high - by_patient.low > 2 * (by_case.high - by_case.low)


def test_a_difference_holds_nothing_where_the_shares_are_surely_apart() -> None:
    apart = difference_interval(0.6, Interval(0.5, 0.7), 0.2, Interval(0.1, 0.3))
    assert apart.low == pytest.approx(0.4 - np.sqrt(0.02))
    assert apart.high == pytest.approx(0.4 + np.sqrt(0.02))


def test_a_ratio_carries_the_doubt_of_both_sides() -> None:
    sure, wide = Interval(10.0, 10.0), Interval(5.0, 15.0)
    one_sided = ratio_interval(20.0, Interval(16.0, 30.0), 10.0, sure)
    np.testing.assert_allclose([one_sided.low, one_sided.high], [1.6, 3.0])
    other_sided = ratio_interval(20.0, Interval(20.0, 20.0), 10.0, Interval(8.0, 16.0))
    np.testing.assert_allclose([other_sided.low, other_sided.high], [20 / 16, 20 / 8])
    both = ratio_interval(20.0, Interval(16.0, 30.0), 10.0, wide)
    assert both.low < one_sided.low
    assert both.high > one_sided.high
    assert ratio_interval(20.0, Interval(16.0, 30.0), 10.0, Interval(0.0, 40.0)).high == np.inf
    [line] = success_lines([drawn([0.5] * 6, half_mm=20.0)], [drawn([0.5], half_mm=20.0)])
    assert line.distance.startswith("1.00 x [")


def test_the_ct_stands_among_the_patients_one_by_one() -> None:
    population = drawn([0.1, 0.3, 0.5, 0.5])
    found = percentile_rank(population, drawn([0.5]))
    np.testing.assert_allclose(found.shares, [0.1, 0.3, 0.5, 0.5])
    assert found.percentile == 0.75
    assert found.inside
    hard, harder = drawn([0.25], cases=200), drawn([0.0], cases=200)
    assert percentile_rank(population, hard).inside
    assert not percentile_rank(population, harder).inside
    assert [line.passed for line in percentile_rank_lines([population] * 2, [hard, harder])] == [True, False]
    assert "10 to 50 %" in percentile_rank_lines([population], [hard])[0].phantom


def statistics(count: int) -> list[CtStatistics]:
    random = np.random.default_rng(4)
    images: dict[str, Image] = dict.fromkeys(("AP", "LATERAL"), np.eye(8, dtype=np.float32))
    return [
        CtStatistics(
            patient_id=f"p{index}",
            scalars={name: float(random.normal()) for name in COVARIATES},
            curves={},
            positions={},
            images=images,
        )
        for index in range(count)
    ]


def test_a_stranger_is_told_in_words_and_in_a_line() -> None:
    people = statistics(30)
    stranger = CtStatistics(
        patient_id="ct", scalars=dict.fromkeys(COVARIATES, 9.0), curves={}, positions={}, images=people[0].images
    )
    lonely, usual = match(people, stranger, count=5), match(people, people[0], count=5)
    assert matching_line(lonely).passed is False
    assert "none resembles it" in matching_line(lonely).distance
    assert "no phantom of the pool resembles this CT" in sentence(lonely)
    assert matching_line(usual).passed is True
    assert "p0 (0.00)" in sentence(usual)


@pytest.mark.parametrize("count", [7, 20, 21, 40, 48])
def test_the_printed_limit_of_resemblance_is_the_verdicts(count: int) -> None:
    """Strangers farther and farther off: resembled is who is no farther than the printed 95 %."""
    people, verdicts = statistics(count), set[bool]()
    for far in np.linspace(0, 3, 60):
        person = CtStatistics(
            patient_id="ct", scalars=dict.fromkeys(COVARIATES, float(far)), curves={}, positions={}, images={}
        )
        found = match(people, person, count=3)
        limit = np.percentile(found.own, 95, method="higher")
        assert matching_line(found).phantom.endswith(f"95 % below {limit:.2f}")
        assert found.resembled == bool(found.reach <= limit)
        verdicts.add(found.resembled)
    assert len(verdicts) == 2


def test_the_page_names_the_matched_and_shows_them(tmp_path: Path) -> None:
    people = statistics(12)
    real, pool = people[0], people[1:]
    ours, theirs = [drawn([0.1, 0.2, 0.3])], [drawn([0.2])]
    matched = Matched(matching=match(pool, real, count=3), statistics=pool, captures=ours)
    figures = write_matched(tmp_path, matched, real, theirs, "A test.")
    figures += patients_figure(tmp_path, (ours, theirs), matched.captures, "A test.")
    assert {path.name for path in figures} >= {"matched_drrs.png", "matched_success.png", "patients.png", "pool.csv"}
    lines = [
        *percentile_rank_lines(ours, theirs),
        *matched_lines(matched.matching, matched.captures, theirs),
    ]
    page, _ = write_page(tmp_path, lines, title="Test", notes=[], asides=asides([matched], real))
    text = page.read_text()
    assert "Opt-NCC, matched" in text
    assert text.count("![") == 3
    assert [name for name in matched.matching.chosen if f"| {name} |" not in text] == []
    stored = pd.read_csv(tmp_path / "pool.csv")
    assert list(stored["patient_id"]) == [real.patient_id, *matched.matching.order]
    assert stored["chosen"].sum() == 3
