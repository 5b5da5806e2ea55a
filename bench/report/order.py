"""A published order of methods, step by step, as hypotheses: our difference with its interval beside the paper's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.contract import FinishedRun
from bench.report.difference import DIFFERENCE_NOTE, evidence_columns, median_column
from bench.report.tables import Table, TableRow
from bench.score.column import Column
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
        if self.found.p_holm is None:
            return "not tested"
        if self.published is None:
            return f"(none) {self.found.verdict}"
        if not self.published or self.found.verdict == "open":
            return "open"
        return "held" if (self.found.verdict == "larger") == (self.published > 0) else "reversed"


# In the labels of rows that search once.
_ONCE = " (single search"
# Begins the labels of the classical methods.
_SEARCHING = "Opt-"

_NOTE = (
    "Differences are the first method's error minus the second's; published, the first is worse. A missing or infinite "
    f"error counts as twice the largest finite one of the two methods, and loses. {DIFFERENCE_NOTE} Held or reversed: "
    "p below 0.05; the interval is of its row alone."
)


def order_table(
    run: FinishedRun,
    steps: Sequence[tuple[str, str]],
    metrics: Sequence[str],
    *,
    published: Callable[[str, str], float | None],
    caption: str,
    notes: Sequence[str],
    decimals: int,
    seed: int = 0,
) -> Table[Step]:
    """One row for each step and metric.

    Args:
        run: Finished.
        steps: (worse, better) labels as published; those that the run lacks are left out.
        metrics: Names.
        published: The paper's value of a row and a metric; None where it has none.
        caption: What the table is of; the run's description is added.
        notes: Below the note that explains the columns.
        decimals: Of the differences.
        seed: Of random sign changes, with more than 20 patients.
    """
    known = [step for step in steps if set(step) <= set(run.labels)]
    asked = [(name, *step) for step in known for name in metrics]
    found = paired_differences(run.scores, asked, seed=seed)
    return Table(
        columns=order_columns(decimals),
        rows=tuple(
            TableRow(context=Step(each, name, _difference(published(worse, name), published(better, name))))
            for (name, worse, better), each in zip(asked, found, strict=True)
        ),
        caption=f"{caption}: the published order, step by step. {run.description}.",
        notes=(_NOTE, *notes),
    )


def pairs_of(order: Sequence[str], run: FinishedRun) -> list[tuple[str, str]]:
    """Neighbours of a published order, the worst first, among the rows that the run has."""
    return list(pairwise(label for label in order if label in run.labels))


def searching_once(order: Sequence[str], run: FinishedRun) -> list[str]:
    """An order with the rows that search once in place of the tuned ones; empty where the run has none of them.

    A tuned row without one is left out: beside single searches its rank would be that of its number of searches.
    """
    once = {label: [each for each in run.labels if each.startswith(label + _ONCE)] for label in order}
    if not any(once.values()):
        return []
    # The most customary one stands last.
    alike = {label: rows[-1:] or ([] if label.startswith(_SEARCHING) else [label]) for label, rows in once.items()}
    return [label for rows in alike.values() for label in rows]


def published_label(label: str) -> str:
    """The label under which a row's published values go: the papers do not state how their rows search."""
    return label.partition(_ONCE)[0]


def search_note(order: Sequence[str]) -> str:
    """Which of a method's rows a table compares."""
    once = [label for label in order if _ONCE in label]
    if once:
        return f"Rows that search once, from the start: {', '.join(once)}."
    return "Opt-* are the tuned rows: several searches, one of them from the nominal pose."


def order_columns(decimals: int) -> tuple[Column[Step], ...]:
    """Columns of a table of steps; ``decimals`` are those of the differences."""
    return (
        Column(
            heading="Compared",
            name="compared",
            compute=lambda step: f"{step.found.first} - {step.found.second}",
        ),
        Column(heading="Metric", name="metric", compute=lambda step: column(step.metric).title),
        Column(
            heading="Published\ndifference",
            name="published",
            compute=lambda step: step.published,
            decimals=decimals,
        ),
        Column(
            heading="Our mean\ndifference",
            name="ours",
            compute=lambda step: step.found.mean,
            decimals=decimals,
        ),
        median_column(decimals=decimals),
        Column(
            heading="Second\nwins (%)",
            name="second_wins_percent",
            compute=lambda step: 100 * step.found.wins,
            decimals=0,
        ),
        *evidence_columns(),
        Column(heading="Published\norder", name="verdict", compute=lambda step: step.verdict),
    )


def _difference(worse: float | None, better: float | None) -> float | None:
    return None if worse is None or better is None else worse - better
