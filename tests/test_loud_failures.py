"""A method that fails says so: its first traceback at once, and counts by outcome and reason at the end."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.cli.progress import LogLines
from bench.cli.report import write_report
from bench.run.dask_worker import decode, encode
from bench.run.execute import RunProgress
from bench.run.journal import Journal
from bench.run.posed import PosedPatients
from bench.run.resume import run_or_resume
from bench.run.unit import Raised
from bench.score.finished import ScoredRun, open_run
from bench.score.outcomes import OTHERS, Ending, endings

from .toy_run import ANSWER, on_the_path, protocol

HALF = "if problem.case_id.endswith('1'): raise ValueError(f'no luck with {problem.case_id}')\n        "
BODIES = {"half": (HALF + ANSWER, "None"), "good": (ANSWER, "None"), "shy": (ANSWER, "'it does not want to'")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Journal, list[RunProgress]]]:
    folder, steps = tmp_path_factory.mktemp("loud"), list[RunProgress]()
    with on_the_path(folder, BODIES):
        chosen, said = protocol("half", "good", "shy"), list[str]()
        yield run_or_resume(chosen, folder / "runs", fresh=False, show=steps.extend, report=said.append), steps


def test_the_first_traceback_is_shown_as_it_happens(finished: tuple[Journal, list[RunProgress]]) -> None:
    journal, steps = finished
    (trouble,) = [step.trouble for step in steps if step.trouble]
    assert trouble.startswith("M-half, case toy-0/001: raised an error: ValueError: no luck with toy-0/001")
    assert "Traceback (most recent call last):\n" in trouble
    assert 'half.py", line ' in trouble
    assert "worker.py" not in trouble
    printed = (journal.folder / "output" / "M-half.txt").read_text()
    assert printed.count("Traceback") == 1, "one place that raises is one traceback"
    assert '\n  File "' in printed, "indented as Python prints it"


def test_lines_of_trouble_reach_a_log() -> None:
    lines = list[str]()
    LogLines(lines.append).tell("M-half, case 1: raised an error\nTraceback")
    assert lines == ["M-half, case 1: raised an error\nTraceback"]


def test_failures_are_counted_by_outcome_and_reason(
    finished: tuple[Journal, list[RunProgress]], capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_run(finished[0].folder)
    assert not write_report(run)
    shown = capsys.readouterr().out
    assert "Registrations without a pose" in shown
    assert "2 of 4" in shown
    assert "no luck with toy-0/001" in shown
    table = (run.folder / "tables" / "outcomes.csv").read_text().splitlines()
    assert table[0] == "method,outcome,cases,share_percent,reason"
    assert any(line.startswith('M-half,raised an error,2,50.0,"ValueError: no luck with toy-0/001') for line in table)
    assert "M-good,converged,4,100.0," in table
    assert "M-shy,skipped,4,100.0,it does not want to" in table


def test_a_skipped_case_is_no_fault_and_a_raised_one_is(finished: tuple[Journal, list[RunProgress]]) -> None:
    run: ScoredRun = open_run(finished[0].folder)
    found = endings(run.scores, run.labels)
    assert {(each.label, each.no_pose, each.fault) for each in found} == {
        ("M-half", False, False),
        ("M-half", True, True),
        ("M-good", False, False),
        ("M-shy", True, False),
    }


def test_rare_reasons_are_counted_together() -> None:
    reasons = [f"odd {letter}" for letter in "abcdefg" for _ in range(2)] + ["line 7 of 9", "line 8 of 12"]
    rows = pd.DataFrame({"label": "M", "outcome": "raised an error", "error": reasons, "case_id": range(len(reasons))})
    found = endings(rows, ["M"])
    assert [each.cases for each in found] == [2, 2, 2, 2, 2, 6]
    assert found[-1] == Ending("M", "raised an error", OTHERS, 6, 16)


def test_a_traceback_travels_from_a_worker() -> None:
    said = Raised(label="M", case_id="a/000", traceback="Traceback\n  File")
    assert decode(encode(said)) == said
    with pytest.raises(ValueError, match="no message is called 'Other'"):
        decode('["Other", "{}"]')


def test_prepare_is_handed_frame_search_box_and_distributions(tmp_path: Path) -> None:
    """A method with a third argument gets them; the answer tells what it got."""
    body = "return Estimate(prepared.frame.pose(prepared.search / 2), Outcome.CONVERGED)"
    with on_the_path(tmp_path, {"planner": (body, "None")}):
        place = tmp_path / "methods" / "planner.py"
        text = place.read_text().replace("prepare(self, volume, views)", "prepare(self, volume, views, space)")
        checks = "assert space.truth_distribution.width and space.start_distribution.about == 'truth'"
        place.write_text(
            text.replace("return None\n    def register", f"{checks}\n        return space\n    def register")
        )
        chain = {"stages": [{"plugin": "planner"}, {"plugin": "initial"}]}
        rows = [{"label": "Own", "plugin": "planner"}, {"label": "Chain", "plugin": "chain", "settings": chain}]
        chosen = protocol("planner", methods=rows, data={**protocol("planner").data.model_dump(), "patients": 1})
        journal = run_or_resume(chosen, tmp_path / "runs", fresh=False, show=list[RunProgress]().extend, report=print)
        cases = {each.case.problem.case_id: each.case.problem for each in PosedPatients(chosen).cases("toy-0")}
    found = {(each.label, each.case_id): each.pose for each in journal.estimates()}
    for case_id, problem in cases.items():
        expected = problem.frame.pose(problem.search / 2)
        assert np.allclose(found["Own", case_id] or np.nan, expected)
        assert np.allclose(found["Chain", case_id] or np.nan, expected)
