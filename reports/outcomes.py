"""How the registrations of each method ended: counts by outcome and reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Card, FinishedRun
from bench.report.summary import PERCENT
from bench.report.tables import Table, TableRow
from bench.score.column import Column
from bench.score.outcomes import Ending, endings

COLUMNS: tuple[Column[Ending], ...] = (
    Column(name="method", heading="Method", compute=lambda row: row.label),
    Column(name="outcome", heading="Outcome", compute=lambda row: row.outcome),
    Column(name="cases", heading="Cases", compute=lambda row: row.cases),
    Column(name="share_percent", heading="Share\n(%)", compute=lambda row: PERCENT * row.cases / row.total, decimals=1),
    Column(name="reason", heading="Reason", compute=lambda row: row.reason),
)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Table ``outcomes``; the run's ``output`` folder has tracebacks and what methods printed."""

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write it under ``tables``."""
        table = self.table(run)
        return table.write(run.folder / "tables", "outcomes")

    def table(self, run: FinishedRun) -> Table[Ending]:
        """One row for each method, outcome and reason."""
        return Table(
            columns=COLUMNS,
            rows=tuple(TableRow(context=each, ranked=False) for each in endings(run.scores, run.labels)),
            caption=f"How the registrations ended. {run.description}.",
            notes=(
                "Reasons are those of registrations without a pose, in the words of the first one; reasons that differ "
                "in numbers alone are one. Of more than five a method the rarer ones are counted together.",
            ),
        )


plugin = Outcomes

card = Card(
    title="Outcomes: how the registrations of each method ended, and why those without a pose have none",
    source="ours",
    citation="none",
    licence="Apache-2.0",
)
