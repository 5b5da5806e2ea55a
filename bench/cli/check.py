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
    """File with the frozen baseline, or a folder of them: one a kind of processor."""

    run: Annotated[Path, tyro.conf.Positional] = Path("runs/latest")
    """The run's folder."""

    time_ratio: float | None = None
    """Largest allowed ratio of times, in units of the reference kernel; raise it on a busy machine. Default 2."""

    update: bool = False
    """Freeze this run as the new baseline instead of comparing."""

    def __call__(self) -> None:
        """Compare or freeze."""
        from bench.files import slug
        from bench.score.finished import open_run
        from bench.score.regression import TIME_RATIO, compare_all, freeze, read_baselines, write_baseline

        now = freeze(open_run(self.run))
        if self.update:
            path = self.baseline / f"{slug(now.processor)}.json" if self.baseline.is_dir() else self.baseline
            write_baseline(path, now)
            output.print(f"frozen: {path}")
            return
        before = read_baselines(self.baseline)
        if now.processor not in [each.processor for each in before]:
            output.print(
                f"no baseline of this processor ({now.processor}): DRR evaluation counts are not compared", markup=False
            )
        worse = compare_all(now, before, time_ratio=self.time_ratio or TIME_RATIO)
        if not worse:
            output.print(f"nothing got worse: {len(before[0].rows)} registrations, projector and times checked")
            return
        rows = [(each.label, each.case_id, each.what, each.before, each.now) for each in worse]
        print_table("got worse", ("method", "case", "what", "baseline", "now"), rows)
        sys.exit(1)
