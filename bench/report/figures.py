"""One style for every figure, and writing it as PDF and PNG, whole or not at all.

Figures are built without pyplot: no global state, no window, no backend to choose.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from textwrap import wrap
from typing import Any, TypeAlias

import matplotlib
from matplotlib.figure import Figure

from bench.files import write_whole

# Matplotlib leaves its keyword arguments untyped; two aliases here instead of an exception at every call.
Axes: TypeAlias = Any

INK, GREY, RULE = "#222222", "#767676", "#D0D0D0"

_matplotlib: Any = matplotlib

# Okabe and Ito's colours, apart for most colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C510A", "#000000")
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "x", "^", "s")

KIND_COLOURS = {"success": "#0072B2", "depth_only": "#E69F00", "wrong_basin": "#C23B22", "no_pose": "#8A8A8A"}
KIND_NAMES = {
    "success": "success",
    "depth_only": "depth only",
    "wrong_basin": "wrong basin",
    "no_pose": "no pose",
}

_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "text.color": INK,
    "text.parse_math": False,  # labels are text, dollar signs and all
    "legend.frameon": False,
    "legend.fontsize": 8,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.6,
    "pdf.fonttype": 42,  # TrueType: text stays text in the PDF
    "savefig.dpi": 200,
}


def grid(rows: int, columns: int, *, width: float, height: float, **options: Any) -> tuple[Figure, list[list[Axes]]]:
    """A figure of rows x columns axes; draw on it within ``house_style``.

    Args:
        rows: Rows of axes.
        columns: Columns of axes.
        width: Inches.
        height: Inches.
        options: Handed to ``Figure.subplots``, such as ``sharex``.

    Returns:
        The figure and its axes, row by row.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    axes: Any = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, [list(row) for row in axes]


def house_style() -> AbstractContextManager[None]:
    """Within it, everything drawn or saved takes the project's style; matplotlib's own settings come back after it."""
    context: AbstractContextManager[None] = _matplotlib.rc_context(_STYLE)
    return context


def line_style(index: int) -> dict[str, Any]:
    """Colour and dash of the n-th method: colours first, then other dashes."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": DASHES[index // len(COLOURS) % len(DASHES)],
    }


def point_style(index: int) -> dict[str, Any]:
    """Colour and marker of the n-th method: colours first, then other markers."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index // len(COLOURS) % len(MARKERS)],
        "linestyle": "none",
    }


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``name``.pdf and ``name``.png, each whole or not at all; equal figures give equal files."""
    saver: Any = figure
    # One layout for both files: matplotlib would draw every figure twice to make it anew.
    saver.draw_without_rendering()
    saver.set_layout_engine(None)
    return [
        write_whole(folder / f"{name}.pdf", lambda part: saver.savefig(part, metadata={"CreationDate": None})),
        write_whole(folder / f"{name}.png", saver.savefig),
    ]


def footnote(figure: Figure, lines: Sequence[str]) -> None:
    """Small print below the axes; nothing overlaps it."""
    letters = round(figure.get_figwidth() * 21)
    text = "\n".join(part for line in lines for part in wrap(line, letters))
    adder: Any = figure
    adder.supxlabel(text, x=0.01, ha="left", fontsize=6.5, color=GREY)
