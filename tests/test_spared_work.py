"""What a run and its report do once, where it was done again for every row, case or table."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cases.prepare import load_patient
from bench.contract import Case
from bench.learn import read_card
from bench.run.execute import RunProgress
from bench.run.resume import run_or_resume
from bench.score import finished
from bench.score.caveats import with_caveats
from bench.score.finished import open_run
from bench.score.rows import score_rows

from .test_caveats import playing
from .test_score import PATIENTS, PROBLEMS, TRUTHS, truth_told
from .toy_run import ANSWER, on_the_path, protocol


class Counted:
    """A function that counts its calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self.calls = function, 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        return self._function(*arguments, **named)


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("spared")
    with on_the_path(folder, {"quick": (ANSWER, "None")}):
        yield folder


def _go(steps: Iterator[RunProgress]) -> None:
    for _ in steps:
        pass


@pytest.mark.usefixtures("plugins")
def test_a_report_takes_the_cases_of_the_run_that_it_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Counted(load_patient)
    monkeypatch.setattr(finished, "load_patient", loaded)
    built = dict[str, Case]()
    journal = run_or_resume(
        protocol("quick"), tmp_path, fresh=False, show=_go, report=lambda _: None, keep=built.update
    )
    ids = [each.case_id for each in journal.problems()]
    assert sorted(built) == sorted(ids)
    ours, again = open_run(journal.folder, built), open_run(journal.folder)
    own = [ours.case(each) for each in ids]
    assert loaded.calls == 0
    for case, name in zip(own, ids, strict=True):
        other = again.case(name)
        assert np.array_equal(case.truth, other.truth)
        first, second = case.problem.views[0].image, other.problem.views[0].image
        assert first is not None
        assert second is not None
        assert np.array_equal(first, second)
    assert loaded.calls > 0


def test_a_card_is_read_once_for_a_row_however_many_patients_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Counted(read_card)
    monkeypatch.setattr("bench.run.parts.read_card", read)
    rows = score_rows(PATIENTS, PROBLEMS, truth_told(), TRUTHS)
    with_caveats(rows, playing("rtpi"), PATIENTS)
    assert read.calls == 1
