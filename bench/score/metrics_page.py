"""The reference page of all columns of the score rows, made from their declarations."""

from collections.abc import Iterable, Iterator
from typing import Any

from bench.score.budgets import BUDGET_COLUMN
from bench.score.caveats import CAVEAT_COLUMNS
from bench.score.column import Column, Reading
from bench.score.columns import COLUMNS, KEY_COLUMNS
from bench.score.images import IMAGE_COLUMNS, TRUTH_PREFIX

_INTRODUCTION = """\
The rows of `scores.parquet` hold one registration each, with the columns below. Tables take headings, units, decimals
and direction from the same declarations (`bench.score.columns`, `bench.score.images`), which also hold the functions
that compute the values.

Two readings are kept apart. *Audited* columns use sound definitions. *Paper* columns use the definitions of the paper
that they are compared with, so that a number can be printed next to the published one. A value that is absent is NaN: a
registration without a pose keeps its row, without errors and without success.
"""
_IMAGES = (
    "Computed where the protocol sets `scoring.images`, from the target and the moving volume rendered at the answer. "
    f"With the prefix `{TRUTH_PREFIX}` the same columns hold the scores of the true pose."
)


# Title, text and columns of each section.
SECTIONS: tuple[tuple[str, str, tuple[Column[Any], ...]], ...] = (
    ("Identity of a row", "", KEY_COLUMNS),
    ("Errors, success and cost", "", (*COLUMNS, BUDGET_COLUMN)),
    ("Image scores", _IMAGES, IMAGE_COLUMNS),
    ("Reservations", "Tables print them as marks behind a method's name, and as notes.", CAVEAT_COLUMNS),
)


def metrics_page() -> str:
    """The page as Markdown."""
    parts = ["# Metrics", "", _INTRODUCTION]
    for title, text, columns in SECTIONS:
        parts += [f"## {title}", "", *([text, ""] if text else []), *_table(columns), ""]
    return "\n".join(parts).rstrip() + "\n"


def _table(columns: Iterable[Column[Any]]) -> Iterator[str]:
    yield "| column | heading | unit | definition | reading | better |"
    yield "|---|---|---|---|---|---|"
    for declared in columns:
        cells = (declared.heading, declared.unit, declared.definition)
        heading, unit, definition = (_escaped(cell) for cell in cells)
        reading = str(Reading(declared.reading).value)
        yield f"| `{declared.name}` | {heading} | {unit} | {definition} | {reading} | {_direction(declared)} |"


def _direction(declared: Column[Any]) -> str:
    if declared.smaller_is_better is None:
        return ""
    return "smaller" if declared.smaller_is_better else "larger"


def _escaped(text: str) -> str:
    for sign in ("|", "*", "_", "<"):
        text = text.replace(sign, f"\\{sign}")
    return text
