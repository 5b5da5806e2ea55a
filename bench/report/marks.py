"""Marks behind methods' names: trained or tuned on patients of the table (†), trained on images of another kind (‡).

Weights trained on another population, and weights of no training, are stated in a note without a mark.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pandas as pd

from bench.report.tables import Table, TableRow
from bench.score.caveats import DOMAIN_SHIFT, GIVEN, NO_TRAINING, PROVENANCE, TRAINING_POPULATION
from bench.score.column import Context
from bench.score.statistics import of_label, text_column

_POPULATIONS = "Weights trained on another population than the table's patients: {}."
OVERLAP, OTHER = "†", "‡"
_NOTES = {
    OVERLAP: (PROVENANCE, "{label} was trained or tuned on {some} of these patients: {what}."),
    OTHER: (
        DOMAIN_SHIFT,
        "{label}: {some} of these cases show images of a kind that its weights were not trained on: {what}.",
    ),
}


def marked(table: Table[Context], scores: pd.DataFrame) -> Table[Context]:
    """The table with a mark behind every method that the scores make a reservation about, and a note for each.

    Args:
        table: Its rows name their methods; rows of published values and of bounds have none and stay unmarked.
        scores: Of the run; without the columns of ``bench.score.caveats`` nothing is marked.
    """
    known = dict.fromkeys(text_column(scores, "label")) if {PROVENANCE, DOMAIN_SHIFT} <= set(scores.columns) else {}
    notes = {label: _notes(of_label(scores, label), label) for label in known}
    rows = tuple(_marked(row, notes) for row in table.rows)
    shown = dict.fromkeys(row.method for row in rows if row.method in known)
    found = [note for label in shown for note in notes[label].values()]
    listed = [
        *_listed(scores, shown, NO_TRAINING, "Without training: {}.", "{} ({})"),
        *_listed(scores, shown, GIVEN, "Given more than the moving content: {}.", "{} ({})"),
        *_listed(scores, shown, TRAINING_POPULATION, _POPULATIONS, "{} from {}"),
    ]
    return replace(table, rows=rows, notes=(*table.notes, *found, *listed))


def _marked(row: TableRow[Context], notes: Mapping[str, Mapping[str, str]]) -> TableRow[Context]:
    return row if row.method is None else replace(row, mark="".join(notes.get(row.method, {})))


def _listed(scores: pd.DataFrame, labels: Iterable[str], column: str, note: str, each_as: str) -> list[str]:
    """One note for all methods that a column states something of."""
    found: dict[str, list[str]] = {}
    for label in labels if column in scores.columns else ():
        stated = dict.fromkeys(each for each in text_column(of_label(scores, label), column) if each)
        if stated:
            found.setdefault("; ".join(stated), []).append(label)
    listed = "; ".join(each_as.format(", ".join(some), stated) for stated, some in found.items())
    return [note.format(listed)] if listed else []


def _notes(rows: pd.DataFrame, label: str) -> dict[str, str]:
    """One sentence for each mark that applies: which share of the cases, and what."""
    found: dict[str, str] = {}
    for mark, (column, sentence) in _NOTES.items():
        stated = [each for each in text_column(rows, column) if each]
        if stated:
            some = "all" if len(stated) == len(rows) else "some"
            found[mark] = f"{mark} {sentence.format(label=label, some=some, what='; '.join(dict.fromkeys(stated)))}"
    return found
