"""Columns and sentences of tables that compare two methods case by case."""

from typing import Protocol

from bench.score.column import Cell, Column
from bench.score.paired import PairedDifference

DIFFERENCE_NOTE = (
    "Median [95 %]: of the patients' mean differences, by order statistics; of one patient it is over its cases and "
    "refers to no other patient. p: exact sign-flip test on the patients' mean differences, none below 6 patients, "
    "adjusted for all rows of this table (Holm)."
)


class Compared(Protocol):
    """A row that holds a paired difference."""

    @property
    def found(self) -> PairedDifference:
        """First - second."""
        ...


def median_column(*, decimals: int, group: str = "") -> Column[Compared]:
    """Median of the patients' differences, with its interval where there is one."""
    return Column(
        heading="Median of\npatients [95 %]",
        name="median",
        further=("low", "high"),
        compute=lambda row: _median(row.found),
        template="{} [{}, {}]",
        decimals=decimals,
        group=group,
    )


def evidence_columns() -> tuple[Column[Compared], ...]:
    """How much evidence there is: p, patients, cases."""
    return (
        Column(heading="p\n(Holm)", name="p_holm", compute=lambda row: row.found.p_holm, decimals=3),
        Column(heading="Patients", name="patients", compute=lambda row: row.found.patients),
        Column(
            heading="Cases\n(missing)",
            name="cases",
            further=("missing",),
            compute=lambda row: (row.found.cases, row.found.missing),
            template="{} ({})",
        ),
    )


def _median(found: PairedDifference) -> Cell:
    ends = (None, None) if found.interval is None else (found.interval.low, found.interval.high)
    return (found.median, *ends)
