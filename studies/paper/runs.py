"""Run what is missing within a time budget, each step as a command of its own, which goes on where it stopped."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cli.console import print_line
from bench.protocol import load_protocol
from bench.run.journal import Journal
from bench.run.own_weights import with_weights

# For an interrupted command to end in order.
_GRACE_S = 60.0


class Clock:
    """What is left of a time budget.

    Args:
        seconds: All of it.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds; 0 at the end."""
        return max(0.0, self._end - time.monotonic())


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a protocol's run.

    Attributes:
        folder: Of the run.
        lacking: Why it is not there; empty where it is.
    """

    folder: Path
    lacking: str = ""


def made(protocol: str, profile: str, runs: Path, clock: Clock, *, again: bool = False) -> Made:
    """The finished run of a protocol with its tables: the one that is there, or a new one.

    Args:
        protocol: Its name.
        profile: smoke, quick or full.
        runs: Folder for runs.
        clock: When it has run out, a run stops and can be continued.
        again: Give the command also where the run is finished: rows whose weights have come are then filled.
    """
    journal = Journal.of(runs, with_weights(load_protocol(protocol, profile), ()))
    if _is_reported(journal) and not again:
        print_line(f"{journal.folder}: there already")
        return Made(journal.folder)
    command = ("-m", "bench", "run", protocol, "--profile", profile, "--out", str(runs))
    lacking = within(command, clock)
    return Made(journal.folder, "" if _is_reported(journal) else lacking or "its run has no tables")


def within(arguments: Sequence[str], clock: Clock) -> str:
    """Run a command of this Python until the clock has run out.

    Returns:
        Why it did not end well; empty where it did.
    """
    if not clock.left:
        return "the time budget was used up before; the same command goes on"
    print_line(f"python {' '.join(arguments)} (at most {clock.left / 60:.0f} min)")
    process = subprocess.Popen([sys.executable, *arguments])
    try:
        status = process.wait(clock.left)
    except subprocess.TimeoutExpired:
        _interrupt(process)
        return "the time budget was used up; the same command goes on"
    except KeyboardInterrupt:
        _interrupt(process)
        raise
    return f"its command ended with status {status}" if status else ""


def _interrupt(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_reported(journal: Journal) -> bool:
    """Whether it is finished and its reports were written, of which the page is the last."""
    return journal.complete and (journal.folder / "report.html").is_file()
