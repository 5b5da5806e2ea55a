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
from bench.errors import FluorobenchError, describe_error

COMMANDS = Run | Train | Report | Score | Check | Register | Reference | Render | Download | List | Info
DESCRIPTION = "Benchmark of rigid 2D/3D registration: the pose of a CT volume from X-ray images."


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def of_the_disk(error: OSError) -> str | None:
    """What the disk refused, and what to do: no program can foresee a full one, or a folder that is none.

    None where no file is named: a connection, a pipe or a process that failed is no matter of the disk.
    """
    if error.errno in _FULL:
        return f"nothing more can be written ({describe_error(error)}); make room, then give the same command again"
    if error.filename is None:
        return None
    return (
        f"{error.filename} cannot be used ({(error.strerror or 'no reason given').lower()}); expected a "
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
        said = of_the_disk(error)
        if said is None:
            raise
        messages.print(f"fluorobench: {said}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        messages.print("fluorobench: interrupted; the same command (without --fresh) goes on from here")
        sys.exit(130)


if __name__ == "__main__":
    main()
