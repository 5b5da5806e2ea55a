"""Two runs compared: paired by case and patient; other cases are refused by name."""

import csv
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.cli.compare import Compare, ComparedPairError
from bench.registry import UnknownNameError
from bench.score.compared import (
    FAILED,
    ComparisonError,
    Pair,
    case_changes,
    chosen_pairs,
    compared,
    patient_changes,
    require_same_cases,
)

from .toy_run import ANSWER, execute, on_the_path, protocol

NEAR = "return Estimate(problem.frame.pose(problem.frame.parameters(problem.start) * 0), Outcome.CONVERGED)"
PATIENTS, CASES = 8, 2


def run(mtre: Any, seconds: Any, label: str = "M", name: str = "one") -> Any:
    """A run of 8 patients with 2 cases each, as far as a comparison looks at it."""
    count = PATIENTS * CASES
    rows = pd.DataFrame(
        {
            "label": label,
            "case_id": [f"p{number // CASES}/{number % CASES:03d}" for number in range(count)],
            "patient_id": [f"p{number // CASES}" for number in range(count)],
            "mtre_mm": np.asarray(mtre, dtype=np.float64),
            "rotation_error_deg": 1.0,
            "translation_error_mm": np.asarray(mtre, dtype=np.float64),
            "processor_seconds": np.asarray(seconds, dtype=np.float64),
            "seconds": np.asarray(seconds, dtype=np.float64),
            "success_strict": np.asarray(mtre) < 3,
            "outcome": "converged",
        }
    )
    return SimpleNamespace(scores=rows, labels=(label,), folder=Path(name))


MTRE = np.linspace(1.0, 6.0, PATIENTS * CASES)
SECONDS = np.linspace(2.0, 3.0, PATIENTS * CASES)


def test_what_got_better_and_slower_is_told_with_the_tables_tests() -> None:
    first, second = run(MTRE, SECONDS), run(MTRE - 0.5, 2 * SECONDS)
    found = {each.metric: each for each in compared(first, second, [Pair("M", "M")])}
    assert set(found) == {FAILED, "mtre_mm", "translation_error_mm", "processor_seconds"}, "rotations are the same"
    assert found["mtre_mm"].verdict == "better"
    assert found["mtre_mm"].found.median == pytest.approx(0.5)
    assert found["mtre_mm"].found.p == pytest.approx(2 / 2**PATIENTS)
    assert found["mtre_mm"].found.p_holm == pytest.approx(4 * 2 / 2**PATIENTS), "adjusted for what differs"
    assert found["processor_seconds"].verdict == "slower"
    assert found[FAILED].first > found[FAILED].second
    assert found[FAILED].verdict == "open"
    back = {each.metric: each.verdict for each in compared(second, first, [Pair("M", "M")])}
    assert back == {
        "mtre_mm": "worse",
        "translation_error_mm": "worse",
        "processor_seconds": "faster",
        FAILED: "open",
    }


def test_few_patients_are_not_tested_and_equal_runs_have_no_rows() -> None:
    few = slice(0, 8)
    first, second = run(MTRE, SECONDS), run(MTRE - 0.5, SECONDS)
    for each in (first, second):
        each.scores = each.scores.iloc[few].reset_index(drop=True)
    assert {each.verdict for each in compared(first, second, [Pair("M", "M")])} == {"not tested"}
    assert compared(first, first, [Pair("M", "M")]) == []


def test_cases_and_patients_are_paired_and_a_missing_pose_is_worst() -> None:
    lost = MTRE.copy()
    lost[0], lost[-1] = np.nan, 0.5
    first, second = run(MTRE, SECONDS), run(lost, SECONDS)
    cases = {each.case_id: each for each in case_changes(first, second, [Pair("M", "M")])}
    assert cases["p0/000"].what == "lost"
    assert cases["p0/000"].gain_mm == -np.inf
    assert cases["p7/001"].what == "gained"
    assert cases["p3/000"].what == "same"
    patients = {each.patient_id: each for each in patient_changes(first, second, [Pair("M", "M")])}
    assert patients["p0"].successes == (2, 1)
    assert patients["p0"].mtre_mm == pytest.approx((MTRE[:2].mean(), MTRE[1]))
    assert patients["p7"].successes == (0, 1)


def test_labels_are_paired_by_name_or_as_stated() -> None:
    first, second = run(MTRE, SECONDS), run(MTRE, SECONDS, label="N", name="two")
    with pytest.raises(ComparisonError, match=r"one has M; two has N; state which belong together with --pair"):
        chosen_pairs(first, second)
    assert chosen_pairs(first, second, [("M", "N"), ("M", "N")]) == [Pair("M", "N")]
    with pytest.raises(UnknownNameError, match="method label of two"):
        chosen_pairs(first, second, [("M", "M")])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("compare")
    with on_the_path(folder, {"answers": (ANSWER, "None"), "near": (NEAR, "None")}):
        one = execute(protocol("answers"), folder / "runs")
        rows = [{"label": "M-answers", "plugin": "near"}, {"label": "Other", "plugin": "answers"}]
        yield one.folder, execute(protocol("answers", methods=rows), folder / "runs").folder


def test_two_runs_are_compared_on_the_command_line(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = folders
    Compare(first, second)()
    shown = capsys.readouterr()
    assert max(len(line.rstrip()) for line in shown.out.splitlines() if str(second) not in line) <= 100
    assert "not tested" in shown.out
    assert f"Not compared: Other, in {second.name} alone." in shown.err
    folder = second / "compare" / first.name
    with (folder / "compare_cases.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["case_id"] for row in rows] == ["toy-0/000", "toy-0/001", "toy-1/000", "toy-1/001"]
    assert {path.suffix for path in folder.iterdir() if path.is_file()} == {".csv", ".md", ".tex"}
    Compare(first, second, pair=("M-answers=Other",), out=tmp_path)()
    assert "M-answers - Other" in (tmp_path / "compare_patients.md").read_text()
    with pytest.raises(ComparedPairError, match="expected FIRST=SECOND"):
        Compare(first, second, pair=("M-answers",))()


def test_runs_of_other_cases_are_refused_and_the_cases_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    first, _ = folders
    starts: dict[str, Any] = {**protocol("initial").start.model_dump(), "per_patient": 1}
    fewer = execute(protocol("initial", start=starts), tmp_path)
    with pytest.raises(ComparisonError, match=rf"2 are in {first.name} alone \(toy-0/001, toy-1/001\)"):
        Compare(first, fewer.folder)()
    other = execute(protocol("initial", seed=4), tmp_path)
    with pytest.raises(ComparisonError, match=r"4 cases differ \(toy-0/000: start, seed.*and 1 more\).*expected two"):
        require_same_cases(open_journal(first), other)


def open_journal(folder: Path) -> Any:
    from bench.run.journal import Journal

    return Journal.existing(folder)
