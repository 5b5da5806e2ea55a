"""A published order of methods, step by step, as hypotheses: our difference with its interval beside the paper's."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from bench.contract import FinishedRun
from bench.report.published import find_published
from bench.report.tables import Cell, TableColumn, TableRow
from bench.score.columns import column
from bench.score.paired import PairedDifference, paired_differences


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a published order in one metric.

    Attributes:
        found: Our difference, the worse method (as published) first.
        metric: Name.
        published: The paper's difference, in the metric's unit; None where it prints one of the two values or none.
    """

    found: PairedDifference
    metric: str
    published: float | None

    @property
    def verdict(self) -> str:
        """Whether our rows hold the published order, reverse it, or leave it open."""
        if not self.found.cases:
            return "not tested"
        if self.published is None:
            return f"(none) {self.found.verdict}"
        if not self.published or self.found.verdict == "open":
            return "open"
        return "held" if (self.found.verdict == "larger") == (self.published > 0) else "reversed"


def order_rows(
    run: FinishedRun,
    steps: Sequence[tuple[str, str]],
    metrics: Sequence[str],
    *,
    paper: str,
    table: str,
    seed: int,
) -> tuple[TableRow[Step], ...]:
    """One row for each step and metric.

    Args:
        run: Finished.
        steps: (worse, better) labels as published; those that the run lacks are left out.
        metrics: Names.
        paper: Key of the published values.
        table: Of the paper.
        seed: Of the bootstrap.
    """
    known = [step for step in steps if set(step) <= set(run.labels)]
    asked = [(name, *step) for step in known for name in metrics]
    found = paired_differences(run.scores, asked, seed=seed)
    published = [_published_difference(paper, table, *each) for each in asked]
    return tuple(
        TableRow(context=Step(each, name, difference))
        for (name, *_), each, difference in zip(asked, found, published, strict=True)
    )


def order_columns(decimals: int) -> tuple[TableColumn[Step], ...]:
    """Columns of a table of steps; ``decimals`` are those of the differences."""
    return (
        TableColumn(
            heading="Compared",
            keys=("compared",),
            compute=lambda step: (f"{step.found.first} - {step.found.second}",),
        ),
        TableColumn(heading="Metric", keys=("metric",), compute=lambda step: (column(step.metric).title,)),
        TableColumn(
            heading="Published\ndifference",
            keys=("published",),
            compute=lambda step: (step.published,),
            decimals=decimals,
        ),
        TableColumn(
            heading="Our difference\n[95 %]",
            keys=("ours", "low", "high"),
            compute=lambda step: _difference(step.found),
            template="{} [{}, {}]",
            decimals=decimals,
        ),
        TableColumn(heading="p\n(Holm)", keys=("p_holm",), compute=lambda step: (step.found.p_holm,), decimals=3),
        TableColumn(heading="Cases", keys=("cases",), compute=lambda step: (step.found.cases,)),
        TableColumn(heading="Published\norder", keys=("verdict",), compute=lambda step: (step.verdict,)),
    )


def _difference(found: PairedDifference) -> Cell:
    low, high = (None, None) if found.interval is None else (found.interval.low, found.interval.high)
    return (None if isnan(found.mean) else found.mean, low, high)


def _published_difference(paper: str, table: str, name: str, worse: str, better: str) -> float | None:
    first, second = (find_published(paper, table=table, row=label, column=name) for label in (worse, better))
    return None if first is None or second is None else first.value - second.value
