"""Several workers, threads and processes of a real scheduler, some killed on the way: the rows of one, to the bit."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from bench.cases import build
from bench.cases.build import BuiltCase, images_hash
from bench.cases.records import EstimateRecord
from bench.contract import Outcome, View
from bench.errors import FluorobenchError
from bench.protocol import Protocol
from bench.run import dask_engine
from bench.run.environment import processor
from bench.run.execute import RunProgress
from bench.run.journal import Journal, RunError
from bench.run.placement import Placement, PlacementError
from bench.run.posed import PosedPatients
from bench.run.resume import run_or_resume
from bench.run.station import Work
from bench.run.unit import OtherImagesError, Unit
from bench.run.verify import verify

from .toy_run import DATASET, on_the_path, protocol

distributed: Any = pytest.importorskip("distributed")
HALF = "t = problem.frame.parameters(problem.start) / 2; return Estimate(problem.frame.pose(t), Outcome.CONVERGED)"
# Twice, in the middle of a unit, it kills the worker that asked, which is a child of this test.
DEADLY = """from pathlib import Path
        place = Path({place!r})
        if problem.case_id.endswith("1") and len(list(place.iterdir())) < 2:
            worker, parent = os.getpid(), os.getppid()
            while parent != {test}:
                worker, parent = parent, int(Path(f"/proc/{{parent}}/stat").read_text().rsplit(")")[1].split()[1])
            (place / str(worker)).touch()
            os.kill(worker, 9)
            time.sleep(60)
        {half}"""
SLOW = "open({place!r}, 'a').write('x'); time.sleep(0.4); {half}"
Row = tuple[Any, ...]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where methods leave what they did."""
    made = tmp_path_factory.mktemp("place")
    (made / "killed").mkdir()
    return made


@pytest.fixture(scope="module", autouse=True)
def plugins(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("plugins")
    bodies = {
        "half": (HALF, "None"),
        "deadly": (DEADLY.format(place=str(place / "killed"), test=os.getpid(), half=HALF), "None"),
        "slow": (SLOW.format(place=str(place / "slow"), half=HALF), "None"),
    }
    filed = DATASET.replace("= 600", f"= float(open({str(place / 'hu')!r}).read())")
    with on_the_path(folder, bodies):
        (folder / "datasets" / "filed.py").write_text(filed)
        yield folder


@pytest.fixture(scope="module")
def scheduler(plugins: Path) -> Iterator[str]:
    """A scheduler with two worker processes."""
    with dask_engine.local_cluster(2) as cluster:
        yield cluster.scheduler_address.removeprefix("tcp://")


def rows(chosen: Protocol, out: Path, placement: Placement | None = None) -> list[Row]:
    """What does not depend on clocks, sorted."""
    journal = run_or_resume(
        chosen, out, fresh=False, show=deque[Any](maxlen=0).extend, report=lambda _: None, placement=placement
    )
    assert verify(journal.folder).findings == []
    return answers(journal.estimates())


def answers(estimates: list[EstimateRecord]) -> list[Row]:
    kept = ("label", "case_id", "pose", "outcome", "drr_evaluations", "covariance", "error", "threads")
    return sorted(tuple(getattr(each, name) for name in kept) for each in estimates)


def test_any_workers_give_the_same_bits(scheduler: str, place: Path, tmp_path: Path) -> None:
    """Two of the scheduler's workers die in the middle of a unit; the rows are those of one worker of this process."""
    both = {"label": "both", "plugin": "chain", "settings": {"stages": [{"plugin": "deadly"}, {"plugin": "opt_lm"}]}}
    # The network takes no camera with much coarser pixels than its own.
    camera = {"view": "AP", "sdd_mm": 1011.7, "height": 176, "width": 176, "spacing_mm": 1.16, "depth_mm": 700.0}
    mine = protocol(camera=camera, methods=[{"label": name, "plugin": name} for name in ("deadly", "rtpi")] + [both])
    on_dask = rows(mine, tmp_path / "dask", Placement(f"dask://{scheduler}"))
    assert len(list((place / "killed").iterdir())) == 2
    assert rows(mine, tmp_path / "alone", Placement(threads=1)) == on_dask
    assert rows(mine, tmp_path / "threads", Placement(workers=2, threads=1)) == on_dask
    made = Journal(next((tmp_path / "threads").glob("toy-*"))).estimates()
    assert {str(each.worker)[-2:] for each in made} == {"/1", "/2"}
    assert {each.processor for each in made} == {processor()}
    assert len(on_dask) == 12
    assert {row[3] for row in on_dask} <= {Outcome.CONVERGED, Outcome.BUDGET}


def test_rows_of_earlier_versions_are_intact(tmp_path: Path) -> None:
    """Their checksums were made before rows named a worker."""
    old = EstimateRecord(
        label="x", case_id="y", perturbation_hash="z", pose=None, outcome=Outcome.SKIPPED, seconds=None,
        seconds_prepare=0.0, seconds_by_phase={}, drr_evaluations=0, seal="d1be709aea59adc4",
    )  # fmt: skip
    assert old.intact
    assert not old.model_copy(update={"worker": "here"}).intact


COMMAND = [sys.executable, "-m", "bench.cli.main", "run", "toy.toml", "--out", "runs"]


@pytest.mark.parametrize(
    ("words", "number", "status"),
    [
        (["--workers", "2"], signal.SIGINT, 130),
        (["--executor", "dask-local:2"], signal.SIGTERM, 143),
        (["--executor", "dask-local:2"], signal.SIGKILL, -9),
    ],
)
def test_a_command_that_is_ended_leaves_no_process_and_can_be_continued(
    words: list[str], number: signal.Signals, status: int, place: Path, tmp_path: Path
) -> None:
    mine = protocol("slow", "half")
    tables = mine.model_dump(mode="json", exclude_none=True, exclude={"profile"})
    (tmp_path / "toy.toml").write_text(tomli_w.dumps({**tables, "profile": {"quick": {}}}))
    mark = f"FLUOROBENCH_TEST={tmp_path}"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "FLUOROBENCH_TEST": str(tmp_path)}
    (place / "slow").write_text("")
    # Shells start what they do not wait for with interrupts ignored, which processes pass on.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        [*COMMAND, *words], cwd=tmp_path, env=environment, stderr=-1, text=True, preexec_fn=heed
    ) as command:
        while not (place / "slow").read_text():
            assert command.poll() is None, command.stderr.read() if command.stderr else ""
            time.sleep(0.05)
        command.send_signal(number)
        _, said = command.communicate()
    assert command.returncode == status, said
    assert "Traceback" not in said
    folder = next((tmp_path / "runs").glob("toy-*"))
    before = Journal(folder).estimates()
    assert len(before) < 8
    again = rows(mine, tmp_path / "runs", Placement(workers=2, threads=Journal(folder).environment.threads))
    assert set(map(str, answers(before))) <= set(map(str, again))
    assert len(again) == 8
    if os.geteuid() != 0:
        pytest.skip("whether a process is left is not known: it hides its environment from all but root")
    assert no_process(mark)


