"""A method's own process: it receives volumes and problems, and never a truth, a protocol or a run's folder.

A process boundary does not hide what can be computed from public files, such as the protocol's seed.
"""

import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

import numpy as np

from bench import registry
from bench.contract import Estimate, Method, Outcome, Problem, View
from bench.geometry import require_rigid
from bench.volume import Volume


@dataclass(frozen=True, slots=True)
class Prepare:
    """Prepare for a patient; its volume is sent once, not with every problem."""

    volume: Volume
    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """Register a problem: every field of ``Problem`` but the volume."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """A request that ended well; ``estimate`` is None after ``Prepare``."""

    seconds: float
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """The method cannot take this problem."""

    reason: str


@dataclass(frozen=True, slots=True)
class Raised:
    """The method raised."""

    error: str


@dataclass(frozen=True, slots=True)
class InvalidEstimate:
    """The method returned something that is not a valid estimate."""

    error: str
    seconds: float


Request: TypeAlias = Prepare | Register
Reply: TypeAlias = Done | Skipped | Raised | InvalidEstimate


def serve(pipe: Connection, plugin: str, preset: str | None, settings: Mapping[str, Any]) -> None:
    """Build the method and answer requests until the pipe closes."""
    # An interrupt is the harness's to handle: it ends this process by closing the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.argv = ["fluorobench-method"]
    os.chdir(tempfile.gettempdir())
    try:
        method: Method = registry.build("methods", plugin, settings, preset)
    except Exception as error:
        pipe.send(Raised(_last_line(error)))
        return
    pipe.send(Done(0.0))
    with suppress(EOFError, BrokenPipeError):  # the harness closed the pipe: it is done with this process
        _serve(pipe, method)


def _serve(pipe: Connection, method: Method) -> None:
    volume: Volume | None = None
    prepared: Any = None
    while True:
        request: Request = pipe.recv()
        try:
            if isinstance(request, Prepare):
                volume = request.volume
                began = time.perf_counter()
                prepared = method.prepare(request.volume, request.views)
                pipe.send(Done(time.perf_counter() - began))
            else:
                problem = Problem(volume=volume, **request.fields)  # type: ignore[arg-type]
                pipe.send(_answer(method, problem, prepared))
        except BrokenPipeError:
            raise
        except Exception as error:  # a method may raise anything; the run continues
            pipe.send(Raised(_last_line(error)))


def _answer(method: Method, problem: Problem, prepared: Any) -> Reply:
    reason = method.skip(problem)
    if reason is not None:
        return Skipped(reason)
    began = time.perf_counter()
    estimate = method.register(problem, prepared)
    seconds = time.perf_counter() - began
    try:
        return Done(seconds, _plain(estimate))
    except Exception as error:  # any error means that it is no valid estimate
        return InvalidEstimate(f"expected an Estimate with a finite rigid 4x4 pose; {_last_line(error)}", seconds)


def _plain(estimate: Estimate) -> Estimate:
    """The answer as plain arrays and numbers, so that none of a method's own types reaches the harness."""
    outcome = Outcome(estimate.outcome)
    if outcome.failed:
        raise ValueError(f"outcome {outcome.name} is reserved to the harness")
    covariance = None if estimate.covariance is None else np.array(estimate.covariance, dtype=np.float64)
    if covariance is not None and covariance.shape != (6, 6):
        raise ValueError(f"the covariance must be 6x6; got shape {covariance.shape}")
    return Estimate(
        pose=require_rigid(np.array(estimate.pose, dtype=np.float64), "the pose"),
        outcome=outcome,
        seconds={str(phase): float(seconds) for phase, seconds in estimate.seconds.items()},
        drr_evaluations=int(estimate.drr_evaluations),
        covariance=covariance,
    )


def _last_line(error: Exception) -> str:
    """The error with the place it came from, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}".replace("\n", " ")[:500]
