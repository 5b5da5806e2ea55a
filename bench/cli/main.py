"""The ``fluorobench`` command."""

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
from bench.errors import FluorobenchError

COMMANDS = Run | Train | Report | Score | Check | Register | Reference | Render | Download | List | Info
DESCRIPTION = "Benchmark of rigid 2D/3D registration: the pose of a CT volume from X-ray images."


def main() -> None:
    """Parse the command line and run the command; the input's mistakes are one line and exit status 2."""
    command = tyro.cli(COMMANDS, prog="fluorobench", description=DESCRIPTION)  # pyright: ignore
    try:
        command()
    except FluorobenchError as error:
        messages.print(f"fluorobench: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        messages.print("fluorobench: interrupted; the same command goes on from here")
        sys.exit(130)


if __name__ == "__main__":
    main()