def no_process(mark: str) -> bool:
    """Whether no process has that in its environment, at the latest after some seconds."""
    for _ in range(300):
        if not any(marked(path, mark) for path in Path("/proc").glob("[0-9]*/environ")):
            return True
        time.sleep(0.1)
    return False


def marked(path: Path, mark: str) -> bool:
    try:
        return mark.encode() in path.read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("placement", "said"),
    [
        ({"executor": "dusk://here:1"}, "unknown executor 'dusk://here:1'; expected dask://HOST:PORT"),
        ({"executor": "dask://here"}, "unknown executor"),
        ({"executor": "dask-local:0"}, "dask-local must be 1 or more; got 0"),
        ({"workers": 0}, "--workers must be 1 or more; got 0"),
        ({"threads": -1}, "--threads must be 1 or more; got -1"),
        ({"executor": "dask-local:2", "workers": 2}, "both say how many workers"),
    ],
)
def test_places_that_cannot_be(placement: dict[str, Any], said: str) -> None:
    with pytest.raises(PlacementError, match=said):
        Placement(**placement)


def test_no_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_engine, "_SECONDS_TO_CONNECT", 0.3)
    with pytest.raises(RunError, match=r"no dask scheduler can be used .* start it with `dask scheduler`"):
        rows(protocol("half"), tmp_path, Placement("dask://127.0.0.1:9"))
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RunError, match=r"pip install 'fluorobench\[cluster\]'"):
        rows(protocol("half"), tmp_path, Placement("dask-local:2"))


def test_workers_of_another_version_are_refused(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_engine, "program_hash", lambda: "another")
    with pytest.raises(FluorobenchError, match=r"worker .* has another version of fluorobench"):
        rows(protocol("half"), tmp_path, Placement(f"dask://{scheduler}"))


