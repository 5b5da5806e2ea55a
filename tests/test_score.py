"""Scores against what must be true of any run, and statistics against closed forms."""

import tracemalloc
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.cases.hashes import perturbation_hash, problem_hash, truth_hash
from bench.cases.records import (
    EstimateRecord,
    ImageProvenance,
    ImageSource,
    LandmarkRecord,
    MatrixList,
    PatientRecord,
    ProblemRecord,
    TruthRecord,
    ViewRecord,
    as_list,
)
from bench.contract import Outcome
from bench.geometry import Camera, PoseFrame, StandardView, nominal_pose, rotation_angle_deg
from bench.registry import UnknownNameError
from bench.score.columns import COLUMNS, column
from bench.score.parquet import write_parquet
from bench.score.rows import ScoreError, score_rows
from bench.score.statistics import (
    StatisticsError,
    failure_rate,
    of_label,
    rate,
    resampled_interval,
    spread,
    values,
)

MATCHED = ImageProvenance(source=ImageSource.RENDERED, moving_content="bone", target_content="bone", matched=True)
CENTRE = np.array([5.0, -3.0, 12.0])
FRAME = PoseFrame(nominal_pose(StandardView.AP, CENTRE, 700.0), CENTRE)
CAMERA = Camera.centred(sdd_mm=1011.7, height=64, width=64, spacing_mm=3.2)
THETAS = np.random.default_rng(7).normal(0, [6, 6, 6, 9, 9, 15], (12, 6))
PATIENTS = [
    PatientRecord(
        patient_id=f"p{n}",
        patient_hash=f"h{n}",
        dataset="d",
        landmarks=[
            LandmarkRecord(name="a", points=(CENTRE + np.random.default_rng(n).normal(0, 30, (20, 3))).tolist())
        ],
    )
    for n in range(4)
]


def _problem(index: int) -> tuple[ProblemRecord, TruthRecord]:
    case_id, truth = f"p{index % 4}/{index}", as_list(FRAME.pose(THETAS[index]))
    view = ViewRecord(K=as_list(CAMERA.K), height=64, width=64, sdd_mm=1011.7, camera_from_rig=as_list(np.eye(4)))
    offset = np.random.default_rng(100 + index).uniform(-10, 10, 6)
    return ProblemRecord(
        case_id=case_id,
        patient_id=f"p{index % 4}",
        patient_hash=f"h{index % 4}",
        images=MATCHED,
        start_distribution="uniform",
        views=[view],
        start=as_list(FRAME.pose(THETAS[index] + offset)),
        nominal=as_list(FRAME.nominal),
        centre=CENTRE.tolist(),
        search=[30.0] * 6,
        seed=index,
        redraws=0,
        target_hash="t",
        landmarks_hash="l",
        truth_hash=truth_hash(TruthRecord(case_id=case_id, truth=truth)),
        perturbation_hash="same",
    ), TruthRecord(case_id=case_id, truth=truth)


PAIRS = [_problem(index) for index in range(12)]
PROBLEMS, TRUTHS = [pair[0] for pair in PAIRS], [pair[1] for pair in PAIRS]


def _answer(label: str, case_id: str, pose: MatrixList | None, outcome: Outcome = Outcome.CONVERGED) -> EstimateRecord:
    return EstimateRecord(
        label=label,
        case_id=case_id,
        perturbation_hash="same",
        pose=pose,
        outcome=outcome,
        seconds=1.5,
        seconds_prepare=0.5,
        processor_seconds=1.4,
        processor_seconds_prepare=0.4,
        threads=1,
        seconds_by_phase={},
        drr_evaluations=100,
    )


def truth_told(label: str = "Truth") -> list[EstimateRecord]:
    return [_answer(label, record.case_id, record.truth) for record in TRUTHS]


