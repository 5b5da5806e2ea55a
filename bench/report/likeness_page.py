"""The comparison as a page: Markdown with its pictures, and every line as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bench.report.files import write_text
from bench.score.likeness_lines import Line

HEADINGS = ("compared", "phantoms", "real CT or published", "distance", "verdict")
_TITLES = {
    "success": "Success against initial error",
    "matched": "Patients matched to the CT",
    "dimensions": "Dimensions",
    "HU": "Tissues",
    "DRR": "Projections",
}
_PICTURES = {
    "success": ("success", "patients"),
    "matched": ("matched_drrs", "matched_success"),
    "dimensions": (),
    "HU": ("hu",),
    "DRR": ("drrs", "drr_statistics"),
}


def cells(line: Line) -> tuple[str, ...]:
    """The printed cells of a line, as ``HEADINGS``."""
    return (line.what, line.phantom, line.real, line.distance, line.verdict)


def verdict(lines: Sequence[Line]) -> str:
    """How many of the judged lines pass, in a sentence."""
    judged = [line for line in lines if line.passed is not None]
    return f"{sum(bool(line.passed) for line in judged)} of {len(judged)} lines pass"


def write_page(
    folder: Path,
    lines: Sequence[Line],
    *,
    title: str,
    notes: Sequence[str],
    asides: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[Path]:
    """Write ``comparison.md`` and ``comparison.csv``.

    Args:
        folder: Where the figures lie too.
        lines: In the order of print.
        title: Of the page.
        notes: Paragraphs above the tables: what was compared, and how.
        asides: Paragraphs after a section's table.
    """
    parts = [f"# {title}", f"**{verdict(lines)}.**", *notes]
    for section, heading in _TITLES.items():
        own = [line for line in lines if line.section == section]
        if own:
            parts += [f"## {heading}: {verdict(own)}", _markdown(own), *asides.get(section, ())]
            there = [name for name in _PICTURES[section] if (folder / f"{name}.png").is_file()]
            parts += [f"![{heading}]({name}.png)" for name in there]
    page = write_text(folder / "comparison.md", "\n\n".join(parts) + "\n")
    return [page, write_text(folder / "comparison.csv", _csv(lines))]


def _markdown(lines: Sequence[Line]) -> str:
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(cells(line) for line in lines)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _csv(lines: Sequence[Line]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["section", *HEADINGS])
    writer.writerows([line.section, *cells(line)] for line in lines)
    return out.getvalue()
