"""The harness's side of a method's process: with limits, replaced when it dies."""

import os
import pickle
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any

from bench.contract import Outcome, Problem, SearchSpace, View
from bench.errors import FluorobenchError, describe_error
from bench.interrupts import without_interrupt
from bench.protocol.model import BudgetTable, MethodTable
from bench.run.channel import Channel, ChannelClosedError, MessageTooLongError, pair
from bench.run.limits import Guard, Limits, death, leave_no_folder
from bench.run.meter import stated_threads
from bench.run.parts import anchored, uses_whole_ct
from bench.run.processes import process_context
from bench.run.reply import LONGEST, Done, Failed, Reply, decode
from bench.run.tree import kill_group, kill_tree
from bench.run.worker import Choice, Prepare, Register, Request, serve
from bench.volume import Volume

SECONDS_TO_START = 120.0
_PRINTED_BYTES = 1 << 20


class ProcessError(FluorobenchError):
    """No process can be started: the run ends, since this is no failure of a method."""


class IsolatedMethod:
    """One method in a process of its own.

    Use as a context manager. A process that was killed or died is started again, and prepared for the same patient,
    at the next request. Whatever the method does is a reply: ``Failed`` where it is no answer.
    """

    def __init__(self, choice: MethodTable, budget: BudgetTable, *, threads: int | None = None) -> None:
        """State the method.

        Args:
            choice: A row of a protocol.
            budget: Of the protocol.
            threads: That the process may use; None = as many as this one.
        """
        self._choice = choice
        self._budget = budget
        self._threads = threads
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self._process: BaseProcess | None = None
        self._channel: Channel | None = None
        self._guard: Guard | None = None
        self._patient: Prepare | None = None
        self._ready = False
        self._number = 0
        self._read = 0
        self._interrupted = False

    def __enter__(self) -> "IsolatedMethod":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._output.close()

    def prepare(self, volume: Volume, views: Sequence[View], space: SearchSpace | None = None) -> Reply:
        """Send a patient, and the search space where the method takes one.

        Raises:
            ProcessError: No process can be started.
        """
        if not uses_whole_ct(self._choice):
            volume = replace(volume, whole=None)
        self._patient = Prepare(volume, tuple(view.without_image() for view in views), space)
        self._ready = False
        return self._send_patient()

    def register(self, problem: Problem) -> Reply:
        """Send a problem of the prepared patient; raises as ``prepare`` does.

        What a new process costs to start and to prepare, after one that died, is no time of the problem.
        """
        if not self._ready:
            again = self._send_patient()
            if isinstance(again, Failed):
                return again.model_copy(update={"cost": None, "waited": None})
        return self._ask(Register(_message(problem)), self._budget.seconds_per_case)

    def printed(self) -> str:
        """What the method printed since this was asked before; of more than a megabyte the end."""
        size = self._output.seek(0, 2)
        self._output.seek(max(self._read, size - _PRINTED_BYTES))
        text = self._output.read()
        self._read = self._output.tell()
        return text.decode(errors="replace")

    def interrupt(self) -> None:
        """End it for good, from another thread than the one that waits for an answer; that one gets a failure."""
        self._interrupted = True
        _end(self._process)

    def stop(self) -> None:
        """End the process, whose supervisor then ends all that it started."""
        if self._channel is not None:
            self._channel.close()
        if self._guard is not None:
            self._guard.dismiss()
        if self._process is not None:
            self._process.join(timeout=1.0)
            _end(self._process)
            self._process.join()
        self._process, self._channel, self._guard, self._ready = None, None, None, False

    def _send_patient(self) -> Reply:
        if self._patient is None:
            raise RuntimeError("prepare must come before register")
        started = self._start()
        if isinstance(started, Failed):
            return started
        reply = self._ask(self._patient, self._budget.seconds_to_prepare)
        self._ready = isinstance(reply, Done)
        return reply

    def _start(self) -> Reply:
        if self._process is not None and self._process.is_alive():
            return Done()
        self.stop()
        if self._interrupted:
            raise ProcessError(f"{self._choice.label} was interrupted")
        self._channel, theirs = pair(self._alive)
        choice = Choice(self._choice.plugin, self._choice.preset, anchored(self._choice.settings))
        limits = Limits(self._budget.memory_mib)
        # A connection is what multiprocessing can hand a started process; only its descriptor is used there.
        output = Connection(os.dup(self._output.fileno()), readable=False)
        try:
            arguments = (theirs, output, choice, limits)
            leave_no_folder()
            with stated_threads(self._threads), without_interrupt():
                process = process_context().Process(target=serve, args=arguments, daemon=True)
                process.start()
            self._process, self._guard = process, Guard(process.pid or 0)
        except Exception as error:  # no memory, too many processes or files, settings that cannot be sent
            self.stop()
            raise ProcessError(
                f"no process for {self._choice.label} can be started ({describe_error(error)}); free memory or "
                "processes, then give the same command again"
            ) from error
        finally:
            theirs.close()
            output.close()
        return self._wait(0, SECONDS_TO_START)

    def _alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def _ask(self, what: Prepare | Register, seconds: float) -> Reply:
        """Send a request and wait for its reply; both within the same seconds."""
        assert self._channel is not None
        self._number += 1
        began = time.monotonic()
        try:
            self._channel.send(pickle.dumps(Request(self._number, what), protocol=5), seconds=seconds)
        except (TimeoutError, ChannelClosedError) as error:
            return self._lost(error, began, seconds)
        return self._wait(self._number, seconds, began)

    def _wait(self, number: int, seconds: float, began: float | None = None) -> Reply:
        assert self._channel is not None
        began = time.monotonic() if began is None else began
        try:
            left = began + seconds - time.monotonic()
            reply = decode(self._channel.receive(seconds=left, longest=LONGEST), number)
        except (TimeoutError, ChannelClosedError, MessageTooLongError) as error:
            return self._lost(error, began, seconds)
        # After these nobody knows what state the process is in.
        if isinstance(reply, Failed) and (reply.cost is None or reply.outcome is Outcome.OUT_OF_MEMORY):
            self._kill()
        return reply

    def _lost(self, error: Exception, began: float, seconds: float) -> Failed:
        """Why there is no reply; the process is ended."""
        waited = time.monotonic() - began
        if isinstance(error, TimeoutError):
            self._kill()
            return Failed(outcome=Outcome.TIMED_OUT, reason=f"no answer within {seconds:g} s", waited=waited)
        if isinstance(error, MessageTooLongError):
            self._kill()
            return Failed(outcome=Outcome.INVALID, reason=f"its process sent {error}", waited=waited)
        process = self._process
        if process is not None:
            process.join(timeout=5.0)
        code = None if process is None else process.exitcode
        self._kill()
        return Failed(outcome=Outcome.DIED, reason=death(code), waited=waited)

    def _kill(self) -> None:
        _end(self._process)
        self.stop()


def _end(process: BaseProcess | None) -> None:
    """Kill a process and all that it started; of one that has ended by itself, what stayed in its group."""
    if process is not None and process.pid is not None:
        (kill_tree if process.is_alive() else kill_group)(process.pid)


def _message(problem: Problem) -> dict[str, Any]:
    """A problem without its volume, which the process has."""
    return {each.name: getattr(problem, each.name) for each in fields(Problem) if each.name != "volume"}
