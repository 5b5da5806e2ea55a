"""The whole pipeline on one small case: the start as answer by a method's own process, and the truth as answer."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cases.records import EstimateRecord, TruthRecord
from bench.contract import Outcome
from bench.protocol import Protocol, read_protocol
from bench.run.environment import describe_environment
from bench.run.execute import Execution
from bench.run.journal import Journal
from bench.score.rows import score_rows

TRUTH, START = "truth as answer", "start as answer"
_ZERO = 1e-6
_SMALL: dict[str, Any] = {
    "methods": [{"label": START, "plugin": "initial"}],
    "data": {"patients": 1},
    "start": {"per_patient": 1},
    "camera": {"height": 64, "width": 64, "spacing_mm": 3.19},
}


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Errors of the two answers, and the seconds that it took."""

    truth_mm: float
    start_mm: float
    stated_start_mm: float
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the truth has no error and the start the one that it was drawn with."""
        return self.truth_mm < _ZERO < self.start_mm and abs(self.start_mm - self.stated_start_mm) < _ZERO


def self_test() -> SelfTest:
    """Generate a patient, render its X-ray, start a method's process, score its answer; nothing is left behind."""
    began = time.perf_counter()
    protocol = small_protocol()
    with tempfile.TemporaryDirectory() as folder:
        execution = Execution(protocol)
        for _ in execution.prepare():
            pass
        journal = Journal.open(Path(folder), protocol, describe_environment(), fresh=False)
        for _ in execution.register(journal):
            pass
        truths, problems = journal.truths(), journal.problems()
        name = problems[0].perturbation_hash
        answers = [*journal.estimates(), *(_as_answer(each, name) for each in truths)]
        scored = score_rows(journal.patients(), problems, answers, truths)
    rows = {row["label"]: row for row in scored.to_dict("records")}
    return SelfTest(
        truth_mm=float(rows[TRUTH]["mtre_mm"]),
        start_mm=float(rows[START]["mtre_mm"]),
        stated_start_mm=float(rows[START]["initial_mtre_mm"]),
        seconds=time.perf_counter() - began,
    )


def small_protocol() -> Protocol:
    """The protocol of the self-test: one case of the regression gate, 64 x 64 pixels."""
    return read_protocol("regress", "full", _SMALL)


def _as_answer(truth: TruthRecord, name: str) -> EstimateRecord:
    return EstimateRecord(
        label=TRUTH,
        case_id=truth.case_id,
        perturbation_hash=name,
        pose=truth.truth,
        outcome=Outcome.CONVERGED,
        seconds=0.0,
        seconds_prepare=0.0,
        seconds_by_phase={},
        drr_evaluations=0,
    )
