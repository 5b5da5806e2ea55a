"""``fluorobench check``."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from bench.cli.console import output, print_table


@dataclass(frozen=True)
class Check:
    """Compare a run with a frozen baseline; exit status 1 when anything got worse."""

    baseline: Path
    """File with the frozen baseline."""

    run: Annotated[Path, tyro.conf.Positional] = Path("runs/latest")
    """The run's folder."""

    time_ratio: float | None = None
    """Largest allowed ratio of times, in units of the reference kernel; raise it on a busy machine. Default 2."""

    update: bool = False
    """Freeze this run as the new baseline instead of comparing."""

    def __call__(self) -> None:
        """Compare or freeze."""
        from bench.score.finished import open_run
        from bench.score.regression import TIME_RATIO, compare, freeze, read_baseline, write_baseline

        run = open_run(self.run)
        if self.update:
            write_baseline(self.baseline, freeze(run))
            output.print(f"frozen: {self.baseline}")
            return
        before = read_baseline(self.baseline)
        if run.journal.environment.processor != before.processor:
            output.print("another processor than the baseline's: DRR evaluation counts are not compared", markup=False)
        worse = compare(freeze(run), before, time_ratio=self.time_ratio or TIME_RATIO)
        if not worse:
            output.print(f"nothing got worse: {len(before.rows)} registrations, projector and times checked")
            return
        rows = [(each.label, each.case_id, each.what, each.before, each.now) for each in worse]
        print_table("got worse", ("method", "case", "what", "baseline", "now"), rows)
        sys.exit(1)