def test_workers_with_other_data_are_refused(scheduler: str, place: Path, tmp_path: Path) -> None:
    """The file that they read is not the one that the command reads."""
    data = {"dataset": "filed", "patients": 1, "region": "whole", "landmarks": 30}
    (place / "hu").write_text("600")
    run = dask_engine.DaskEngine.start

    def start(engine: dask_engine.DaskEngine, work: Work) -> None:
        (place / "hu").write_text("601")
        run(engine, work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dask_engine.DaskEngine, "start", start)
        with pytest.raises(FluorobenchError, match=r"half with toy-0: its case toy-0/000 is not the recorded one"):
            rows(protocol("half", data=data), tmp_path, Placement(f"dask://{scheduler}"))
    (place / "hu").write_text("600")
    assert len(rows(protocol("half", data=data), tmp_path, Placement(f"dask://{scheduler}"))) == 2


def test_a_worker_with_other_last_bits_gets_the_images(plugins: Path) -> None:
    """As on a processor of another type: the unit has the run's own images then."""
    patients = PosedPatients(protocol("half"))
    _, cases = patients.draw("toy-0")
    others = [nudged(each) for each in cases]
    unit = Unit(0, protocol("half").methods[0], "toy-0", tuple(each.problem_record for each in cases))
    assert [each.case_id for each in unit.posed(cases)] == ["toy-0/000", "toy-0/001"]
    with pytest.raises(OtherImagesError, match="case toy-0/000 differ"):
        unit.posed(others)
    for given, own in zip(unit.with_images(cases).posed(others), cases, strict=True):
        assert given.views[0].image is not None
        assert own.case.problem.views[0].image is not None
        assert np.array_equal(given.views[0].image, own.case.problem.views[0].image)


def test_workers_with_other_last_bits_do_their_units_with_the_images_of_the_run(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, with_images = list[str](), Unit.with_images

    def noted(unit: Unit, cases: list[BuiltCase]) -> Unit:
        sent.append(unit.name)
        return with_images(unit, cases)

    monkeypatch.setattr(Unit, "with_images", noted)
    alone = rows(protocol("half"), tmp_path / "alone", Placement(threads=1))
    with distributed.Client(scheduler, set_as_default=False) as client:
        client.run(make_other_images)
        try:
            assert rows(protocol("half"), tmp_path / "dask", Placement(f"dask://{scheduler}")) == alone
        finally:
            client.run(make_equal_images)
    assert sorted(sent) == ["M-half with toy-0", "M-half with toy-1"]


def make_other_images() -> None:
    """On a worker: cases get another checksum of their images, as on a processor of another type."""
    setattr(build, "images_hash", _other)  # noqa: B010


def _other(views: Sequence[View]) -> str:
    return f"other {len(views)}"


def make_equal_images() -> None:
    setattr(build, "images_hash", images_hash)  # noqa: B010


def test_a_worker_that_is_retired_in_mid_unit_loses_no_row(scheduler: str, tmp_path: Path) -> None:
    """The last test that uses the scheduler: it has one worker less afterwards."""
    retired = dict[str, Any]()
    with distributed.Client(scheduler, set_as_default=False) as client:

        def show(steps: Iterator[RunProgress]) -> None:
            for step in steps:
                if step.phase == "registering" and step.done == 1 and not retired:
                    busy = next(worker for worker, keys in client.processing().items() if keys)
                    retired.update(client.retire_workers([busy]))

        journal = run_or_resume(
            protocol("slow"), tmp_path / "dask", fresh=False, show=show, report=lambda _: None,
            placement=Placement(f"dask://{scheduler}"),
        )  # fmt: skip
        assert len(client.nthreads()) == 1
    assert len(retired) == 1
    assert verify(journal.folder).findings == []
    assert answers(journal.estimates()) == rows(protocol("slow"), tmp_path / "alone", Placement(threads=1))


def nudged(built: BuiltCase) -> BuiltCase:
    """The case with another last bit in its image."""
    problem = built.case.problem
    image = np.nextafter(np.asarray(problem.views[0].image), np.float32(9))
    views = (replace(problem.views[0], image=image),)
    record = built.problem_record.model_copy(update={"target_hash": images_hash(views)})
    return replace(built, case=replace(built.case, problem=replace(problem, views=views)), problem_record=record)


def test_other_threads_need_a_fresh_run(tmp_path: Path) -> None:
    assert {row[-1] for row in rows(protocol("half"), tmp_path, Placement(threads=2))} == {2}
    with pytest.raises(RunError, match=r"made with 2 threads a method, this command would use 1: .* give --threads 2"):
        rows(protocol("half"), tmp_path, Placement(threads=1))
