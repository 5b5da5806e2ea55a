"""How often the verdict was right."""

from collections.abc import Sequence
from typing import Any

from scipy.stats import binomtest

_HEAD = (
    "starts",
    "images",
    "right",
    "warned of",
    "wrong",
    "not warned of",
    "by more than 2 mm",
    "depth in its interval",
)
# What a trusted answer may be off without harm; the ties of the images are narrower, or as wide.
_FAR_MM = 2.0


def right(row: dict[str, Any]) -> bool:
    """Whether the answer is: within the tie, and, of one view, within the depth interval that it states."""
    return bool(row["error_mm"] <= row["tie_mm"]) and inside(row) is not False


def inside(row: dict[str, Any]) -> bool | None:
    """Whether the true depth lies in the stated interval; None for several views."""
    interval = row["depth_interval_mm"]
    return None if interval is None else bool(interval[0] <= row["true_depth_mm"] <= interval[1])


def warned(row: dict[str, Any]) -> bool:
    """Whether ``register`` would end with status 3."""
    return bool(row["trust"] != "trusted")


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line for each kind of image, and one for all of either half."""
    groups = dict[tuple[str, str], list[dict[str, Any]]]()
    for row in rows:
        for kind in (f"{row['name'].split()[0]}, {'one view' if row['views'] == 1 else 'two views'}", "all"):
            groups.setdefault((row["half"], kind), []).append(row)
    lines = [_line(_HEAD), _line(["---"] * len(_HEAD))]
    return "\n".join([*lines, *(_line(_cells(*key, group)) for key, group in sorted(groups.items()))])


def _cells(half: str, kind: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    good, bad = [each for each in rows if right(each)], [each for each in rows if not right(each)]
    passed = [each for each in bad if not warned(each)]
    depths = [inside(each) for each in rows if inside(each) is not None and not warned(each)]
    return [
        half,
        kind,
        str(len(good)),
        _share(sum(map(warned, good)), len(good)),
        str(len(bad)),
        _share(len(passed), len(bad)),
        str(sum(each["error_mm"] > _FAR_MM for each in passed)),
        f"{sum(map(bool, depths))} of {len(depths)}" if depths else "-",
    ]


def _share(count: int, of: int) -> str:
    """A count with its Clopper-Pearson interval of 95 %."""
    if not of:
        return "-"
    found = binomtest(count, of).proportion_ci(0.95, method="exact")
    return f"{count} ({100 * found.low:.0f} to {100 * found.high:.0f} %)"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
