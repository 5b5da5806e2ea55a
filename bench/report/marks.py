"""Marks behind methods' names: who met the patients of a table before, and whose weights learnt from other targets.

Whose weights learnt from other people is a note alone: so do nearly all.
"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from bench.report.tables import METHOD, Table, TableRow
from bench.score.caveats import DOMAIN_SHIFT, PROVENANCE, TRAINING_POPULATION
from bench.score.statistics import of_label, text_column

MET, OTHER = "†", "‡"
_SAID = {
    MET: (PROVENANCE, "{label} met {some} of these patients before: {what}."),
    OTHER: (
        DOMAIN_SHIFT,
        "{label}: {some} of these cases show images of a kind that its weights were not trained on: {what}.",
    ),
}


def marked(table: Table, scores: pd.DataFrame) -> Table:
    """The table with a mark behind every method of which the scores say something, and a note for each.

    Args:
        table: Rows are known by the cell of the column ``method``; rows of published values are left alone.
        scores: Of the run; without the columns of ``bench.score.caveats`` nothing is marked.
    """
    known = dict.fromkeys(text_column(scores, "label")) if {PROVENANCE, DOMAIN_SHIFT} <= set(scores.columns) else {}
    notes = {label: _notes(of_label(scores, label), label) for label in known}
    where = [column.keys for column in table.columns].index(METHOD)
    rows = tuple(_marked(row, str(row.cells[where][0]), notes) for row in table.rows)
    shown = dict.fromkeys(str(row.cells[where][0]) for row in rows)
    told = [note for label in shown for note in notes.get(label, {}).values()]
    people = _of_other_people(scores, [label for label in shown if label in known])
    return replace(table, rows=rows, notes=(*table.notes, *told, *people))


def _marked(row: TableRow, label: str, notes: dict[str, dict[str, str]]) -> TableRow:
    published = ("published",) in row.cells
    return row if published else replace(row, mark="".join(notes.get(label, {})))


def _of_other_people(scores: pd.DataFrame, labels: Sequence[str]) -> list[str]:
    """One note for all methods whose weights learnt from another population than the table's."""
    learnt: dict[str, list[str]] = {}
    for label in labels if TRAINING_POPULATION in scores.columns else ():
        said = dict.fromkeys(each for each in text_column(of_label(scores, label), TRAINING_POPULATION) if each)
        if said:
            learnt.setdefault("; ".join(said), []).append(label)
    told = "; ".join(f"{', '.join(some)} from {said}" for said, some in learnt.items())
    return [f"Weights learnt from other people than the table's: {told}."] if told else []


def _notes(rows: pd.DataFrame, label: str) -> dict[str, str]:
    """By mark, one sentence: of how many cases, and what."""
    found: dict[str, str] = {}
    for mark, (column, sentence) in _SAID.items():
        told = [each for each in text_column(rows, column) if each]
        if told:
            some = "all" if len(told) == len(rows) else "some"
            found[mark] = f"{mark} {sentence.format(label=label, some=some, what='; '.join(dict.fromkeys(told)))}"
    return found
