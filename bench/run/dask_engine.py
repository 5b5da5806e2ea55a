"""Workers of dask.distributed: processes of this machine, of a cluster, or jobs of Slurm.

What travels is, for each unit, the protocol and the records of its cases, some kilobytes; and back its rows. A unit
whose worker dies, is retired or leaves is done again by another one; workers may join at any time.
"""

import logging
import queue
import signal
import subprocess
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from importlib import import_module
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Any, cast

from bench.errors import FluorobenchError, describe_error
from bench.protocol.model import MethodTable
from bench.run.dask_worker import Run, decode, do_unit, end_run
from bench.run.environment import program_hash
from bench.run.journal import RunError
from bench.run.parts import anchored, own_weights_used
from bench.run.station import Work
from bench.run.unit import Ended, Message, OtherImagesError, Unit, WantsImages
from bench.text import one_line

_SECONDS_TO_CONNECT = 10.0
_SECONDS_TO_ASK = 60.0
# Without a message, before it is asked whether there are workers, seconds.
_PATIENCE_S = 60.0
INSTALL = "pip install 'fluorobench[cluster]'"
# A terminal interrupts its whole group of processes: the command ends its workers itself.
_NO_INTERRUPT = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
# Images of a unit are sent where a worker's own differ; dask warns of some megabytes.
_CONFIGURATION = {"distributed.admin.large-graph-warning-threshold": "1 GiB"}


class DaskEngine:
    """See ``bench.run.engine.Engine``.

    Args:
        open_cluster: Returns what dask's client connects to: an address, or a cluster, which is closed at the end.
        threads: That each method's process may use.
        report: Prints a line.
    """

    def __init__(self, open_cluster: Callable[[], Any], *, threads: int, report: Callable[[str], None]) -> None:
        self._open_cluster, self._threads, self._report = open_cluster, threads, report
        self._client: Any = None
        self._run: Run | None = None
        self._units: dict[str, Unit] = {}
        self._futures: dict[str, Any] = {}
        self._said: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._name = f"fluorobench-{uuid.uuid4().hex[:12]}"
        self._opened = ExitStack()

    def __enter__(self) -> "DaskEngine":
        distributed, dask = imported("distributed"), imported("dask")
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._opened.enter_context(dask.config.set(_CONFIGURATION))
        with warnings.catch_warnings():
            # Of other versions: workers are compared more strictly here.
            warnings.simplefilter("ignore")
            try:
                cluster = self._open_cluster()
                if hasattr(cluster, "close"):
                    self._opened.callback(cluster.close)
                self._client = distributed.Client(cluster, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
            except (OSError, TimeoutError, ValueError) as error:
                self._opened.close()
                raise RunError(
                    f"no dask scheduler can be used ({describe_error(error)}); expected one that answers within "
                    f"{_SECONDS_TO_CONNECT:g} s: start it with `dask scheduler`, or name another with --executor"
                ) from None
        self._opened.callback(self._client.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):  # the scheduler may be gone
            self._client.cancel(list(self._futures.values()), force=True)
        self._futures.clear()
        with suppress(Exception):
            self._client.run(end_run, self._name, on_error="ignore")
        with suppress(Exception):
            self._opened.close()

    def start(self, work: Work) -> None:
        """See ``Engine``."""
        rows = tuple(_with_places(row) for row in work.protocol.methods)
        protocol = work.protocol.model_copy(update={"methods": rows})
        self._run = Run(protocol, program_hash(), own_weights_used(protocol), self._threads, self._name)
        self._client.subscribe_topic(self._name, self._said.put)
        count = len(self._client.nthreads())
        self._report(f"dask scheduler {self._client.scheduler.address}: {count or 'no'} workers so far")

    def begin(self, unit: Unit) -> None:
        """See ``Engine``."""
        first = unit.first
        sent = replace(
            unit,
            row=_with_places(unit.row),
            first=None if first is None else replace(first, rest=_with_places(first.rest)),
        )
        key = f"{self._name}-{unit.number}-{uuid.uuid4().hex[:6]}"
        future = self._client.submit(do_unit, self._run, sent, key=key, priority=-unit.number, pure=False)
        self._units[key], self._futures[key] = unit, future
        future.add_done_callback(self._said.put)

    def messages(self) -> Iterator[Message]:
        """See ``Engine``."""
        while self._units:
            said = self._next()
            if isinstance(said, tuple):
                # A row of a unit that is being done.
                _, line = cast("tuple[float, str]", said)
                yield decode(line)
            elif (unit := self._units.pop(said.key, None)) is not None:
                del self._futures[said.key]
                yield from self._ended(unit, said)

    def _next(self) -> Any:
        """Wait for a message; says so where there is nobody who could send one."""
        while True:
            with suppress(queue.Empty):
                return self._said.get(timeout=_PATIENCE_S)
            with suppress(Exception):  # a scheduler that is gone is told by its futures
                if not self._client.nthreads():
                    self._report("no worker is left; the run goes on as soon as one joins")

    def _ended(self, unit: Unit, future: Any) -> Iterator[Message]:
        if future.status == "finished":
            yield from map(decode, future.result())
            yield Ended(unit)
            return
        if future.status != "error":
            raise RunError("the dask scheduler is gone; start it again, then give the same command again")
        error = future.exception()
        if not isinstance(error, OtherImagesError):
            raise _readable(error, unit)
        if unit.images:
            raise RunError(f"a worker cannot take the images of {unit.name}: {error}")
        yield WantsImages(unit)


def local_cluster(workers: int) -> Any:
    """Worker processes on this machine; one that dies is started again."""
    distributed = imported("distributed")
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        memory_limit=0,
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
        preload=[_NO_INTERRUPT],
    )


