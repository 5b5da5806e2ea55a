"""A protocol runs to its end whatever its methods do; a killed run goes on; nobody but the harness holds the truth."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import registry
from bench.cases.prepare import open_dataset
from bench.contract import Outcome, Patient
from bench.drr import project
from bench.errors import FluorobenchError
from bench.geometry import PoseFrame
from bench.run.environment import describe_environment
from bench.run.execute import Execution
from bench.run.journal import Journal, RunError
from bench.run.meter import Meter
from bench.run.station import Said, Station
from bench.run.unit import Unit
from bench.score.finished import open_run

from .toy_run import ANSWER, execute, on_the_path, protocol

BODIES = {
    "raises": ("raise ValueError('no\\nidea')", "None"),
    "hangs": ("time.sleep(600)", "None"),
    "is_nan": ("return Estimate(problem.start * np.nan, Outcome.CONVERGED)", "None"),
    "is_scaled": ("return Estimate(problem.start * 1.1, Outcome.CONVERGED)", "None"),
    "is_tuple": ("return (problem.start, 1)", "None"),
    "is_text": ("return Estimate('here', Outcome.CONVERGED)", "None"),
    "claims_death": ("return Estimate(problem.start, Outcome.DIED)", "None"),
    "counts_none": ("return Estimate(problem.start, Outcome.CONVERGED, drr_evaluations=None)", "None"),
    "dies": ("os._exit(7)", "None"),
    "declines": ("return Estimate(problem.start, Outcome.CONVERGED)", "'not my kind of patient'"),
    "answers": ("return Estimate(problem.start, Outcome.CONVERGED)", "None"),
    "hides": (ANSWER, "time.sleep(0.3)"),
    "renders": (
        "from bench.drr import AttenuationMap, project; "
        "mu = AttenuationMap.from_volume(problem.volume); "
        "project(mu, np.stack([problem.nominal] * 3), problem.views[0].camera); " + ANSWER,
        "None",
    ),
    "is_slow": ("time.sleep(0.3); return Estimate(problem.start, Outcome.CONVERGED)", "None"),
}


@pytest.fixture(scope="module", autouse=True)
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with on_the_path(tmp_path_factory.mktemp("plugins"), BODIES):
        yield


@pytest.fixture(scope="module")
def finished(toys: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose method answers, for many tests."""
    return execute(protocol("answers"), tmp_path_factory.mktemp("finished")).folder


@pytest.fixture
def journal(finished: Path, tmp_path: Path) -> Journal:
    """A copy of it in ``tmp_path``, which a test may change."""
    return Journal(Path(shutil.copytree(finished, tmp_path / finished.name)))


def test_every_failure_is_a_row_and_the_run_goes_on(tmp_path: Path) -> None:
    invalid = ("is_nan", "is_scaled", "is_tuple", "is_text", "claims_death", "counts_none")
    plugins = ("raises", "hangs", "dies", "declines", "answers", *invalid)
    chosen = protocol(*plugins)
    # Two cases each: the second shows that the first did not end the method's row.
    start = chosen.start.model_copy(update={"per_patient": 1})
    journal = execute(chosen.model_copy(update={"start": start}), tmp_path)
    outcomes = {(row.label, row.outcome) for row in journal.estimates()}
    assert outcomes == {
        ("M-raises", Outcome.RAISED),
        ("M-hangs", Outcome.TIMED_OUT),
        *((f"M-{name}", Outcome.INVALID) for name in invalid),
        ("M-dies", Outcome.DIED),
        ("M-declines", Outcome.SKIPPED),
        ("M-answers", Outcome.CONVERGED),
    }
    assert len(journal.estimates()) == 2 * len(plugins)
    errors = {row.label: row.error for row in journal.estimates()}
    assert errors["M-raises"] is not None
    assert "no idea" in errors["M-raises"]
    assert "exit code 7" in (errors["M-dies"] or "")
    assert errors["M-declines"] == "not my kind of patient"
    seconds = {row.label: row.seconds for row in journal.estimates()}
    assert (seconds["M-hangs"] or 0) >= 2.0
    assert seconds["M-declines"] is None
    scores = open_run(journal.folder).scores
    assert len(scores) == 2 * len(plugins)
    assert scores.groupby("label")["success_strict"].sum()["M-raises"] == 0


