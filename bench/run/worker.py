"""A method's own process: it receives volumes and problems, and never a truth, a protocol or a run's folder.

A process boundary does not hide what can be computed from public files, such as the protocol's seed.
"""

import os
import pickle
import re
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from bench import registry
from bench.contract import Method, Outcome, Problem, SearchSpace, View, prepare
from bench.run.channel import Channel, ChannelClosedError
from bench.run.limits import Limits, confine
from bench.run.meter import Meter
from bench.run.reply import Done, Failed, Reply, answered, encode
from bench.run.supervisor import under_supervision
from bench.volume import Volume

# How libraries in C and C++ say that there is no memory, in errors of a kind of their own.
_NO_MEMORY = re.compile(
    r"(can't|cannot|could not|failed to|unable to) allocate|out of memory|bad_alloc|not enough memory", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Prepare:
    """Prepare for a patient; its volume is sent once, not with every problem."""

    volume: Volume
    views: tuple[View, ...]
    space: SearchSpace | None = None


@dataclass(frozen=True, slots=True)
class Register:
    """Register a problem: every field of ``Problem`` but the volume."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """Something to do, with a number that the reply repeats."""

    number: int
    what: Prepare | Register


@dataclass(frozen=True, slots=True)
class Choice:
    """The method to build."""

    plugin: str
    preset: str | None
    settings: Mapping[str, Any]


def serve(end: socket.socket, output: Connection, choice: Choice, limits: Limits) -> None:
    """Build the method and answer requests until the channel closes.

    Args:
        end: Of the channel to the harness.
        output: Whose descriptor is the file that takes what the method prints.
        choice: The method.
        limits: For this process.
    """
    under_supervision([end, output])
    confine(limits)
    _print_to(output.fileno())
    sys.argv = ["fluorobench-method"]
    os.chdir(tempfile.gettempdir())
    channel, meter = Channel(end), Meter()
    with suppress(ChannelClosedError):  # the harness closed the channel: it is done with this process
        built = list[Method]()

        def build() -> Reply:
            built.append(registry.build("methods", choice.plugin, choice.settings, choice.preset))
            return Done()

        channel.send(encode(0, _attempt(build, None)))
        if built:
            _serve(channel, built[0], meter)


def _print_to(target: int) -> None:
    """Have this process and its children print to a file."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(target, 1)
    os.dup2(target, 2)


def _serve(channel: Channel, method: Method, meter: Meter) -> None:
    own = os.getpid()
    state = Answering(method)
    while True:
        # Only what the harness sent is unpickled, never what a method did.
        request: Request = pickle.loads(channel.receive())
        meter.begin()
        reply = state.reply(request.what, meter)
        if os.getpid() != own:  # a child that the method forked came back from the method's code
            os._exit(0)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # the method's own, perhaps
                stream.flush()
        channel.send(encode(request.number, reply))


class Answering:
    """A method, and the patient that it is prepared for."""

    def __init__(self, method: Method) -> None:
        self._method = method
        self._volume: Volume | None = None
        self._prepared: Any = None

    def reply(self, request: Prepare | Register, meter: Meter) -> Reply:
        """What the method answers; its errors are replies too."""
        return _attempt(partial(self._answer, request, meter), meter)

    def _answer(self, request: Prepare | Register, meter: Meter) -> Reply:
        """Everything that the method does with the problem is measured: ``skip`` and reading the estimate, too."""
        make_read_only(request)
        if isinstance(request, Prepare):
            self._volume = request.volume
            self._prepared = prepare(self._method, request.volume, request.views, request.space)
            return Done(cost=meter.end())
        problem = Problem(volume=self._volume, **request.fields)  # type: ignore[arg-type]
        reason: object = self._method.skip(problem)
        if reason is not None:
            return _skipped(reason, meter)
        estimate: Any = self._method.register(problem, self._prepared)
        try:
            given = {name: getattr(estimate, name) for name in _ESTIMATE}
            given |= {name: getattr(estimate, name, None) for name in _OPTIONAL}
        except Exception as error:  # whatever it is, it is no estimate
            said = f"expected an Estimate; {_last_line(error)}"
            return Failed(outcome=Outcome.INVALID, reason=said, cost=meter.end())
        return answered(meter.end(), **given)


# The fields of an estimate that a row holds.
_ESTIMATE = ("pose", "outcome", "seconds", "drr_evaluations", "covariance")
_OPTIONAL = ("trace", "confidence")


def _skipped(reason: object, meter: Meter) -> Failed:
    if isinstance(reason, str):
        return Failed(outcome=Outcome.SKIPPED, reason=reason, cost=meter.end())
    said = f"skip must return a sentence or None; got {type(reason).__name__} {reason!r}"
    return Failed(outcome=Outcome.INVALID, reason=said, cost=meter.end())


def make_read_only(value: Any) -> None:
    """Refuse writing to the arrays in dataclasses, mappings and tuples: what one case changed, the next would see."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            make_read_only(getattr(value, each.name))
    elif isinstance(value, tuple):
        for each in value:  # pyright: ignore[reportUnknownVariableType]
            make_read_only(each)
    elif isinstance(value, Mapping):
        make_read_only(tuple(value.values()))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]


def _attempt(act: Callable[[], Reply], meter: Meter | None) -> Reply:
    """What ``act`` replies; an error of the method, whatever it is, is a reply too."""
    try:
        return act()
    except BaseException as error:  # also SystemExit and KeyboardInterrupt, which a method may raise
        return Failed(
            outcome=Outcome.OUT_OF_MEMORY if _is_memory(error) else Outcome.RAISED,
            reason=_last_line(error),
            cost=None if meter is None else meter.end(),
            traceback=_traceback(error),
        )


def _is_memory(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised from, is one of memory."""
    while error is not None:
        if isinstance(error, MemoryError) or _NO_MEMORY.search(_text(error)):
            return True
        error = error.__cause__
    return False


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an error's own text may fail as well
        return ""


def _traceback(error: BaseException) -> str:
    """As Python prints it, from where the method was called; what an error does as it is printed is no matter."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, trace))
    except Exception:
        return ""


def _last_line(error: BaseException) -> str:
    """The error with the place it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {_text(error)[:1000]}{place}"
