"""A method's own process: it receives volumes and problems, and never a truth, a protocol or a run's folder.

A process boundary does not hide what can be computed from public files, such as the protocol's seed.
"""

import os
import signal
import sys
import tempfile
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
from bench.run.meter import Cost, Meter
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
    """A request that ended well; ``estimate`` is None after ``Prepare``, ``cost`` when the method was built."""

    cost: Cost | None
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """The method cannot take this problem."""

    reason: str
    cost: Cost


@dataclass(frozen=True, slots=True)
class Raised:
    """The method raised; without a cost where it could not be built."""

    error: str
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class InvalidEstimate:
    """The method answered with something that is no estimate."""

    error: str
    cost: Cost


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
    pipe.send(Done(None))
    with suppress(EOFError, BrokenPipeError):  # the harness closed the pipe: it is done with this process
        _serve(pipe, method)


def _serve(pipe: Connection, method: Method) -> None:
    volume: Volume | None = None
    prepared: Any = None
    meter = Meter()
    while True:
        request: Request = pipe.recv()
        meter.begin()
        try:
            if isinstance(request, Prepare):
                volume = request.volume
                prepared = method.prepare(request.volume, request.views)
                pipe.send(Done(meter.end()))
            else:
                problem = Problem(volume=volume, **request.fields)  # type: ignore[arg-type]
                pipe.send(_answer(method, problem, prepared, meter))
        except BrokenPipeError:
            raise
        except Exception as error:  # a method may raise anything; the run goes on
            pipe.send(Raised(_last_line(error), meter.end()))


def _answer(method: Method, problem: Problem, prepared: Any, meter: Meter) -> Reply:
    """Everything that the method does with the problem is measured: ``skip`` and reading the estimate, too."""
    reason = method.skip(problem)
    if reason is not None:
        return Skipped(reason, meter.end())
    estimate = method.register(problem, prepared)
    try:
        plain = _plain(estimate)
    except Exception as error:  # whatever it is, it is no estimate
        return InvalidEstimate(f"expected an Estimate with a finite rigid 4x4 pose; {_last_line(error)}", meter.end())
    return Done(meter.end(), plain)


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