def test_start_as_answer_scores_the_recorded_start(journal: Journal) -> None:
    problems = {record.case_id: record for record in journal.problems()}
    truths = {record.case_id: np.array(record.truth) for record in journal.truths()}
    for row in open_run(journal.folder).scores.to_dict("records"):
        record = problems[row["case_id"]]
        start, truth, centre = np.array(record.start), truths[record.case_id], np.array(record.centre)
        moved = (start - truth)[:3, :3] @ centre + (start - truth)[:3, 3]
        assert row["translation_error_mm"] == pytest.approx(np.linalg.norm(moved), abs=1e-9)
        frame = PoseFrame(np.array(record.nominal), centre)
        offset = frame.parameters(start) - frame.parameters(truth)
        assert (np.abs(offset) <= np.array([5, 5, 5, 9, 9, 9]) + 1e-9).all()


def test_same_seed_same_cases_and_a_new_seed_new_ones(journal: Journal, tmp_path: Path) -> None:
    first = journal.problems()
    again = execute(protocol("answers"), tmp_path / "again").problems()
    other = execute(protocol("answers", seed=4), tmp_path / "other").problems()
    assert first == again
    assert first[0].start != other[0].start


def test_cases_do_not_depend_on_how_many_there_are(journal: Journal, tmp_path: Path) -> None:
    few = journal.problems()
    start = protocol("answers").start.model_copy(update={"per_patient": 4})
    many = execute(protocol("answers").model_copy(update={"start": start}), tmp_path / "many").problems()
    starts = {record.case_id: record.start for record in many}
    assert all(starts[record.case_id] == record.start for record in few)


def test_truth_is_hashed_before_and_written_after(tmp_path: Path) -> None:
    chosen = protocol("answers")
    execution = Execution(chosen)
    list(execution.prepare())
    journal = Journal.open(tmp_path, chosen, describe_environment(), fresh=False)
    for _ in execution.register(journal):
        assert not (journal.folder / "truth.jsonl").exists()
        assert all(record.truth_hash for record in journal.problems())
    assert journal.complete


def test_a_killed_run_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import json;"
        "from bench.protocol import validate; from bench.run.execute import Execution;"
        "from bench.run.journal import Journal; from bench.run.environment import describe_environment\n"
        "if __name__ == '__main__':\n"
        "    p = validate(json.loads(sys.argv[2]), source='test')\n"
        "    e = Execution(p)\n"
        "    list(e.prepare())\n"
        "    list(e.register(Journal.open(Path(sys.argv[3]), p, describe_environment(), fresh=False)))\n"
    )
    file = tmp_path / "run.py"
    file.write_text(script)
    chosen = protocol("is_slow")
    command = [sys.executable, str(file), str(Path.cwd()), chosen.model_dump_json(), str(tmp_path / "runs")]
    process = subprocess.Popen(command, env=dict(os.environ), start_new_session=True)
    folder = tmp_path / "runs"
    deadline = time.monotonic() + 120
    # The file is opened before its first line is there.
    while not any("\n" in path.read_text() for path in folder.glob("toy-*/estimates.jsonl")):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (journal_folder,) = folder.glob("toy-*")
    journal = Journal(journal_folder)
    before = journal.estimates()
    assert 1 <= len(before) < 4
    with (journal_folder / "estimates.jsonl").open("a") as half:
        half.write('{"label": "M-is_sl')
    journal = execute(chosen, folder)
    after = journal.estimates()
    assert after[: len(before)] == before
    assert sorted(row.case_id for row in after) == sorted(record.case_id for record in journal.problems())


@pytest.mark.parametrize(
    ("name", "word"), [("problems", "hash recorded"), ("patients", "landmarks"), ("truth", "sealed")]
)
def test_altered_files_are_not_scored(journal: Journal, name: str, word: str) -> None:
    file = journal.folder / f"{name}.jsonl"
    lines = file.read_text().split("\n")
    number = re.search(r"-?\d+\.\d+", lines[0])
    assert number is not None
    file.write_text("\n".join([lines[0].replace(number[0], str(float(number[0]) + 1.0)), *lines[1:]]))
    with pytest.raises(FluorobenchError, match=rf"{name}.jsonl was altered or damaged"):
        open_run(journal.folder)
    # Runs of earlier versions have no seals.
    (journal.folder / "seals.json").unlink()
    with pytest.raises(FluorobenchError, match=word):
        _ = open_run(journal.folder).scores


