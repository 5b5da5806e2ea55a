"""A worker of dask's: it poses patients itself, isolates methods as a local run does, and sends each row at once."""

import json
import platform
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from multiprocessing import current_process
from threading import Event, Lock, Thread, get_ident
from typing import Any, TypeAlias

from bench.cases.records import EstimateRecord
from bench.contract import Outcome
from bench.errors import FluorobenchError
from bench.protocol import Protocol
from bench.run.environment import program_hash
from bench.run.isolation import IsolatedMethod
from bench.run.limits import hide
from bench.run.parts import own_weights_used
from bench.run.posed import PosedPatients
from bench.run.station import Said, Station, Work
from bench.run.unit import OtherImagesError, Printed, Raised, Unit

# How often a worker looks whether its unit is still wanted, seconds.
_LOOK_S = 0.5
# After which a worker ends the open methods of a run that gives it no more units, seconds.
_IDLE_S = 60.0

Line: TypeAlias = str


class OtherWorkerError(FluorobenchError):
    """A worker has another version of fluorobench or other weights than the run."""


class WorkerError(FluorobenchError):
    """A worker cannot do a unit."""


@dataclass(frozen=True, slots=True)
class Run:
    """What all units of a run share.

    Attributes:
        protocol: With absolute paths of weights.
        program: ``program_hash`` of the process that writes the journal.
        weights: Checksums of the user's weights there.
        threads: That each method's process may use.
        topic: Of dask's, for rows.
    """

    protocol: Protocol
    program: str
    weights: dict[str, str]
    threads: int
    topic: str


class RunOnWorker:
    """A run on one worker: its patients and open methods."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._turn = Lock()
        self._work: Work | None = None
        self._stations: dict[int, Station] = {}
        self._busy, self._used = 0, time.monotonic()

    def begin(self) -> None:
        """A unit begins: until its ``end`` methods stay open."""
        with self._turn:
            self._busy += 1

    def end(self) -> None:
        """A unit has ended."""
        with self._turn:
            self._busy, self._used = self._busy - 1, time.monotonic()

    def station(self, name: str) -> Station:
        """The station of the calling thread.

        Raises:
            OtherWorkerError: The program or the weights here are not the run's.
        """
        with self._turn:
            if self._work is None:
                self._work = self._open(name)
            return self._stations.setdefault(get_ident(), Station(self._work, name))

    def close(self, idle_s: float = 0.0) -> bool:
        """End its methods if it does no unit and did none for so long; returns whether they were ended."""
        with self._turn:
            if self._busy or time.monotonic() - self._used < idle_s:
                return False
            for station in self._stations.values():
                station.close()
            self._stations, self._work = {}, None
            return True

    def _open(self, name: str) -> Work:
        run, here = self.run, program_hash()
        if here != run.program:
            raise OtherWorkerError(
                f"worker {name} has another version of fluorobench, of its plug-ins or libraries ({here} there, "
                f"{run.program} here): install the same there"
            )
        weights = own_weights_used(run.protocol)
        if changed := [path for path, checksum in run.weights.items() if weights.get(path) != checksum]:
            raise OtherWorkerError(f"worker {name} has other weights in {changed[0]}: copy those of this machine there")
        return Work(run.protocol, PosedPatients(run.protocol), partial(IsolatedMethod, threads=run.threads))


_RUNS: dict[str, RunOnWorker] = {}
_TURN = Lock()


@contextmanager
def _on_worker(run: Run) -> Generator[RunOnWorker]:
    """This process's part of a run, kept while a unit is done."""
    with _TURN:
        _look_for_idle()
        mine = _RUNS.setdefault(run.topic, RunOnWorker(run))
        mine.begin()
    try:
        yield mine
    finally:
        mine.end()


@cache
def _look_for_idle() -> None:
    """Begin to look, once in a process."""
    Thread(target=_close_idle, daemon=True).start()


def _close_idle() -> None:
    """End the methods of runs whose command has gone without a word."""
    while True:
        time.sleep(_LOOK_S)
        with _TURN:
            for topic in [topic for topic, each in _RUNS.items() if each.close(_IDLE_S)]:
                del _RUNS[topic]


def end_run(topic: str) -> None:
    """The run has ended: end its methods here."""
    with _TURN:
        found = _RUNS.get(topic)
        if found is not None and found.close():
            del _RUNS[topic]


def do_unit(run: Run, unit: Unit) -> list[Line]:
    """Do a unit on a worker of dask's; returns its messages; rows were sent before, each at once.

    Raises:
        FluorobenchError: It cannot be done here; names the worker.
    """
    hide()
    distributed = import_module("distributed")
    worker = distributed.get_worker()
    # Nannies start workers as daemons, which may have no children; a method's process ends with this one (``Guard``).
    current_process().daemon = False
    name = f"{platform.node()}/{str(worker.name).rsplit(':', 1)[-1]}"
    key = str(worker.get_current_task())
    try:
        with _on_worker(run) as mine:
            return _done(mine.station(name), run.topic, unit, worker, key)
    except (OtherImagesError, OtherWorkerError):
        raise
    except FluorobenchError as error:
        if not _wanted(worker, key):
            # No fault of the unit: another worker does it, unless nobody wants it.
            raise distributed.Reschedule from None
        raise WorkerError(f"worker {name}, {unit.name}: {error}") from None


def _done(station: Station, topic: str, unit: Unit, worker: Any, key: str) -> list[Line]:
    lines = list[Line]()
    with _interrupted_when_unwanted(station, worker, key):
        for message in station.do(unit):
            if isinstance(message, EstimateRecord) and message.outcome is Outcome.DIED:
                # What ends a whole job may reach the method before the worker: that is no failure of the method.
                time.sleep(2 * _LOOK_S)
                if not _wanted(worker, key):
                    raise WorkerError("the worker is leaving")
            lines.append(encode(message))
            if isinstance(message, EstimateRecord):
                worker.log_event(topic, lines[-1])
    return lines


def encode(message: Said) -> Line:
    """A message as JSON."""
    return json.dumps([type(message).__name__, message.model_dump_json()])


def decode(line: Line) -> Said:
    """A message from JSON; raises ``ValueError`` where it is none."""
    kind, text = json.loads(line)
    known: dict[str, type[Said]] = {each.__name__: each for each in (EstimateRecord, Printed, Raised)}
    if kind not in known:
        raise ValueError(f"no message is called {kind!r}")
    return known[kind].model_validate_json(text)


def _wanted(worker: Any, key: str) -> bool:
    """Whether a worker is to go on: not if the unit was cancelled, the run is gone or the worker is closing."""
    task = worker.state.tasks.get(key)
    leaving = worker.status.name in ("closing", "closed", "stopping", "failed")
    return task is not None and task.state in ("executing", "long-running") and not leaving


@contextmanager
def _interrupted_when_unwanted(station: Station, worker: Any, key: str) -> Generator[None]:
    ended = Event()

    def look() -> None:
        while not ended.wait(_LOOK_S):
            if not _wanted(worker, key):
                station.interrupt()

    watcher = Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
