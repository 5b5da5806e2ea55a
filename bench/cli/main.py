"""The ``fluorobench`` command."""

import errno
import sys

import tyro

from bench.cli.catalogue import Info, List
from bench.cli.check import Check
from bench.cli.console import messages
from bench.cli.download import Download
from bench.cli.register import Reference, Register
from bench.cli.render import Render
from bench.cli.report import Report, Score
from bench.cli.run import Run
from bench.cli.train import Train
from bench.errors import FluorobenchError, in_words

COMMANDS = Run | Train | Report | Score | Check | Register | Reference | Render | Download | List | Info
DESCRIPTION = "Benchmark of rigid 2D/3D registration: the pose of a CT volume from X-ray images."


def of_the_disk(error: OSError) -> str:
    """What the disk refused, and what to do: no program can foresee a full one, or a folder that is none."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"nothing more can be written ({in_words(error)}); make room, then give the same command again"
    return (
        f"{error.filename or 'a file'} cannot be used ({(error.strerror or 'no reason given').lower()}); expected a "
        "place that can be written to: name another with --out"
    )


def main() -> None:
    """Parse the command line and run the command; mistakes of input and disk are one line and exit status 2."""
    command = tyro.cli(COMMANDS, prog="fluorobench", description=DESCRIPTION)  # pyright: ignore
    try:
        command()
    except FluorobenchError as error:
        messages.print(f"fluorobench: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except OSError as error:
        if error.errno is None or isinstance(error, BrokenPipeError):
            raise
        messages.print(f"fluorobench: {of_the_disk(error)}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        messages.print("fluorobench: interrupted; the same command (without --fresh) goes on from here")
        sys.exit(130)


if __name__ == "__main__":
    main()
