"""Tables of two runs compared: by metric, by patient and by case."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bench.files import write_text
from bench.report.tables import Table, TableRow
from bench.score.column import Cell, Column, Value
from bench.score.columns import column
from bench.score.compared import FAILED, CaseChange, Change, PatientChange
from bench.score.finished import ScoredRun

Row = TypeVar("Row")

# Cases that are printed and set; the CSV file has all.
SHOWN = 40
_PERCENT = 100
NOTES = (
    "Differences are the first run's value minus the second's: above zero the second is smaller. Medians are over all "
    "cases, a missing pose being infinitely far; of strict failures the share of the cases (%). A missing or infinite "
    "error counts as twice the largest finite one of the two, and loses. Wins and verdict: of the second run.",
    "Difference [95 %]: median of the patients' mean differences, by order statistics. p: exact sign-flip test on "
    "them, none below 6 patients, adjusted for all rows of this table (Holm). Better, worse, faster, slower: p below "
    "0.05. Metrics whose values are all equal are left out.",
)


def changes_table(changes: Sequence[Change], caption: str, notes: Sequence[str] = ()) -> Table[Change]:
    """One row for each method and metric."""
    return _table(
        changes,
        (
            _column("method", "Method", lambda row: row.pair.name),
            _column("metric", "Metric", lambda row: _title(row.metric)),
            _column("first", "First", lambda row: row.first * _scale(row.metric), decimals=2),
            _column("second", "Second", lambda row: row.second * _scale(row.metric), decimals=2),
            Column(
                heading="Difference\n[95 %]",
                name="median",
                further=("low", "high"),
                compute=_median,
                template="{} [{}, {}]",
            ),
            _column("second_wins_percent", "Wins\n(%)", lambda row: _PERCENT * row.found.wins, decimals=0),
            _column("p_holm", "p (Holm)", lambda row: row.found.p_holm),
            _column("verdict", "Verdict", lambda row: row.verdict),
        ),
        caption,
        (*NOTES, *notes),
    )


def patients_table(changes: Sequence[PatientChange], caption: str) -> Table[PatientChange]:
    """One row for each method and patient."""
    return _table(
        changes,
        (
            _column("method", "Method", lambda row: row.pair.name),
            _column("patient_id", "Patient", lambda row: row.patient_id),
            _column("cases", "Cases", lambda row: row.cases),
            *_pair("successes", "successes", "Successes", decimals=0),
            *_pair("mtre_mm", "mtre_mm", "Mean mTRE (mm)"),
            *_pair("seconds", "seconds", "Mean time (s)", decimals=2),
        ),
        caption,
        ("Successes: rotation below 3 deg and displacement below 3 mm. Means are over the poses that exist.",),
    )


def cases_table(changes: Sequence[CaseChange], caption: str) -> Table[CaseChange]:
    """One row for each method and case, in the order given."""
    return _table(
        changes,
        (
            _column("method", "Method", lambda row: row.pair.name),
            _column("case_id", "Case", lambda row: row.case_id),
            _column("what", "Second", lambda row: row.what),
            *_pair("mtre_mm", "mtre_mm", "mTRE (mm)"),
            *_pair("seconds", "seconds", "Time (s)", decimals=2),
            *_pair("outcome", "outcomes", "Outcome"),
        ),
        caption,
        ("Gained and lost: strict successes. Better and worse: by mTRE, both or neither being a success.",),
    )


def most_changed(changes: Sequence[CaseChange]) -> list[CaseChange]:
    """Cases that changed, lost and gained successes first, then those whose mTRE changed most."""
    changed = [each for each in changes if each.what != "same"]
    order = {"lost": 0, "gained": 1}
    return sorted(changed, key=lambda each: (order.get(each.what, 2), -abs(each.gain_mm)))[:SHOWN]


def caption_of(first: ScoredRun, second: ScoredRun, what: str) -> str:
    """Which runs were compared."""
    names = f"first {first.folder.resolve().name}, second {second.folder.resolve().name}"
    return f"{what}: {names}. {second.description}."


def write_cases(folder: Path, changes: Sequence[CaseChange], caption: str) -> list[Path]:
    """Write the cases that changed most as a table, and all of them as its CSV."""
    table = cases_table(most_changed(changes), f"{caption} The {SHOWN} cases that changed most, at most.")
    forms = [path for path in table.write(folder, "compare_cases") if path.suffix != ".csv"]
    return [*forms, write_text(folder / "compare_cases.csv", cases_table(changes, caption).csv())]


def _table(rows: Sequence[Row], columns: tuple[Column[Row], ...], caption: str, notes: tuple[str, ...]) -> Table[Row]:
    return Table(
        columns=columns,
        rows=tuple(TableRow(context=each, ranked=False) for each in rows),
        caption=caption,
        notes=notes,
    )


def _column(
    name: str, heading: str, compute: Callable[[Row], Value], *, decimals: int = 3, group: str = ""
) -> Column[Row]:
    return Column(name=name, heading=heading, compute=compute, decimals=decimals, group=group)


def _pair(name: str, attribute: str, group: str, *, decimals: int = 3) -> tuple[Column[Any], Column[Any]]:
    """Columns of an attribute that holds the value of either run."""

    def of(side: int) -> Callable[[Any], Value]:
        return lambda row: getattr(row, attribute)[side]

    return (
        _column(f"first_{name}", "First", of(0), decimals=decimals, group=group),
        _column(f"second_{name}", "Second", of(1), decimals=decimals, group=group),
    )


def _title(metric: str) -> str:
    return "Failed, strict (%)" if metric == FAILED else column(metric).title


def _scale(metric: str) -> float:
    return _PERCENT if metric == FAILED else 1.0


def _median(row: Change) -> Cell:
    found, scale = row.found, _scale(row.metric)
    if not math.isfinite(found.median):
        return (None, None, None)
    ends = (None, None) if found.interval is None else (found.interval.low * scale, found.interval.high * scale)
    return (found.median * scale, *ends)