def test_pictures_of_other_cases_are_refused(journal: Journal) -> None:
    run = open_run(journal.folder)
    assert run.case("toy-0/000").problem.case_id == "toy-0/000"
    changed = run.protocol.model_copy(update={"seed": 99})
    other = open_run(run.folder)
    other.__dict__["protocol"] = changed
    with pytest.raises(RunError, match="not what the run recorded"):
        other.case("toy-0/000")


def test_other_code_does_not_mix(journal: Journal) -> None:
    other = describe_environment().model_copy(update={"code_hash": "0123"})
    with pytest.raises(RunError, match="--fresh"):
        Journal.open(journal.folder.parent, protocol("answers"), other, fresh=False)


def test_other_threads_do_not_mix(journal: Journal) -> None:
    """A library splits its sums by threads: learned rows then differ in their last digits."""
    here = describe_environment()
    other = here.model_copy(update={"threads": (here.threads or 0) + 1})
    with pytest.raises(RunError, match="threads"):
        Journal.open(journal.folder.parent, journal.protocol, other, fresh=False)


def test_an_unfinished_run_is_not_scored(tmp_path: Path) -> None:
    chosen = protocol("answers")
    Journal.open(tmp_path, chosen, describe_environment(), fresh=False)
    (folder,) = tmp_path.glob("toy-*")
    with pytest.raises(RunError, match="not finished"):
        open_run(folder)


def test_a_unit_that_ends_without_all_its_rows_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    do = Station.do

    def short(station: Station, unit: Unit) -> Iterator[Said]:
        yield from list(do(station, unit))[1:]

    monkeypatch.setattr(Station, "do", short)
    with pytest.raises(RuntimeError, match="rows are missing"):
        execute(protocol("answers"), tmp_path)
    (folder,) = tmp_path.glob("toy-*")
    assert len(Journal(folder).estimates()) == 2
    assert not {"truth.jsonl", "seals.json"} & {path.name for path in folder.iterdir()}


def test_simulated_images_that_are_no_numbers_are_refused_before_a_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(*arguments: object, **named: object) -> torch.Tensor:
        image = project(*arguments, **named)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        image[..., 5, 7] = torch.nan
        return image

    monkeypatch.setattr("bench.cases.simulate.project", spoilt)
    with pytest.raises(FluorobenchError, match=r"simulated X-ray of toy-0/000.*got 1 pixels of NaN"):
        execute(protocol("answers"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_ct_with_voxels_that_are_no_numbers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    execution = Execution(protocol("answers"))
    patient = open_dataset(protocol("answers")).patient("toy-1")
    patient.volume.hu[3, 4, 5] = -np.inf

    def spoilt(self: object, patient_id: str) -> Patient:
        return patient

    monkeypatch.setattr(registry.load("datasets", "toys"), "patient", spoilt)
    with pytest.raises(FluorobenchError, match="patient toy-1: expected finite Hounsfield numbers, got 1 voxels"):
        list(execution.prepare())


def test_more_patients_than_there_are(tmp_path: Path) -> None:
    data = protocol("answers").data.model_copy(update={"patients": 9})
    with pytest.raises(FluorobenchError, match="has 2 test patients"):
        Execution(protocol("answers").model_copy(update={"data": data}))


def test_cost_cannot_be_hidden_in_skip_or_in_a_count(tmp_path: Path) -> None:
    """A method's own word counts for nothing: ``hides`` sleeps in ``skip``, ``renders`` states no DRR."""
    budget = {"seconds_per_case": 60.0, "seconds_to_prepare": 60.0}
    journal = execute(protocol("hides", "renders", budget=budget), tmp_path)
    rows = {row.label: row for row in journal.estimates()}
    assert (rows["M-hides"].seconds or 0) >= 0.3
    assert (rows["M-renders"].drr_evaluations, rows["M-renders"].drr_evaluations_stated) == (3, 0)
    assert all((row.threads or 0) >= 1 and (row.processor_seconds or 0) > 0 for row in rows.values())
    scored = open_run(journal.folder).scores
    assert set(scored[scored["label"] == "M-renders"]["drr_evaluations"]) == {3}
    assert (scored["processor_seconds"] > 0).all()


def test_work_between_two_requests_counts_for_the_second_one() -> None:
    meter = Meter()
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    meter.begin()
    cost, after = meter.end(), meter.end()
    assert cost.processor_seconds >= 0.045
    assert after.processor_seconds < cost.processor_seconds
