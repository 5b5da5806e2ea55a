"""``python -m studies.ablations``: train the networks of the ablation tables, and fill the tables with them.

All networks of a table are trained for the same number of optimiser steps, not for equal times: the tables do not
depend on the load of the machine. Trainings of one seed draw the same poses and the same images in the same order.
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from bench.cli.console import print_line
from bench.cli.execute import execute
from bench.cli.run import Run as RunProtocol
from bench.cli.train import Train as TrainMethod
from bench.errors import FluorobenchError
from studies.ablations.networks import ABLATIONS, Ablation, Network, TableName

PROGRAM = "python -m studies.ablations"


@dataclass(frozen=True)
class Train:
    """Train every network; finished ones are kept, an interrupted one is continued."""

    tables: tuple[TableName, ...] = ("sopi", "lgff")
    """Of SOPI's Table 2, of LGFF-Reg's Tables 1 to 3."""

    steps: int = 500
    """Optimiser steps of each network."""

    only: tuple[str, ...] = ()
    """Names of networks (folders); all if not given."""

    def __call__(self) -> None:
        """Train them.

        Raises:
            FluorobenchError: No such network in these tables.
        """
        chosen = [(ABLATIONS[table], network) for table in self.tables for network in ABLATIONS[table].networks]
        known = [network.name for _, network in chosen]
        if unknown := sorted(set(self.only) - set(known)):
            raise FluorobenchError(f"no network {', '.join(unknown)}; these tables have {', '.join(known)}")
        for table, network in chosen:
            if not self.only or network.name in self.only:
                train(table, network, self.steps)


@dataclass(frozen=True)
class Run:
    """Run the protocols with the weights that are there, and write their tables."""

    tables: tuple[TableName, ...] = ("sopi", "lgff")
    """SOPI's Table 2, LGFF-Reg's Tables 1 to 3."""

    profile: str = "quick"
    """Size of the runs: smoke, quick or full."""

    out: Path = Path("runs")
    """Folder of runs."""

    fresh: bool = False
    """Delete the results of earlier runs of these protocols."""

    def __call__(self) -> None:
        """Run, score, report."""
        protocols = tuple(ABLATIONS[table].protocol for table in self.tables)
        RunProtocol(protocols, profile=self.profile, out=self.out, fresh=self.fresh)()


def train(table: Ablation, network: Network, steps: int) -> None:
    """Train one network, unless its weights are there.

    Args:
        table: That it is of.
        network: What is trained.
        steps: Optimiser steps.
    """
    folder = table.folder / network.name
    if any((folder / "weights").glob("*.toml")):
        print_line(f"{folder}: there already")
        return
    settings = (*table.common, *network.settings)
    print_line(f"{folder}: {' '.join(settings)}")
    TrainMethod(table.method, steps=steps, out=folder, set=settings)()


def main() -> None:
    """Parse the command line and run the command."""
    description = "SOPI's Table 2 and LGFF-Reg's Tables 1 to 3, trained for equal numbers of steps."
    execute(tyro.cli(Train | Run, prog=PROGRAM, description=description), PROGRAM)  # pyright: ignore


if __name__ == "__main__":
    main()
