"""The loss curve: rows of a CSV file during the training, and a figure."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from bench.files import write_bytes, write_whole

LOSSES, HELD_OUT = "losses.csv", "held_out.csv"
PICTURE = "losses.png"
_DASHES = ("-", "--", ":")
_RATE = "learning rate / first"
_UNITS = {
    "_deg": "angle (deg)",
    "_mm": "length (mm)",
    "_px": "length (pixels)",
    "_percent": "share (%)",
    "_share": "share",
    "_seconds": "time (s)",
}


@dataclass(frozen=True, slots=True)
class Curve:
    """One quantity over the steps."""

    steps: tuple[int, ...]
    values: tuple[float, ...]


class History:
    """Appends rows (step, seconds, figures) to a CSV; on resuming, rows beyond the checkpoint are cut off."""

    def __init__(self, path: Path, *, keep_to_step: int) -> None:
        self._path = path
        rows = [row for row in read_rows(path) if int(row["step"]) <= keep_to_step] if keep_to_step else []
        self._fields = list(rows[0]) if rows else []
        if rows:
            # In one go: a kill meanwhile must not take the curve.
            text = io.StringIO(newline="")
            self._append(text, rows, header=True)
            write_bytes(path, text.getvalue().encode(), durable=True)
        else:
            path.unlink(missing_ok=True)

    def add(self, step: int, seconds: float, figures: Mapping[str, float]) -> None:
        """Append one row."""
        plain = {name: f"{value:.6g}" for name, value in figures.items()}
        self._write({"step": str(step), "seconds": f"{seconds:.1f}", **plain})

    def _write(self, row: Mapping[str, str]) -> None:
        first = not self._fields
        self._fields = self._fields or list(row)
        with self._path.open("a", newline="") as file:
            self._append(file, [row], header=first)

    def _append(self, file: TextIO, rows: Iterable[Mapping[str, str]], *, header: bool) -> None:
        writer = csv.DictWriter(file, self._fields, extrasaction="ignore")
        if header:
            writer.writeheader()
        writer.writerows(rows)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV; none where there is no file. A last line cut off by a power cut is left out."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]


def curves(path: Path) -> dict[str, Curve]:
    """Every column of a history but step and seconds."""
    rows = read_rows(path)
    names = [name for name in (rows[0] if rows else {}) if name not in ("step", "seconds")]
    steps = tuple(int(row["step"]) for row in rows)
    return {name: Curve(steps, tuple(float(row[name]) for row in rows)) for name in names}


def summary(folder: Path, points: int = 12) -> dict[str, list[float]]:
    """The total loss in few numbers: steps, and the mean loss of the interval that ends at each."""
    curve = curves(folder / LOSSES).get("total", Curve((), ()))
    if not curve.steps:
        return {"steps": [], "total": []}
    count = min(points, len(curve.steps))
    ends = [number * len(curve.steps) // count for number in range(count + 1)]
    means = [float(np.mean(curve.values[first:end])) for first, end in pairwise(ends)]
    return {"steps": [float(curve.steps[end - 1]) for end in ends[1:]], "total": [round(mean, 6) for mean in means]}


def draw(folder: Path, title: str) -> Path:
    """Write ``folder/losses.png``: losses above, held-out figures below, a panel for each quantity."""
    from matplotlib.figure import Figure

    both = [("", curves(folder / LOSSES), "loss"), ("held-out patients, ", curves(folder / HELD_OUT), "score")]
    shown = [(f"{what}{name}", each) for what, found, other in both for name, each in by_quantity(found, other).items()]
    figure: Any = Figure(figsize=(10, 3 * max(1, len(shown))), layout="constrained")
    for number, (name, each) in enumerate(shown, start=1):
        axes = figure.add_subplot(len(shown), 1, number)
        _plot(axes, each)
        axes.set(xlabel="step", ylabel=name)
        axes.grid(visible=True, alpha=0.3)
        # Beside the panel: fourteen held-out figures hide the half of what stands within.
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))
    figure.suptitle(title, fontsize="medium")
    return write_whole(folder / PICTURE, lambda part: figure.savefig(part, dpi=110))


def by_quantity(found: Mapping[str, Curve], otherwise: str) -> dict[str, dict[str, Curve]]:
    """Curves that may share an axis: by the unit that ends their names.

    Args:
        found: Curves by name.
        otherwise: What those without a unit are.
    """
    groups = dict[str, dict[str, Curve]]()
    for name, curve in found.items():
        groups.setdefault(_quantity(name) or otherwise, {})[name] = curve
    return groups


def _quantity(name: str) -> str | None:
    """``rotation_deg`` is an angle in degrees; None of a loss, which has no unit."""
    return _RATE if name == "rate" else next((said for end, said in _UNITS.items() if name.endswith(end)), None)


def _plot(axes: Any, each: Mapping[str, Curve]) -> None:
    positive = True
    for number, (name, curve) in enumerate(each.items()):
        smooth = _smooth(curve.values)
        # Colours come round after ten.
        line = "." if len(smooth) == 1 else _DASHES[number // 10 % len(_DASHES)]
        axes.plot(curve.steps, smooth, line, color=f"C{number}", label=name, linewidth=1.2)
        positive = positive and min(smooth) > 0
    if positive:
        axes.set_yscale("log")


def _smooth(values: Iterable[float]) -> list[float]:
    """Running means over a fiftieth of the curve."""
    raw = np.fromiter(values, dtype=np.float64)
    width = max(1, raw.size // 50)
    sums = np.cumsum(np.concatenate([[0.0], raw]))
    first = np.maximum(0, np.arange(raw.size) - width + 1)
    last = np.arange(1, raw.size + 1)
    means: list[float] = ((sums[last] - sums[first]) / (last - first)).tolist()
    return means
