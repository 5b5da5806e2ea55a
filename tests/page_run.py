"""Finished and unfinished runs whose answers are written by a test, without a registration."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cases.hashes import perturbation_hash
from bench.cases.records import EstimateRecord, ProblemRecord, TruthRecord, as_list
from bench.contract import Outcome
from bench.protocol import Protocol
from bench.run.environment import describe_environment
from bench.run.journal import Journal
from bench.run.posed import PosedPatients

from .toy_run import DATASET, protocol

HOSTILE = '<img src=x onerror="alert(1)">&amp;</script>\\$_{'
Answer = Callable[[ProblemRecord, TruthRecord, int], dict[str, Any]]


@contextmanager
def toy_patients(folder: Path) -> Generator[None]:
    """The data set ``toys`` is found for a while."""
    import bench.datasets

    (folder / "datasets").mkdir()
    (folder / "datasets" / "toys.py").write_text(DATASET)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.datasets, "__path__", [*bench.datasets.__path__, str(folder / "datasets")])
        yield


def labelled(labels: Sequence[str], **over: Any) -> Protocol:
    """The toy protocol with these rows, all of the plug-in ``initial``."""
    return protocol(methods=[{"label": each, "plugin": "initial"} for each in labels], **over)


def write_run(folder: Path, chosen: Protocol, answers: dict[str, Answer], *, of: int | None = None) -> Journal:
    """A run with an answer of every label to every case, or to the first ``of`` cases: then it is not finished."""
    patients = PosedPatients(chosen)
    drawn = [patients.draw(name) for name in patients.ids]
    problems = [each.problem_record for _, cases in drawn for each in cases]
    truths = [each.truth_record for _, cases in drawn for each in cases]
    name = perturbation_hash(problems)
    problems = [each.model_copy(update={"perturbation_hash": name}) for each in problems]
    journal = Journal.open(folder, chosen, describe_environment(), fresh=False)
    journal.write_cases([record for record, _ in drawn], problems)
    for label, answer in answers.items():
        for number, (problem, truth) in enumerate(list(zip(problems, truths, strict=True))[:of]):
            journal.append(_record(label, problem, answer(problem, truth, number)))
    if of is None:
        journal.write_truth(truths)
    return journal


def _record(label: str, problem: ProblemRecord, given: dict[str, Any]) -> EstimateRecord:
    stated: dict[str, Any] = {
        "pose": None,
        "outcome": Outcome.CONVERGED,
        "seconds": 0.5,
        "seconds_prepare": 0.1,
        "seconds_by_phase": {},
        "drr_evaluations": 10,
        "processor_seconds": 0.25,
        "threads": 1,
    }
    keys: dict[str, Any] = {"label": label, "case_id": problem.case_id, "perturbation_hash": problem.perturbation_hash}
    return EstimateRecord(**(stated | keys | given))


def near(problem: ProblemRecord, truth: TruthRecord, number: int) -> dict[str, Any]:
    """The truth, displaced by a tenth of a millimetre more from case to case."""
    del problem
    pose = np.array(truth.truth)
    pose[0, 3] += 0.1 * (number + 1)
    return {"pose": as_list(pose), "seconds_by_phase": {"search": 0.2}, "trace": [(10, 0.5), (20, 0.25)]}


def start(problem: ProblemRecord, truth: TruthRecord, number: int) -> dict[str, Any]:
    """The start; in the first case no pose, and in the second one that no error can be computed of."""
    del truth
    if number == 0:
        return {"outcome": Outcome.RAISED, "error": f"ValueError: {HOSTILE}\x1b[31m {'long ' * 2000}"}
    pose = np.array(problem.start)
    if number == 1:
        pose[:3, 3] = 1e300
    return {"pose": as_list(pose), "processor_seconds": None, "threads": None}


def nothing(problem: ProblemRecord, truth: TruthRecord, number: int) -> dict[str, Any]:
    """No pose."""
    del problem, truth, number
    return {"outcome": Outcome.TIMED_OUT, "seconds": None, "error": "it took too long"}
