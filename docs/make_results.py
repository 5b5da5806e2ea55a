"""Write the result table of README.md from a finished run of the protocol ``sopi-sim``.

Usage: ``python docs/make_results.py [RUN]``; RUN is ``runs/latest`` if not given.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- results: docs/make_results.py writes this block -->\n", "<!-- results: end -->\n"
# Heading in README.md: heading of the column in tables/sopi_table1.md.
COLUMNS = {
    "Method": "Method",
    "Rotation (deg)": "Ours: Rotation (deg)",
    "Translation (mm)": "Ours: Translation (mm)",
    "Failed (%)": "Ours: Failure (%)",
    "Time (s)": "Ours: Time (s)",
    "Paper (deg)": "Published: Rotation (deg)",
    "Paper (mm)": "Published: Translation (mm)",
}


def main() -> None:
    """Replace the block between the two comments."""
    run = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/latest")
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}{block(run)}{END}{after}", encoding="utf-8")


def block(run: Path) -> str:
    """Table and caption.

    Args:
        run: Folder of a finished run with the report ``sopi_table1``.
    """
    head, *rows = _cells((run / "tables" / "sopi_table1.md").read_text(encoding="utf-8"))
    places = [head.index(column) for column in COLUMNS.values()]
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    lines += [f"| {' | '.join(row[place].replace('**', '') for place in places)} |" for row in rows]
    return "\n".join([*lines, "", *_caption(run)]) + "\n"


def _cells(table: str) -> list[list[str]]:
    """Cells of the heading and of every row of a Markdown table."""
    lines = [line for line in table.splitlines() if line.startswith("|") and not line.startswith("| :")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def _caption(run: Path) -> list[str]:
    """When, where and with which code the run was made."""
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    day = datetime.fromtimestamp((run / "truth.jsonl").stat().st_mtime, UTC).date()
    # Intel's full name would make the line longer than a line of README.md may be.
    processor = str(environment["processor"]).replace("(R)", "").removesuffix(" Processor")
    where = f"{environment['cores']} cores of {processor}"
    commit, run_hash = str(environment["commit"])[:9], run.resolve().name.rsplit("-", 1)[-1]
    return [f"*{day}, {where}, commit {commit}, run {run_hash}. Paper: for orientation only.*"]


if __name__ == "__main__":
    main()
