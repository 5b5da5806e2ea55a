"""``fluorobench check``."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from bench.cli.console import output, print_table

if TYPE_CHECKING:
    from bench.score.baseline import Baseline
    from bench.score.regression import Worse


@dataclass(frozen=True)
class Check:
    """Compare runs with frozen baselines; exit status 1 when anything got worse."""

    baseline: Path
    """File with the frozen baseline, or a folder of them: one a protocol and kind of processor."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = (Path("runs/latest"),)
    """Folders of runs."""

    time_ratio: float | None = None
    """A method is slower when its processor time, in units of a reference kernel's, grew by more than this factor.
    Default 1.5."""

    update: bool = False
    """Freeze the runs as new baselines instead of comparing; several runs of one protocol are clean repeats, whose
    spread widens the tolerances."""

    def __call__(self) -> None:
        """Compare or freeze."""
        from bench.score.baseline import freeze, read_baselines
        from bench.score.finished import open_run
        from bench.score.regression import TIME_RATIO, compare_all

        found = [freeze(open_run(run)) for run in self.runs]
        if self.update:
            self._freeze(found)
            return
        before = read_baselines(self.baseline)
        ratio = TIME_RATIO if self.time_ratio is None else self.time_ratio
        worse = [each for now in found for each in compare_all(now, before, time_ratio=ratio)]
        for now in found:
            _tell_what_is_not_compared(now, before)
        if worse:
            _print_worse(worse)
            sys.exit(1)
        rows = sum(len(now.rows) for now in found)
        output.print(f"nothing got worse: {rows} registrations, projector and times checked")

    def _freeze(self, found: "Sequence[Baseline]") -> None:
        from bench.files import slug
        from bench.score.baseline import merged, write_baseline

        for protocol in dict.fromkeys(each.protocol for each in found):
            one = merged([each for each in found if each.protocol == protocol])
            name = f"{protocol.partition('/')[0]}-{slug(one.processor)}.json"
            path = self.baseline / name if self.baseline.is_dir() else self.baseline
            write_baseline(path, one)
            output.print(f"frozen: {path}", markup=False)


def _print_worse(worse: "Sequence[Worse]") -> None:
    rows = [(each.label, each.case_id, each.what, each.before, each.now) for each in worse]
    print_table("got worse", ("method", "case", "what", "baseline", "now"), rows)


def _tell_what_is_not_compared(now: "Baseline", before: "Sequence[Baseline]") -> None:
    from bench.score.regression import not_compared

    if labels := not_compared(now, before):
        output.print(
            f"{now.protocol}: not compared, since no baseline of {now.processor} with {now.threads} thread(s), nor "
            f"those of two other processors, have them: {', '.join(labels)}",
            markup=False,
            soft_wrap=True,
        )