def _shifted(label: str, theta: Sequence[float]) -> list[EstimateRecord]:
    poses = [as_list(FRAME.pose(THETAS[index] + np.array(theta))) for index in range(12)]
    return [_answer(label, record.case_id, pose) for record, pose in zip(TRUTHS, poses, strict=True)]


def test_truth_as_answer_has_no_error_and_always_succeeds() -> None:
    rows = score_rows(PATIENTS, PROBLEMS, truth_told(), TRUTHS)
    for declared in COLUMNS:
        absent = ("initial_", "bound_", "stated_", "other_", "references_")
        measured = declared.unit in ("deg", "mm") and not declared.name.startswith(absent)
        assert not measured or values(rows, declared.name).tolist() == [0.0] * 12, declared.name
    assert failure_rate(rows).count == 0
    assert failure_rate(rows, "success_paper").count == 0


def test_start_as_answer_scores_exactly_its_recorded_initial_error() -> None:
    rows = score_rows(PATIENTS, PROBLEMS, [_answer("Initial", p.case_id, p.start) for p in PROBLEMS], TRUTHS)
    initial = [declared.name for declared in COLUMNS if declared.name.startswith("initial_")]
    assert initial
    for name in initial:
        np.testing.assert_array_equal(values(rows, name), values(rows, name.removeprefix("initial_")))
    by_case = dict(zip(rows["case_id"], values(rows, "rotation_error_deg"), strict=True))
    start, truth = np.array(PROBLEMS[3].start), np.array(TRUTHS[3].truth)
    assert by_case[PROBLEMS[3].case_id] == pytest.approx(rotation_angle_deg(start, truth), abs=1e-12)


def test_every_declared_column_is_in_every_row() -> None:
    rows = score_rows(PATIENTS, PROBLEMS, truth_told(), TRUTHS)
    assert [declared.name for declared in COLUMNS] == list(rows.columns)[-len(COLUMNS) :]
    absent = ("bound_", "stated_", "other_", "references_", "confidence")
    stated = [declared.name for declared in COLUMNS if not declared.name.startswith(absent)]
    assert not rows[stated].isna().any().any()


def test_registrations_without_pose_stay_and_fail() -> None:
    answers = truth_told()
    answers[2] = _answer("Truth", answers[2].case_id, None, Outcome.TIMED_OUT)
    answers[5] = _answer("Truth", answers[5].case_id, None, Outcome.RAISED)
    rows = score_rows(PATIENTS, PROBLEMS, answers, TRUTHS)
    found = spread(values(rows, "mtre_mm"))
    assert (len(rows), found.count, found.missing) == (12, 12, 2)
    assert failure_rate(rows).count == failure_rate(rows, "success_paper").count == 2
    assert sorted(rows["failure"]) == ["no_pose"] * 2 + ["success"] * 10
    assert found.mean == 0
    assert found.p95 == np.inf
    assert rows["initial_mtre_mm"].notna().all()


@pytest.mark.parametrize(
    ("theta", "kind", "strict", "lenient"),
    [
        ((0, 0, 0, 0, 0, 2.9), "success", True, True),
        ((0, 0, 0, 0, 0, 9.5), "depth_only", False, True),
        ((0, 0, 0, 3.1, 0, 0), "wrong_basin", False, True),
        ((0, 3.5, 0, 0, 0, 0), "wrong_basin", False, True),
        ((9.5, 9.5, 9.5, 9.5, 9.5, 9.5), "wrong_basin", False, False),
    ],
)
def test_failures_are_told_apart(theta: Sequence[float], kind: str, strict: bool, lenient: bool) -> None:
    rows = score_rows(PATIENTS, PROBLEMS, _shifted("A", theta), TRUTHS)
    assert set(rows["failure"]) == {kind}
    assert set(rows["success_strict"]) == {strict}
    assert set(rows["success_paper"]) == {lenient}


