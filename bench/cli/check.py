"""``fluorobench check``."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from bench.cli.console import output, print_table

if TYPE_CHECKING:
    from bench.score.verdicts import Judgement


@dataclass(frozen=True)
class Check:
    """Compare runs with frozen baselines.

    Exit status 1 when anything got worse, a row is missing or a method gave no pose in any case; 2 when the runs or
    baselines cannot be compared.
    """

    baseline: Path
    """File with the frozen baseline, or a folder of them: one a protocol and kind of processor."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = (Path("runs/latest"),)
    """Folders of runs."""

    time_ratio: float | None = None
    """A method is slower when its processor time, in units of a reference kernel's, grew by more than this factor.
    Default: the baseline's."""

    json: Path | None = None
    """Write every verdict to this JSON file."""

    junit: Path | None = None
    """Write every verdict to this JUnit XML file."""

    markdown: Path | None = None
    """Write what changed to this Markdown file."""

    update: bool = False
    """Freeze the runs as new baselines instead of comparing; several runs of one protocol are clean repeats, whose
    spread widens the tolerances. Refused where a registration has no pose."""

    allow_failures: bool = False
    """With --update: freeze registrations without a pose, too."""

    def __call__(self) -> None:
        """Compare or freeze."""
        from bench.score.baseline import freeze, read_baselines
        from bench.score.finished import open_run
        from bench.score.freezing import freeze_runs
        from bench.score.verdicts import judge, passed, require_comparison, summary

        before = [] if self.update else read_baselines(self.baseline)
        found = [freeze(open_run(run)) for run in self.runs]
        if self.update:
            for path in freeze_runs(found, self.baseline, allow_failures=self.allow_failures):
                output.print(f"frozen: {path}", markup=False, soft_wrap=True)
            return
        judged = [judge(now, before, time_ratio=self.time_ratio) for now in found]
        require_comparison(judged)
        self._write(judged)
        _print(judged)
        output.print(summary(judged), markup=False, soft_wrap=True)
        if not passed(judged):
            sys.exit(1)

    def _write(self, judged: "Sequence[Judgement]") -> None:
        from bench.files import write_text
        from bench.report.gate import gate_json, gate_junit, gate_markdown

        for path, make in ((self.json, gate_json), (self.junit, gate_junit), (self.markdown, gate_markdown)):
            if path is not None:
                write_text(path, make(judged))


def _print(judged: "Sequence[Judgement]") -> None:
    from bench.report.gate import HEADS, cases_by_label, lines_of
    from bench.score.verdicts import Kind

    verdicts = [each for one in judged for each in one.verdicts]
    for title, chosen in (
        ("got better", [each for each in verdicts if each.kind is Kind.BETTER]),
        ("got worse", [each for each in verdicts if each.kind.fails]),
    ):
        if chosen:
            print_table(title, HEADS, lines_of(chosen))
    for kind in (Kind.NEW, Kind.KNOWN_FAILURE, Kind.NOT_COMPARED):
        if names := cases_by_label(judged, kind):
            output.print(f"{kind.value}: {names}", markup=False, soft_wrap=True)
