"""How far a command is: a bar on a terminal, a line now and then in a log or a pipe."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.cli.console import messages, say

if TYPE_CHECKING:
    from bench.run.execute import Progress as Step

Item = TypeVar("Item")

# A log gets a line for every tenth of the work, unless that comes faster than anybody reads, and after this long.
_SHARE = 0.1
_SOONEST_S, _LATEST_S = 5.0, 30.0


class Bar(Protocol):
    """Where a command says how far it is."""

    def show(self, phase: str, done: int, total: int | None, what: str = "") -> None:
        """Say that ``done`` of ``total`` steps of a phase are over; ``what`` is being done."""
        ...


class _Terminal:
    """One bar that is redrawn."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=None)

    def show(self, phase: str, done: int, total: int | None, what: str = "") -> None:
        self._progress.update(self._task, completed=done, total=total, description=f"{phase} {what}".rstrip())


class LogLines:
    """Lines: where a phase begins and ends, and now and then between.

    Args:
        write: Takes a line.
        clock: Seconds that only grow.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._phase: str | None = None
        self._began = self._told = (0.0, 0)

    def show(self, phase: str, done: int, total: int | None, what: str = "") -> None:
        """Write a line if one is due."""
        now, ends = self._clock(), done == total
        if phase != self._phase:
            self._phase, self._began = phase, (now, done)
        elif not (self._due(now, done, total) or (ends and done > self._told[1])):
            return
        self._told = now, done
        of = "" if total is None else f" of {total}"
        time_told = f", {_span(now - self._began[0])}" if ends else self._left(now, done, total)
        self._write(f"{phase}: {done}{of}{time_told}{f' ({what})' if what and not ends else ''}")

    def _due(self, now: float, done: int, total: int | None) -> bool:
        since, more = now - self._told[0], done - self._told[1]
        return since >= _LATEST_S or (since >= _SOONEST_S and total is not None and more >= _SHARE * total)

    def _left(self, now: float, done: int, total: int | None) -> str:
        """By the speed of this phase; what an earlier run left done took no time."""
        began, had = self._began
        if total is None or done <= had:
            return ""
        return f", about {_span((now - began) / (done - had) * (total - done))} left"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


@contextmanager
def progress_bar() -> Generator[Bar]:
    """A bar with the time left; where standard error is no terminal, lines."""
    if not messages.is_terminal:
        yield LogLines(say)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left:"), TimeRemainingColumn(), console=messages, transient=True) as progress:
        yield _Terminal(progress)


def tracked(items: Sequence[Item], phase: str) -> Iterator[Item]:
    """The items, under a bar."""
    with progress_bar() as bar:
        for number, item in enumerate(items):
            bar.show(phase, number, len(items))
            yield item
        bar.show(phase, len(items), len(items))


def show_steps(steps: "Iterator[Step]") -> None:
    """Do the steps of a run, under a bar."""
    with progress_bar() as bar:
        for step in steps:
            bar.show(step.phase, step.done, step.total, step.what)