def test_sopi_calls_depth_tx_and_the_vertical_axis_rx() -> None:
    rows = score_rows(PATIENTS, PROBLEMS, _shifted("A", (1, 2, 3, 4, 5, 6)), TRUTHS)
    expected = {"rx": 2, "ry": 1, "rz": 3, "tx": 6, "ty": 4, "tz": 5}
    for axis, size in expected.items():
        unit = "deg" if axis[0] == "r" else "mm"
        np.testing.assert_allclose(values(rows, f"sopi_{axis}_error_{unit}"), size, atol=1e-9)
    np.testing.assert_allclose(values(rows, "rotation_axis_mean_deg"), 2)
    np.testing.assert_allclose(values(rows, "translation_axis_mean_mm"), 5)
    np.testing.assert_allclose(values(rows, "lgff_mae"), (np.radians(6) + 0.15) / 6)
    np.testing.assert_array_equal(values(rows, "lgff_mtre_mm"), values(rows, "mpd_isocentre_mm"))


def test_order_of_records_changes_nothing() -> None:
    answers = [*_shifted("B", (1, 2, 3, 4, 5, 6)), *truth_told("A")]
    forward = score_rows(PATIENTS, PROBLEMS, answers, TRUTHS)
    backward = score_rows(PATIENTS[::-1], PROBLEMS[::-1], answers[::-1], TRUTHS[::-1])
    assert forward.equals(backward)


def test_records_that_do_not_belong_together_are_refused() -> None:
    told = truth_told()
    other = told[0].model_copy(update={"perturbation_hash": "other"})
    with pytest.raises(ScoreError, match="one set of perturbations"):
        score_rows(PATIENTS, PROBLEMS, [other, *told[1:]], TRUTHS)
    swapped = [TRUTHS[0].model_copy(update={"truth": TRUTHS[1].truth}), *TRUTHS[1:]]
    with pytest.raises(ScoreError, match="sealed before the run"):
        score_rows(PATIENTS, PROBLEMS, told, swapped)
    with pytest.raises(ScoreError, match="11 of 12 cases"):
        score_rows(PATIENTS, PROBLEMS, told[1:], TRUTHS)
    with pytest.raises(ScoreError, match="one answer"):
        score_rows(PATIENTS, PROBLEMS, [told[0], *told[:-1]], TRUTHS)
    with pytest.raises(ScoreError, match="let the run finish"):
        score_rows(PATIENTS, PROBLEMS, told, TRUTHS[1:])
    with pytest.raises(ScoreError, match="expected a record of its patient"):
        score_rows(PATIENTS[1:], PROBLEMS, told, TRUTHS)
    with pytest.raises(ScoreError, match="not among"):
        score_rows(PATIENTS, PROBLEMS[1:], told, TRUTHS)


