"""Progress of a command: a bar on a terminal, lines at intervals in a log or a pipe."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.cli.console import messages, print_line

if TYPE_CHECKING:
    from bench.run.execute import RunProgress

Item = TypeVar("Item")

# A log gets a line for every tenth of the work, at most one per 5 s and at least one per 30 s.
_SHARE = 0.1
_SOONEST_S, _LATEST_S = 5.0, 30.0


class Bar(Protocol):
    """A display of progress."""

    def show(self, phase: str, done: int, total: int | None, what: str = "") -> None:
        """Show that ``done`` of ``total`` steps of a phase are complete; ``what`` names the current one."""
        ...

    def tell(self, text: str) -> None:
        """Print lines that stay."""
        ...


class _Terminal:
    """One bar that is redrawn."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=None)

    def show(self, phase: str, done: int, total: int | None, what: str = "") -> None:
        self._progress.update(self._task, completed=done, total=total, description=f"{phase} {what}".rstrip())

    def tell(self, text: str) -> None:
        messages.print(text, style="yellow", markup=False, soft_wrap=True)


class LogLines:
    """Lines at the beginning and end of a phase and at intervals between.

    Args:
        write: Called with a line.
        clock: A monotonic clock, seconds.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._phase: str | None = None
        self._began = self._last = (0.0, 0)

    def show(self, phase: str, done: int, total: int | None, what: str = "") -> None:
        """Write a line if one is due."""
        now, ends = self._clock(), done == total
        if phase != self._phase:
            self._phase, self._began = phase, (now, done)
        elif not (self._due(now, done, total) or (ends and done > self._last[1])):
            return
        self._last = now, done
        of = "" if total is None else f" of {total}"
        time_text = f", {_span(now - self._began[0])}" if ends else self._left(now, done, total)
        self._write(f"{phase}: {done}{of}{time_text}{f' ({what})' if what and not ends else ''}")

    def tell(self, text: str) -> None:
        """Write lines that stay."""
        self._write(text)

    def _due(self, now: float, done: int, total: int | None) -> bool:
        since, more = now - self._last[0], done - self._last[1]
        return since >= _LATEST_S or (since >= _SOONEST_S and total is not None and more >= _SHARE * total)

    def _left(self, now: float, done: int, total: int | None) -> str:
        """Extrapolated from this phase; steps done by an earlier run took no time."""
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
        yield LogLines(print_line)
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


def show_steps(steps: "Iterator[RunProgress]") -> None:
    """Do the steps of a run, under a bar."""
    with progress_bar() as bar:
        for step in steps:
            bar.show(step.phase, step.done, step.total, step.what)
            if step.trouble:
                bar.tell(step.trouble)
