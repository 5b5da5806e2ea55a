"""A report: the median mTRE of every method as a CSV table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Card, FinishedRun

card = Card(title="Median mTRE by method", source="ours", citation="none", licence="Apache-2.0")


@dataclass(frozen=True)
class MinimalReport:
    """One line a method, in the protocol's order.

    Attributes:
        column: A column of ``scores.parquet``; ``fluorobench info metrics`` lists them.
    """

    column: str = "mtre_mm"

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write ``tables/minimal_report.csv`` and return its path."""
        medians = run.scores.groupby("label")[self.column].median()
        lines = [f"method,median {self.column}", *(f"{label},{medians[label]:.3f}" for label in run.labels)]
        path = run.folder / "tables" / "minimal_report.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [path]


plugin = MinimalReport
