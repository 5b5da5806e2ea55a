"""``fluorobench verify``."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from bench.cli.console import output, print_table


@dataclass(frozen=True)
class Verify:
    """Check the files of a run: seals, hashes, rows lost or doubled; exit status 1 when something is wrong."""

    run: Annotated[Path, tyro.conf.Positional] = Path("runs/latest")
    """The run's folder."""

    def __call__(self) -> None:
        """Check it."""
        from bench.run.verify import verify

        found = verify(self.run)
        state = "finished" if found.finished else "not finished: the run's own command continues it"
        seals = "sealed" if found.sealed else "without seals (they are written at the end of a run)"
        output.print(
            f"{self.run}: {found.rows} of {found.expected} rows, {state}, {seals}", markup=False, soft_wrap=True
        )
        if not found.findings:
            output.print("nothing is wrong")
            return
        print_table("wrong", ("file", "what", "what to do"), [(f.file, f.what, f.remedy) for f in found.findings])
        sys.exit(1)
