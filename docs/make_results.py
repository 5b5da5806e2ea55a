"""Write the result table of README.md and the page ``docs/results.md`` from the runs that ``make bench-sim`` leaves.

Usage: ``python docs/make_results.py [MISMATCH_RUN SOPI_SIM_RUN]``; the newest runs of the quick profile under ``runs``
if not given.
"""

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"
BEGIN, END = "<!-- results: docs/make_results.py writes this block -->\n", "<!-- results: end -->\n"
PROTOCOLS = ("mismatch", "sopi-sim")
HEADINGS = (
    *("Method", "Wins %", "Angle deg", "Shift mm", "Fail %", "Time s"),
    *("Match deg", "mm", "Paper deg", "mm"),
)
NOTHING = "–"
_SHIFT = "translation_error_mm_mean"


def main() -> None:
    """Replace the block between the two comments, and write the page."""
    given = [Path(each) for each in sys.argv[1:]]
    realistic, matched = given or [_newest(name) for name in PROTOCOLS]
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}{block(realistic, matched)}{END}{after}", encoding="utf-8")
    PAGE.write_text(page(realistic, matched), encoding="utf-8")


def block(realistic: Path, matched: Path) -> str:
    """Table and caption: the ranking on realistic X-rays, with Table 1 on matched content and the paper beside.

    Args:
        realistic: Folder of a finished run with the report ``ranking``.
        matched: Folder of one with ``sopi_table1``.
    """
    ranking, table1 = _rows(realistic, "ranking"), _rows(matched, "sopi_table1")
    # Controls and settings of other kinds (untrained, single search) stand on the page.
    labels = [each for each in dict.fromkeys([*ranking, *table1]) if "(" not in each and each != "Bound"]
    lines = [f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|"]
    for label in labels:
        cells = [label, *_realistic(ranking.get(label)), *_matched(table1.get(label))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", _caption(realistic, matched)]) + "\n"


def page(realistic: Path, matched: Path) -> str:
    """All rows: the ranking and the matrix of wins on realistic X-rays, then Table 1 on matched content."""
    parts = (
        ("On realistic X-rays", realistic, "ranking"),
        ("Paired wins on realistic X-rays", realistic, "paired_wins"),
        ("SOPI, Table 1: the published reading, on realistic X-rays", realistic, "sopi_table1"),
        ("SOPI, Table 1, on matched content", matched, "sopi_table1"),
        ("Paired wins on matched content", matched, "paired_wins"),
    )
    lines = [
        "# Results of `make bench-sim`",
        "",
        "`docs/make_results.py` writes this page from the runs `mismatch` and `sopi-sim`, profile `quick`.",
        _caption(realistic, matched),
        "",
    ]
    for heading, run, table in parts:
        text = (run / "tables" / f"{table}.md").read_text(encoding="utf-8").strip()
        lines += [f"## {heading}", "", text, ""]
    return "\n".join(lines)


def _newest(protocol: str) -> Path:
    runs = sorted((ROOT / "runs").glob(f"{protocol}-quick-*/truth.jsonl"), key=lambda path: path.stat().st_mtime)
    if not runs:
        sys.exit(f"no finished run of {protocol} under runs; expected the ones of make bench-sim: run it first")
    return runs[-1].parent


def _rows(run: Path, table: str) -> dict[str, Mapping[str, str]]:
    """Rows of a table's CSV by method."""
    with (run / "tables" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return {row["method"]: row for row in csv.DictReader(file)}


def _realistic(row: Mapping[str, str] | None) -> Iterator[str]:
    if row is None:
        yield from (NOTHING,) * 5
        return
    yield f"{float(row['mean_wins_percent']):.0f}"
    for name in ("rotation_error_deg", "translation_error_mm"):
        yield f"{float(row[f'{name}_mean']):.1f} ± {float(row[f'{name}_std']):.1f}"
    share, low, high = (row[f"failure_strict_{end}"] for end in ("percent", "low", "high"))
    yield f"{float(share):.0f}" + (f" [{float(low):.0f}, {float(high):.0f}]" if low and high else "")
    yield _number(row["processor_seconds_median"], 2)


def _matched(row: Mapping[str, str] | None) -> Iterator[str]:
    names = ("rotation_axis_mean_deg_mean", "translation_axis_mean_mm_mean")
    for prefix, digits in (("", 3), ("published_", 2)):
        yield from (NOTHING if row is None else _number(row[prefix + name], digits) for name in names)


def _number(text: str, digits: int) -> str:
    return NOTHING if not text else f"{float(text):.{digits}f}"


def _caption(realistic: Path, matched: Path) -> str:
    """When, where and with which code the runs were made."""
    environment = json.loads((realistic / "environment.json").read_text(encoding="utf-8"))
    day = datetime.fromtimestamp((matched / "truth.jsonl").stat().st_mtime, UTC).date()
    processor = str(environment["processor"]).replace("(R)", "").removesuffix(" Processor")
    hashes = " and ".join(run.resolve().name.rsplit("-", 1)[-1] for run in (realistic, matched))
    return f"*{day}, {processor}, commit {str(environment['commit'])[:9]}, runs {hashes}.*"


if __name__ == "__main__":
    main()