def test_hashes_survive_a_file_and_tell_cases_apart(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    file.write_text(TRUTHS[0].model_dump_json())
    again = TruthRecord.model_validate_json(file.read_text())
    assert truth_hash(again) == PROBLEMS[0].truth_hash
    assert truth_hash(again.model_copy(update={"case_id": "other"})) != PROBLEMS[0].truth_hash
    renamed = PROBLEMS[0].model_copy(update={"perturbation_hash": "other"})
    assert problem_hash(renamed) == problem_hash(PROBLEMS[0]) != problem_hash(PROBLEMS[1])
    assert perturbation_hash(PROBLEMS) == perturbation_hash(PROBLEMS[::-1]) != perturbation_hash(PROBLEMS[1:])


def test_bound_and_second_reference_are_sealed_with_the_truth() -> None:
    covariance = np.diag([1e-4, 2e-4, 3e-4, 1e-3, 2e-3, 5e-2])
    covariance[0, 5] = covariance[5, 0] = 1e-21
    sealed = TRUTHS[0].model_copy(update={"bound": as_list(covariance), "other": TRUTHS[1].truth})
    problems = [PROBLEMS[0].model_copy(update={"truth_hash": truth_hash(sealed)}), *PROBLEMS[1:]]
    score_rows(PATIENTS, problems, truth_told(), [sealed, *TRUTHS[1:]])
    wider = as_list(1.001 * covariance)
    for change in ({"bound": wider}, {"bound": None}, {"other": TRUTHS[2].truth}, {"other": None}):
        with pytest.raises(ScoreError, match="sealed before the run"):
            score_rows(PATIENTS, problems, truth_told(), [sealed.model_copy(update=change), *TRUTHS[1:]])
    # The last bits follow the number of threads, and what is nought but for them follows nothing.
    covariance[0, 5] = covariance[5, 0] = -3e-21
    again = sealed.model_copy(update={"bound": as_list(covariance * (1 + 1e-14))})
    assert truth_hash(again) == truth_hash(sealed)


def test_unknown_metric_is_named_with_its_neighbour() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mtre_mm'"):
        column("mtre_m")


def test_spread_of_known_numbers() -> None:
    found = spread(np.array([4.0, 1.0, np.nan, 3.0, 2.0]))
    assert (found.mean, found.std, found.median, found.p75, found.p95) == (2.5, np.sqrt(1.25), 3.0, 4.0, np.inf)


def every_resample(counts: list[int], sizes: list[int]) -> tuple[float, float]:
    """The ends of the middle 95 % of the shares of all k^k equally likely resamples of k patients."""
    k = len(counts)
    drawn = np.array(list(product(range(k), repeat=k)))
    shares = np.sort(np.array(counts)[drawn].sum(axis=1) / np.array(sizes)[drawn].sum(axis=1))
    low, high = np.percentile(shares, [2.5, 97.5], method="inverted_cdf")
    return float(low), float(high)


@pytest.mark.parametrize(
    ("counts", "sizes"),
    [([0, 1, 2, 2, 0, 1], [2] * 6), ([3, 0, 1, 4, 2, 2], [4, 5, 1, 4, 3, 7]), ([0] * 6, [3] * 6), ([2] * 6, [2] * 6)],
)
def test_the_interval_of_resampled_patients_is_that_of_all_resamples(counts: list[int], sizes: list[int]) -> None:
    found = resampled_interval(np.array(counts), np.array(sizes))
    assert (found.low, found.high) == pytest.approx(every_resample(counts, sizes), abs=1e-12)


def test_the_exact_interval_meets_the_normal_one_of_many_patients() -> None:
    counts = np.random.default_rng(3).integers(0, 3, 200)
    found, share = resampled_interval(counts, np.full(200, 2)), float(counts.mean() / 2)
    half = 1.959964 * float(counts.std()) / 2 / np.sqrt(200)
    assert (found.low, found.high) == pytest.approx((share - half, share + half), abs=0.005)


def test_rates_use_wilson_only_where_it_holds() -> None:
    z, n, p = 1.959963984540054, 50, 0.2
    # One case a patient: Wilson. 400 cases of 10 patients are worth 400 / (1 + 39 * 0.1) independent ones.
    centre, half = (p + z**2 / 2 / n) / (1 + z**2 / n), z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / 4 / n**2)
    found = rate(np.arange(50) < 10, [str(k) for k in range(50)])
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((centre - half, centre + half), abs=1e-9)
    never = rate(np.zeros(400, dtype=bool), [str(k % 10) for k in range(400)])
    assert never.interval is not None
    assert (never.count, never.interval.low) == (0, 0)
    assert never.interval.high == pytest.approx(z**2 / (400 / 4.9 + z**2), abs=1e-9)
    once = rate(np.arange(400) == 7, [str(k % 10) for k in range(400)])
    assert once.interval is not None
    assert never.interval.high < once.interval.high < 2 * never.interval.high
    lumped = rate(np.array([k % 10 == 0 for k in range(400)]), [str(k % 10) for k in range(400)])
    assert lumped.interval is not None
    assert lumped.interval.high > 0.25
    for few in (1, 5):
        assert rate(np.arange(50) < 10, [str(k % few) for k in range(50)]).interval is None


