"""Join the finished rounds under ``runs/peers`` into one table a protocol: ``table.py [PAGE.md]``.

The block between two comments of the page is written; without a page the tables are printed. Rows stand on
identical cases; a round that was not run to its end is left out.
"""

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from rows import OURS, ROWS
from run_rounds import rounds

BEGIN, END = "<!-- peers: peers/table.py writes this block -->\n", "<!-- peers: end -->\n"
_HEADINGS = (
    *("Row", "Cases", "Failures (strict)", "Rotation deg", "Shift mm", "In plane mm", "mTRE mm"),
    *("Processor s", "of it search", "Renderings"),
)
_ERRORS = ("rotation_error_deg", "translation_error_mm", "in_plane_error_mm", "mtre_mm")
_COST = re.compile(r"^start ([\d.]+) search ([\d.]+) renderings (\d+)$", re.MULTILINE)
_NOTHING = "–"


def scores(protocol: str) -> pd.DataFrame:
    """One row a registration of all finished rounds, with the search's own processor time as ``search_seconds``."""
    found = [_with_search(folder) for folder in rounds(protocol)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _with_search(folder: Path) -> pd.DataFrame:
    rows = pd.read_parquet(folder / "scores.parquet").astype({"label": str})
    rows["search_seconds"] = float("nan")
    for label in {row.label for row in ROWS} & set(rows["label"]):
        printed = [_COST.findall(path.read_text(errors="replace")) for path in _output(folder, label)]
        for name, column in (("search_seconds", 1), ("drr_evaluations", 2)):
            told = [float(each[column]) for costs in printed for each in costs]
            rows.loc[rows["label"] == label, name] = pd.Series(told, dtype=float).median()
    return rows


def _output(folder: Path, label: str) -> Iterator[Path]:
    """What the program of a row printed: the file is named after the label, perhaps with a checksum behind it."""
    plain = re.sub(r"[^\w+-]+", "-", label).strip("-")
    pattern = re.compile(rf"{re.escape(plain)}(-[0-9a-f]{{6}})?\.txt")
    return (path for path in (folder / "output").glob("*.txt") if pattern.fullmatch(path.name))


def table(protocol: str) -> list[str]:
    """Markdown lines; medians over all cases, a case without a pose counts as a failure and has no error."""
    rows = scores(protocol)
    lines = [f"| {' | '.join(_HEADINGS)} |", "|---" * len(_HEADINGS) + "|"]
    labels = [*OURS[protocol], *(row.label for row in ROWS)]
    lines += [_line(label, rows[rows["label"] == label]) for label in labels if (rows["label"] == label).any()]
    return lines


def _line(label: str, rows: pd.DataFrame) -> str:
    failed = int((~rows["success_strict"].astype(bool)).sum())
    medians = [rows[name].median() for name in _ERRORS]
    errors = [_NOTHING if pd.isna(median) else f"{median:.2f}" for median in medians]
    costs = [rows["processor_seconds"].median(), rows["search_seconds"].median()]
    shown = [_NOTHING if pd.isna(cost) else f"{cost:.2g}" if cost < 1 else f"{cost:.1f}" for cost in costs]
    renderings = rows["drr_evaluations"].median()
    cells = [label, str(len(rows)), f"{failed} of {len(rows)}", *errors, *shown]
    return f"| {' | '.join([*cells, f'{renderings:.0f}' if renderings else _NOTHING])} |"


def block() -> str:
    """Tables of all protocols that have a finished round, with machine and date."""
    parts: list[str] = []
    for protocol in OURS:
        if found := rounds(protocol):
            parts += [f"### `{protocol}`", "", *table(protocol), "", _machine(found), ""]
    return "\n".join(parts)


def _machine(folders: list[Path]) -> str:
    here = json.loads((folders[-1] / "environment.json").read_text())
    day = datetime.fromtimestamp(max(path.stat().st_mtime for path in folders), tz=UTC).date()
    return f"{here['processor']}, one thread, {day}; {len(folders)} round(s)."


def write(page: Path) -> None:
    """Replace the block of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{block()}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def main() -> None:
    """Print the tables, or write them into a page."""
    if len(sys.argv) == 1:
        print(block())  # noqa: T201
        return
    write(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
