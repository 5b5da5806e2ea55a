"""Marks behind methods' names: who met the patients of a table before, and whose weights learnt from other targets."""

from dataclasses import replace

import pandas as pd

from bench.report.tables import METHOD, Table, TableRow
from bench.score.caveats import EXPOSURE, UNLIKE
from bench.score.statistics import of_label, words

MET, OTHER = "†", "‡"
_SAID = {
    MET: (EXPOSURE, "{label} met {some} of these patients before: {what}."),
    OTHER: (UNLIKE, "{label} stands in {some} of these cases on images that its weights did not learn from: {what}."),
}


def marked(table: Table, scores: pd.DataFrame) -> Table:
    """The table with a mark behind every method of which the scores say something, and a note for each.

    Args:
        table: Rows are known by the cell of the column ``method``; rows of published values are left alone.
        scores: Of the run; without the columns of ``bench.score.caveats`` nothing is marked.
    """
    known = dict.fromkeys(words(scores, "label")) if {EXPOSURE, UNLIKE} <= set(scores.columns) else {}
    notes = {label: _notes(of_label(scores, label), label) for label in known}
    where = [column.keys for column in table.columns].index(METHOD)
    rows = tuple(_marked(row, str(row.cells[where][0]), notes) for row in table.rows)
    shown = dict.fromkeys(str(row.cells[where][0]) for row in rows)
    told = [note for label in shown for note in notes.get(label, {}).values()]
    return replace(table, rows=rows, notes=(*table.notes, *told))


def _marked(row: TableRow, label: str, notes: dict[str, dict[str, str]]) -> TableRow:
    published = ("published",) in row.cells
    return row if published else replace(row, mark="".join(notes.get(label, {})))


def _notes(rows: pd.DataFrame, label: str) -> dict[str, str]:
    """By mark, one sentence: of how many cases, and what."""
    found: dict[str, str] = {}
    for mark, (column, sentence) in _SAID.items():
        told = [each for each in words(rows, column) if each]
        if told:
            some = "all" if len(told) == len(rows) else "some"
            found[mark] = f"{mark} {sentence.format(label=label, some=some, what='; '.join(dict.fromkeys(told)))}"
    return found
