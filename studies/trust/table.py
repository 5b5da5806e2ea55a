"""How often the verdict was right."""

from collections.abc import Sequence
from typing import Any

_HEAD = ("half", "images", "right", "warned of", "wrong", "not warned of", "depth in its interval")


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
    depths = [inside(each) for each in rows if inside(each) is not None and warned(each) is False]
    covered = f"{sum(map(bool, depths))} of {len(depths)}" if depths else "-"
    return [
        half,
        kind,
        *map(str, (len(good), sum(map(warned, good)), len(bad), len(bad) - sum(map(warned, bad)))),
        covered,
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
