"""The rows of a run as columns for the page's table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.report.page.data import column_json, guarded, name, script_json
from bench.score.columnar import texts
from bench.score.columns import COLUMNS
from bench.score.images import spread_evenly
from bench.score.registration import RowColumn
from bench.score.statistics import values

# Of the table, at most: a page of more would be slow to open.
MOST_ROWS = 100_000
_TEXTS = {"case_id": "Case", "failure": "Ended in", "outcome": "Outcome", "error": "Message"}
_NUMBERS = (
    *("initial_mtre_mm", "mtre_mm", "mtre_in_plane_mm", "rotation_error_deg", "translation_error_mm"),
    *("in_plane_error_mm", "depth_error_mm", "processor_seconds", "seconds", "drr_evaluations"),
)
_BY_NAME = {each.name: each for each in COLUMNS}


@dataclass(frozen=True, slots=True, eq=False)
class PageRows:
    """What the table holds.

    Attributes:
        json: The columns.
        shown: Rows.
        total: Of the run.
        cases: Numbers of the cases, by their names.
    """

    json: str
    cases: dict[str, int]
    shown: int
    total: int


def page_rows(scores: pd.DataFrame, labels: Sequence[str], pictured: Sequence[str] = ()) -> PageRows:
    """The columns of the table; of a large run, all methods on a part of the cases.

    Args:
        scores: Of the run.
        labels: Of its methods, in its order.
        pictured: Cases that have pictures, which are kept.
    """
    rows = _kept(scores, labels, pictured)
    place = {label: number for number, label in enumerate(labels)}
    codes, names = texts(rows, "label")
    methods = np.array([place[each] for each in names], dtype=np.int64)[codes]
    parts = [_texts_json("method", "Method", methods, [name(each) for each in labels])]
    parts += [_texts_json(key, title, *_coded(rows, key)) for key, title in _TEXTS.items() if rows[key].notna().any()]
    parts += [_numbers_json(_BY_NAME[key], values(rows, key)) for key in _NUMBERS if key in rows.columns]
    cases = {each: number for number, each in enumerate(texts(rows, "case_id")[1])}
    return PageRows("[" + ",".join(parts) + "]", cases, len(rows), len(scores))


def _kept(scores: pd.DataFrame, labels: Sequence[str], pictured: Sequence[str]) -> pd.DataFrame:
    if len(scores) <= MOST_ROWS:
        return scores
    codes, names = texts(scores, "case_id")
    chosen = spread_evenly(names, MOST_ROWS // len(labels)) | set(pictured)
    kept = np.array([each in chosen for each in names])[codes]
    return scores[kept]


def _coded(rows: pd.DataFrame, key: str) -> tuple[NDArray[np.int64], list[str]]:
    """The codes of texts and the texts; absent ones are -1."""
    codes, found = pd.factorize(rows[key])
    return np.asarray(codes, dtype=np.int64), [name(each) for each in found]


def _texts_json(key: str, title: str, codes: NDArray[np.int64], names: Sequence[str]) -> str:
    listed = "[" + ",".join(map(str, codes.tolist())) + "]"
    head = script_json({"key": key, "title": title, "names": list(names)})
    return f'{head[:-1]},"codes":{listed}}}'


def _numbers_json(declared: RowColumn, sample: NDArray[np.float64]) -> str:
    head = script_json({"key": declared.name, "title": declared.title, "help": declared.definition})
    return f'{head[:-1]},"values":{guarded(column_json(sample))}}}'
