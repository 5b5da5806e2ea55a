"""The measurements as Markdown and as a figure."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

_PLAIN, _FAST = "fluorobench Joseph", "fluorobench separable"
_HEAD = "| projector | CPU ms (range) | wall ms | error | CPU time over Joseph | CPU time over separable |"
_NOTE = """Time of one image on the CPU: processor time and wall time, medians over rounds. In each round every
projector renders the same poses once, so that other load on the machine affects all of them.

* *error*: relative L2 distance to the projector's own image model: trilinear interpolation with fine float64 steps, or
  Siddon's exact paths. On this volume the two models differ by 4e-3 to 8e-3.
* *CPU time over ...*: processor time of that projector divided by ours of the same kind. Plain images are compared with
  plain images; our images with six pose derivatives are compared with the other tools' images with the gradient of one
  scalar.

Ratios carry over to other machines, times do not. `make bench-perf` measures again."""


_SIMILARITIES = "## Similarities\n"


def write(results: Mapping[str, Sequence[Any]], folder: Path, *, median: Callable[[Sequence[float]], float]) -> str:
    """Write ``performance.md`` and ``performance.png``; returns the text."""
    parts = [
        "# Speed of the projector",
        "",
        _machine(),
        "",
        _NOTE,
        "",
        "![Processor time of each projector divided by ours](performance.png)",
        "",
    ]
    for name, rows in results.items():
        parts += [f"## {name}", "", _HEAD, "|---" * 6 + "|", *_lines(rows, median), ""]
    page = folder / "performance.md"
    text = "\n".join(parts) + _kept(page)
    page.write_text(text, encoding="utf-8")
    _draw(results, folder / "performance.png", median)
    return text


def _kept(page: Path) -> str:
    """What the page says of similarities, which is measured elsewhere."""
    before = page.read_text(encoding="utf-8") if page.is_file() else ""
    return "\n" + _SIMILARITIES + rest if (rest := before.partition(_SIMILARITIES)[2]) else ""


def _machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    load = os.getloadavg()[0]
    return f"Measured on {os.cpu_count()} cores of {model}, no GPU; load average {load:.1f} at the end."


def _lines(rows: Sequence[Any], median: Callable[[Sequence[float]], float]) -> list[str]:
    times = {row.label: median(row.cpu_ms) for row in rows}
    lines: list[str] = []
    for row in rows:
        suffix = "" if row.kind == "image" else ", 6 derivatives"
        over = [times[row.label] / times[base + suffix] for base in (_PLAIN, _FAST)]
        spread = f"{min(row.cpu_ms):.1f} to {max(row.cpu_ms):.1f}"
        error = "not compared" if row.error != row.error else f"{row.error:.1e}"
        lines.append(
            f"| {row.label} | {times[row.label]:.1f} ({spread}) | {median(row.wall_ms):.1f} | {error} "
            f"| {over[0]:.1f} | {over[1]:.1f} |"
        )
    return lines


def _draw(results: Mapping[str, Sequence[Any]], path: Path, median: Callable[[Sequence[float]], float]) -> None:
    figure, panels = plt.subplots(1, len(results), figsize=(5.2 * len(results), 4.8), sharey=True, squeeze=False)
    for panel, (name, rows) in zip(panels[0], results.items(), strict=True):
        labels = [row.label for row in rows][::-1]
        times = [median(row.cpu_ms) for row in rows][::-1]
        colours = ["#1b6ca8" if label.startswith("fluorobench") else "#b5b5b5" for label in labels]
        panel.barh(labels, times, color=colours)
        panel.set(xscale="log", xlabel="processor time of one image, ms", title=name)
        for place, value in enumerate(times):
            panel.text(value, place, f" {value:.3g}", va="center", fontsize=7)
        panel.margins(x=0.15)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
