"""One self-contained page of the run: tables, interactive figures, cases, rows and provenance."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Card, FinishedRun
from bench.report.page.build import write_page
from bench.report.page.collect import page_of


@dataclass(frozen=True, slots=True)
class RunPage:
    """``report.html``, which holds everything that it shows."""

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write it into the run's folder."""
        return [write_page(run.folder / "report.html", page_of(run))]


plugin = RunPage

card = Card(
    title="Page of the run: tables, interactive figures, cases, rows and provenance in one file",
    source="ours",
    citation="none",
    licence="Apache-2.0",
)
