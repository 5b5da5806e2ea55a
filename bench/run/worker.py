"""A method's own process: it is sent volumes and problems, and never holds a truth, a protocol or a run's folder."""

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from bench import registry
from bench.contract import Estimate, Method, Problem, View
from bench.volume import Volume


@dataclass(frozen=True, slots=True)
class Prepare:
    """Get ready for a patient; its volume is sent once, not with every problem."""

    volume: Volume
    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """Answer a problem: every field of ``Problem`` but the volume."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """A request that ended well; ``estimate`` is None after ``Prepare``."""

    seconds: float
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """The method cannot take this problem."""

    reason: str


@dataclass(frozen=True, slots=True)
class Broke:
    """The method raised."""

    error: str


Request: TypeAlias = Prepare | Register
Reply: TypeAlias = Done | Declined | Broke


def serve(pipe: Connection, plugin: str, preset: str | None, settings: Mapping[str, Any]) -> None:
    """Build the method and answer requests until the pipe closes."""
    try:
        method: Method = registry.build("methods", plugin, settings, preset)
    except Exception as error:
        pipe.send(Broke(_last_line(error)))
        return
    pipe.send(Done(0.0))
    volume: Volume | None = None
    prepared: Any = None
    while True:
        try:
            request: Request = pipe.recv()
        except EOFError:
            return
        try:
            if isinstance(request, Prepare):
                volume = request.volume
                began = time.perf_counter()
                prepared = method.prepare(request.volume, request.views)
                pipe.send(Done(time.perf_counter() - began))
            else:
                problem = Problem(volume=volume, **request.fields)  # type: ignore[arg-type]
                pipe.send(_answer(method, problem, prepared))
        except Exception as error:  # a method may raise anything; the run goes on
            pipe.send(Broke(_last_line(error)))


def _answer(method: Method, problem: Problem, prepared: Any) -> Reply:
    reason = method.skip(problem)
    if reason is not None:
        return Declined(reason)
    began = time.perf_counter()
    estimate = method.register(problem, prepared)
    return Done(time.perf_counter() - began, estimate)


def _last_line(error: Exception) -> str:
    """The error with the place it came from, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}".replace("\n", " ")[:500]
