"""The harness's side of a method's process: started by spawn, with a time limit, replaced when it dies."""

import multiprocessing
from collections.abc import Sequence
from dataclasses import fields
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any

from bench.contract import Problem, View
from bench.errors import FluorobenchError, describe_error
from bench.protocol.model import BudgetTable, MethodTable
from bench.run.parts import anchored
from bench.run.worker import Prepare, Raised, Register, Reply, Request, serve
from bench.volume import Volume

SECONDS_TO_START = 120.0


class MethodTimeoutError(Exception):
    """No answer within the budget; the process was killed."""


class MethodDiedError(Exception):
    """The process ended without an answer."""


class ProcessError(FluorobenchError):
    """No process can be started: the run ends, since this is no failure of a method."""


class IsolatedMethod:
    """One method in a process of its own.

    Use as a context manager. A process that was killed or died is started again, and prepared for the same patient,
    at the next request.
    """

    def __init__(self, choice: MethodTable, budget: BudgetTable) -> None:
        self._choice = choice
        self._budget = budget
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._patient: Prepare | None = None
        self._ready = False

    def __enter__(self) -> "IsolatedMethod":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def prepare(self, volume: Volume, views: Sequence[View]) -> Reply:
        """Send a patient.

        Raises:
            MethodTimeoutError: Preparing took longer than the budget.
            MethodDiedError: The process died.
            ProcessError: No process can be started.
        """
        self._patient = Prepare(volume, tuple(view.without_image() for view in views))
        self._ready = False
        return self._send_patient()

    def register(self, problem: Problem) -> Reply:
        """Send a problem of the prepared patient; raises as ``prepare`` does."""
        if not self._ready:
            again = self._send_patient()
            if isinstance(again, Raised):
                return again
        return self._ask(Register(_message(problem)), self._budget.seconds_per_case)

    def stop(self) -> None:
        """Kill the process."""
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.join(timeout=1.0)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
        self._process, self._pipe, self._ready = None, None, False

    def _send_patient(self) -> Reply:
        if self._patient is None:
            raise RuntimeError("prepare must come before register")
        started = self._start()
        if started is not None:
            return started
        reply = self._ask(self._patient, self._budget.seconds_to_prepare)
        self._ready = not isinstance(reply, Raised)
        return reply

    def _start(self) -> Raised | None:
        if self._process is not None and self._process.is_alive():
            return None
        self.stop()
        # Spawn: a fork after a parallel numba call hangs, and would inherit the truth.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        choice = self._choice
        arguments = (theirs, choice.plugin, choice.preset, anchored(choice.settings))
        process = context.Process(target=serve, args=arguments, daemon=True)
        try:
            process.start()
        except Exception as error:  # no memory, too many processes or files, settings that cannot be sent
            ours.close()
            raise ProcessError(
                f"no process for {choice.label} can be started ({describe_error(error)}); free memory or processes, "
                "then give the same command again"
            ) from error
        finally:
            theirs.close()
        self._process, self._pipe = process, ours
        reply = self._wait(SECONDS_TO_START)
        return reply if isinstance(reply, Raised) else None

    def _ask(self, request: Request, seconds: float) -> Reply:
        assert self._pipe is not None
        try:
            self._pipe.send(request)
        except (BrokenPipeError, ConnectionError):
            raise self._death() from None
        return self._wait(seconds)

    def _wait(self, seconds: float) -> Reply:
        assert self._pipe is not None
        if not self._pipe.poll(seconds):
            self._kill()
            raise MethodTimeoutError(f"no answer within {seconds:g} s")
        try:
            reply: Reply = self._pipe.recv()
        except (EOFError, ConnectionError):
            raise self._death() from None
        except Exception as error:  # a reply that cannot be unpickled: the method's own types came along
            self._kill()
            raise MethodDiedError(f"its answer could not be read: {error}") from None
        return reply

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
        self.stop()

    def _death(self) -> MethodDiedError:
        process = self._process
        if process is not None:
            process.join(timeout=5.0)
        code = None if process is None else process.exitcode
        self.stop()
        return MethodDiedError(f"the process ended with exit code {code}")


def _message(problem: Problem) -> dict[str, Any]:
    """A problem without its volume, which the process has."""
    return {each.name: getattr(problem, each.name) for each in fields(Problem) if each.name != "volume"}
