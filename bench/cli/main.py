"""The ``fluorobench`` command."""

import os
import platform
import select
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import tyro

from bench.cli.board import Board
from bench.cli.catalogue import Info, List
from bench.cli.check import Check
from bench.cli.compare import Compare
from bench.cli.console import output
from bench.cli.doctor import Doctor
from bench.cli.download import Download
from bench.cli.execute import INTERRUPTED, execute
from bench.cli.export import Export
from bench.cli.register import Reference, Register
from bench.cli.render import Render
from bench.cli.report import Report
from bench.cli.run import Run
from bench.cli.score import Score
from bench.cli.show import Show
from bench.cli.start import Start
from bench.cli.train import Train
from bench.cli.verify import Verify

RUNS = Run | Report | Show | Compare | Board | Score | Export | Verify | Check | Doctor
COMMANDS = RUNS | Train | Register | Reference | Start | Render | Download | List | Info
DESCRIPTION = (
    "Benchmark of rigid 2D/3D registration: the pose of a CT volume from X-ray images. --version prints the version."
)

# Of a shell: 128 + SIGPIPE.
_BROKEN_PIPE = 141


def main() -> None:
    """Parse the command line and run the command; errors of input and disk are one line and exit status 2."""
    with _reader_may_leave():
        try:
            if sys.argv[1:] == ["--version"]:
                print_version()
                return
            command = tyro.cli(COMMANDS, prog="fluorobench", description=DESCRIPTION)  # pyright: ignore
        except KeyboardInterrupt:  # nothing has begun yet
            sys.exit(INTERRUPTED)
        execute(command, "fluorobench")


def print_version() -> None:
    """Print the versions of fluorobench and Python, and where fluorobench lies."""
    place = Path(__file__).parents[1]
    python = platform.python_version()
    output.print(f"fluorobench {metadata.version('fluorobench')} (Python {python}, {place})", soft_wrap=True)


@contextmanager
def _reader_may_leave() -> Generator[None]:
    """End without a word where the reader of the output, such as ``head``, has closed it."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _reader_has_left():  # another pipe broke: a fault to be seen
            raise
        # What is still buffered goes nowhere, or Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_BROKEN_PIPE)


def _reader_has_left() -> bool:
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


if __name__ == "__main__":
    main()