def slurm_cluster(jobs: int, threads: int) -> Any:
    """A worker a job; partition, account, time and memory are dask-jobqueue's settings (jobqueue.yaml).

    Jobs that end at their time limit are replaced.
    """
    jobqueue = imported("dask_jobqueue")
    try:
        cluster = jobqueue.SLURMCluster(cores=1, processes=1, job_cpu=threads)
    except Exception as error:  # dask-jobqueue has no errors of its own
        raise _refused(describe_error(error)) from None
    try:
        _require_accepted(cluster.job_script())
        cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
    except Exception:
        cluster.close()
        raise
    return cluster


def _require_accepted(script: str) -> None:
    """Ask Slurm whether it would take a job: dask-jobqueue logs a refusal, and would wait for workers for ever."""
    with NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(script)
        file.flush()
        words = ["sbatch", "--test-only", file.name]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS_TO_ASK, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _refused(f"sbatch does not answer ({describe_error(error)})") from None
    if done.returncode:
        raise _refused(one_line(done.stderr, 300) or f"sbatch ends with status {done.returncode}")


def _refused(why: str) -> RunError:
    return RunError(
        f"no jobs can be given to Slurm: {why}; their partition (queue), account, memory and walltime stand in "
        "~/.config/dask/jobqueue.yaml"
    )


def imported(name: str) -> Any:
    """A module of the optional extra; raises ``RunError`` where it is not installed."""
    before = signal.getsignal(signal.SIGINT)
    try:
        return import_module(name)
    except ImportError:
        raise RunError(f"{name} is not installed, which --executor needs: {INSTALL}") from None
    finally:
        # The import of dask_jobqueue sets a handler of its own, which ends the process without a word.
        if signal.getsignal(signal.SIGINT) is not before:
            signal.signal(signal.SIGINT, before)


def _with_places(row: MethodTable) -> MethodTable:
    """A row with absolute paths of weights: workers have other working folders."""
    return row.model_copy(update={"settings": anchored(row.settings)})


def _readable(error: Exception, unit: Unit) -> Exception:
    """An error of a worker as one line, where it is no defect of the program."""
    if isinstance(error, FluorobenchError):
        return error
    if isinstance(error, imported("distributed").KilledWorker):
        killed: Any = error
        return RunError(
            f"{unit.name}: every worker that began it died, {killed.allowed_failures + 1} of them, perhaps for lack of "
            "memory; give the same command again to go on"
        )
    if isinstance(error, ImportError):
        return RunError(f"a worker cannot import fluorobench ({describe_error(error)}): install the same version there")
    return error