def test_statistics_of_a_method_that_did_not_run_are_refused() -> None:
    with pytest.raises(StatisticsError, match="rows of 'Nobody'"):
        of_label(score_rows(PATIENTS, PROBLEMS, truth_told(), TRUTHS), "Nobody")


def test_batches_columns_and_sorted_categories_are_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, in any order, give the bits of one large batch; a text that comes late is backfilled."""
    shifted = _shifted("Shifted", (1.0, 2.0, 0.5, 3.0, -1.0, 4.0))
    broken = [each.model_copy(update={"error": "KeyError: 'x'"}) for each in shifted[-1:]]
    answers = [*truth_told(), *shifted[:-1], *broken]
    whole = score_rows(PATIENTS, PROBLEMS, answers, TRUTHS)
    monkeypatch.setattr("bench.score.rows._BATCH", 5)
    random = np.random.default_rng(3)
    order: list[int] = random.permutation(len(answers)).tolist()
    mixed = [answers[number] for number in order]
    again = score_rows(PATIENTS, iter(PROBLEMS[::-1]), iter(mixed), iter(TRUTHS[::-1]))
    pd.testing.assert_frame_equal(whole, again, check_exact=True)
    assert list(again["error"].dropna()) == ["KeyError: 'x'"]
    assert again["case_id"].cat.categories.is_monotonic_increasing
    assert whole["patient_generator"].tolist() == [None] * len(whole)


def test_rows_survive_their_file_as_texts_and_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = score_rows(PATIENTS, PROBLEMS, truth_told(), TRUTHS)
    monkeypatch.setattr("bench.score.parquet._ROWS", 5)
    write_parquet(rows, tmp_path / "scores.parquet")
    read = pd.read_parquet(tmp_path / "scores.parquet")
    assert [str(read[name].dtype) for name in ("label", "case_id", "failure")] == ["str"] * 3
    for name in rows.columns:
        assert read[name].astype(object).where(read[name].notna(), None).tolist() == (
            rows[name].astype(object).where(rows[name].notna(), None).tolist()
        )


def test_one_methods_rows_are_no_copy() -> None:
    rows = score_rows(PATIENTS, PROBLEMS, [*truth_told("A"), *truth_told("B")], TRUTHS)
    own = of_label(rows, "B")
    assert np.shares_memory(values(own, "mtre_mm"), values(rows, "mtre_mm"))
    backwards = of_label(rows.iloc[::-1], "B")
    pd.testing.assert_frame_equal(own, backwards)


def test_intervals_of_many_cases_need_no_grid() -> None:
    """A share over patients with 5,000 cases each, and with unequal numbers: as the exact distribution has it."""
    counts, sizes = np.array([1, 4, 2, 7, 3, 0, 5]), np.full(7, 10)
    exact = resampled_interval(counts, sizes)
    assert resampled_interval(counts * 500, sizes * 500) == exact
    unequal = np.array([8, 10, 12, 9, 11, 10, 7])
    small, many = resampled_interval(counts, unequal), resampled_interval(counts * 500, unequal * 500)
    assert (many.low, many.high) == pytest.approx((small.low, small.high), abs=0.01)


def memory_of(labels: int) -> int:
    """Peak of allocations, bytes, of scoring so many methods of twelve cases."""
    answers = (each for number in range(labels) for each in truth_told(f"M{number}"))
    tracemalloc.start()
    score_rows(PATIENTS, iter(PROBLEMS), answers, iter(TRUTHS))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_a_row_costs_its_numbers_and_no_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a million rows there is half a GiB of numbers; records and errors as objects would be several."""
    monkeypatch.setattr("bench.score.rows._BATCH", 120)
    monkeypatch.setattr("bench.score.columnar._LARGE", 0)
    few, many = memory_of(50), memory_of(250)
    assert (many - few) / (200 * 12) < 1500
