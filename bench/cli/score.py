"""``fluorobench score``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from bench.cli.console import output, print_line, print_table

if TYPE_CHECKING:
    from bench.score.finished import ScoredRun


@dataclass(frozen=True)
class Score:
    """Compute all metrics of a run from its recorded estimates, or score another program's answers (scores.parquet).

    With --estimates the answers become rows of a new run, beside those of the run that holds the truth.
    """

    run: Annotated[Path, tyro.conf.Positional] = Path("runs/latest")
    """Run folder; with --estimates also the folder of exported problems, whose run is found among --out."""

    estimates: Path | None = None
    """CSV of answers: case, label, R and t (or pose), seconds; see the README.md of exported problems."""

    label: str | None = None
    """Names the program, where the table of answers has no column label."""

    out: Path = Path("runs")
    """Folder for runs: that of the answers is written here."""

    def __call__(self) -> None:
        """Score it."""
        from bench.score.finished import open_run

        run = open_run(self.run) if self.estimates is None else self._answered(self.estimates)
        output.print(str(run.write_scores()), markup=False, soft_wrap=True)
        if self.estimates is not None:
            _print_summary(run)

    def _answered(self, estimates: Path) -> "ScoredRun":
        """The run of a table of answers."""
        from bench.exchange.answered import run_with_truth, write_answered
        from bench.exchange.answers import read_answers

        truth = run_with_truth(self.run, self.out)
        answers = read_answers(estimates, truth.journal.problems(), label=self.label)
        for remark in answers.remarks:
            print_line(remark)
        return write_answered(truth, answers, self.out)


def _print_summary(run: "ScoredRun") -> None:
    """One line a label; all tables come from ``report``."""
    from bench.exchange.summary import HEADINGS, summary_lines

    print_table(f"{run.protocol.name}, {run.protocol.profile} profile", HEADINGS, summary_lines(run))
    output.print(f"all tables and figures: fluorobench report {run.folder}", markup=False, soft_wrap=True)
