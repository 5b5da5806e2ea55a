"""LGFF-Reg Tables 1 to 3: stages, parts of the network and weights of the auxiliary losses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Card, FinishedRun
from bench.report.lgff import LGFF_NOT_COMPARABLE, MISSING, PAPER_COLUMNS, UNITS, lgff_order, lgff_row
from bench.report.marks import marked
from bench.report.summary import ABSENT, Summary
from bench.report.tables import Table

_TITLES = {"1": "number of stages", "2": "parts of the network", "3": "weights of the auxiliary losses"}

# No registration at all, and the paper's rows in its order; Table 2 holds some of ours behind them.
NONE = ("Initial", "Nominal")
ROWS = {
    "1": ("n=3", "n=4", "n=5"),
    "2": ("LB", "GB", "LB+GB", "LB+GB+DBFF", "full", "full, as the paper", "LB, seed 2", "full, seed 2"),
    "3": ("1, 1, 1", "0.3, 0.3, 0.3", "0.8, 0.6, 0.4", "0.4, 0.6, 0.8"),
}
# The same network from another seed.
SEEDS = (("LB, seed 2", "LB"), ("full, seed 2", "full"))
# (worse, better), as the paper argues.
STEPS = {
    "1": (("n=3", "n=4"), ("n=5", "n=4")),
    "2": (
        ("LB", "GB"),
        ("LB", "LB+GB"),
        ("GB", "LB+GB"),
        ("LB+GB", "LB+GB+DBFF"),
        ("LB+GB+DBFF", "full"),
        ("LB", "full"),
        ("full, as the paper", "full"),
        *SEEDS,
    ),
    "3": tuple((label, "0.4, 0.6, 0.8") for label in ROWS["3"][:3]),
}


@dataclass(frozen=True, slots=True)
class LgffAblation:
    """Tables ``lgff_table1`` to ``lgff_table3``, each with ``..._order``: the step-by-step test."""

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write those tables that the run has rows of, under ``tables``."""
        return [path for table in ROWS for path in self._write(run, table)]

    def _write(self, run: FinishedRun, table: str) -> list[Path]:
        here, folder = [label for label in ROWS[table] if label in run.labels], run.folder / "tables"
        if not here:
            return []
        labels = [*(label for label in NONE if label in run.labels), *here]
        order = lgff_order(run, STEPS[table], table=table)
        return [
            *marked(self.table(run, table, labels), run.scores).write(folder, f"lgff_table{table}"),
            *order.write(folder, f"lgff_table{table}_order"),
        ]

    def table(self, run: FinishedRun, table: str, labels: Sequence[str]) -> Table[Summary]:
        """One of the three."""
        return Table(
            columns=PAPER_COLUMNS,
            rows=tuple(lgff_row(run, label, table=table) for label in labels),
            caption=f"LGFF-Reg Table {table}: {_TITLES[table]}. {run.description}.",
            notes=(
                f"{ABSENT} What another seed changes is chance.",
                UNITS,
                MISSING,
                LGFF_NOT_COMPARABLE,
            ),
        )


plugin = LgffAblation

card = Card(
    title="LGFF-Reg Tables 1 to 3: stages, branches, loss weights, each step tested",
    source="LGFF-Reg, Tables 1 to 3",
    citation="Yang et al., Journal of Image and Graphics 30(8), 2025",
    licence="Apache-2.0",
    deviations=("One patient, networks trained at the same budget; the paper's ten sets are unknown.",),
)
