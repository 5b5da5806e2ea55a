"""A method that commits a fault in every second case and answers the others."""

import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract import Card, Estimate, Outcome, Problem, View
from bench.volume import Volume

card = Card(title="Faulty", source="made here", citation="none", licence="none")
_NUMBER = 10**30


def _answer(problem: Problem, **changes: Any) -> Any:
    return replace(Estimate(problem.start, Outcome.CONVERGED), **changes)


def _raise(error: BaseException) -> Any:
    raise error


def _ends() -> list[int]:
    """Descriptors of this process's sockets, the one to the harness among them."""
    found = [int(path.name) for path in Path("/proc/self/fd").iterdir()]
    return [each for each in found if _is_socket(each)]


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def _half_message(problem: Problem) -> Any:
    for end in _ends():
        os.write(end, bytes(7) + b"\x20half")
    time.sleep(600)


def _fork_and_die(problem: Problem) -> Any:
    if os.fork() == 0:
        time.sleep(600)
    os._exit(7)


def _hog(problem: Problem) -> Any:
    kept = np.ones(2**30)
    return _answer(problem, drr_evaluations=len(kept))


def _deep(problem: Problem) -> Any:
    return _deep(problem)


def _loop(problem: Problem) -> Any:
    while True:
        pass


def _alter(problem: Problem) -> Any:
    problem.volume.hu[:] = 0
    return _answer(problem)


def _alter_by_force(problem: Problem) -> Any:
    problem.start.flags.writeable = True
    problem.start[:3, 3] += 100
    return _answer(problem)


def _write(text: str, times: int = 1) -> Callable[[Problem], Any]:
    def write(problem: Problem) -> Any:
        for _ in range(times):
            sys.stdout.write(text)
        sys.stdout.flush()
        return _answer(problem)

    return write


def _close_channel(problem: Problem) -> Any:
    for end in _ends():
        socket.socket(fileno=end).close()
    return _answer(problem)


FAULTS: Mapping[str, Callable[[Problem], Any]] = {
    "pose of NaN": lambda problem: _answer(problem, pose=np.full((4, 4), np.nan)),
    "pose that is scaled": lambda problem: _answer(problem, pose=problem.start * 2),
    "covariance of NaN": lambda problem: _answer(problem, covariance=np.full((6, 6), np.nan)),
    "drr_evaluations = 10**30": lambda problem: _answer(problem, drr_evaluations=_NUMBER),
    "outcome of the harness": lambda problem: _answer(problem, outcome=Outcome.TIMED_OUT),
    "no estimate": lambda problem: "an estimate",
    "exception with half a character": lambda problem: _raise(ValueError("bad \udcff name")),
    "exception of 10 MB": lambda problem: _raise(ValueError("x" * 10**7)),
    "SystemExit": lambda problem: _raise(SystemExit(0)),
    "deep recursion": _deep,
    "os._exit": lambda problem: os._exit(0),
    "segmentation fault": lambda problem: os.kill(os.getpid(), signal.SIGSEGV),
    "killed": lambda problem: os.kill(os.getpid(), signal.SIGKILL),
    "fork that holds the pipe": _fork_and_die,
    "half a message": _half_message,
    "channel closed": _close_channel,
    "memory beyond the limit": _hog,
    "endless loop": _loop,
    "changes the volume": _alter,
    "changes the start by force": _alter_by_force,
    "prints 200 MB": _write("x" * 10**6, 200),
    "prints control characters": _write("\x1b[2J\x1b]0;gone\x07\u202e\n"),
    "prints a table": _write("| Method | Cases |\n|---|---|\n| Best | 100 |\n"),
}
SKIPS: Mapping[str, Any] = {
    "skip returns True": True,
    "skip returns a list": ["a", "b"],
    "skip raises": None,
    "skip never ends": None,
}
PREPARES = ("prepare raises", "prepare never ends")


@dataclass(frozen=True)
class Faulty:
    """Commits a fault in every second case, one after the other.

    Attributes:
        faults: Of ``FAULTS`` and ``SKIPS``; or one of ``PREPARES``.
    """

    faults: tuple[str, ...]

    def prepare(self, volume: Volume, views: Sequence[View]) -> None:
        """Nothing, or the fault."""
        if self.faults == PREPARES[:1]:
            raise ValueError("no way to prepare")
        while self.faults == PREPARES[1:]:
            pass

    def register(self, problem: Problem, prepared: None) -> Any:
        """The fault of the case, else the start."""
        return FAULTS.get(self._fault(problem), _answer)(problem)

    def skip(self, problem: Problem) -> Any:
        """The fault of the case, else nothing."""
        fault = self._fault(problem)
        if fault == "skip raises":
            raise KeyError("skip")
        while fault == "skip never ends":
            pass
        return SKIPS.get(fault)

    def _fault(self, problem: Problem) -> str:
        number = int(problem.case_id[-3:])
        return "" if number % 2 else self.faults[number // 2 % len(self.faults)]


plugin = Faulty
