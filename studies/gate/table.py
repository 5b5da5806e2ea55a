"""The sensitivity table: what was planted, and what the gate reported."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from studies.gate.defects import DEFECTS
from studies.gate.trials import Trial

CLEAN = "clean"


def sensitivity(trials: Sequence[Trial]) -> list[tuple[str, str, str, str]]:
    """A line a defect: its name, whether it was caught, by which rows of how many, and what got worse."""
    lines: list[tuple[str, str, str, str]] = []
    for name in DEFECTS:
        own = [each for each in trials if each.name == name]
        caught = [each for each in own if each.worse]
        if not own:
            continue
        where = ", ".join(f"{each.label} ({each.protocol})" for each in caught)
        lines.append((name, "yes" if caught else "no", f"{where or 'none'} of {len(own)}", _reported(caught)))
    return lines


def _reported(caught: Sequence[Trial]) -> str:
    """The kinds of reports with their numbers."""
    kinds = Counter(each.what.split(" (")[0] for trial in caught for each in trial.worse)
    return ", ".join(f"{kind} {count}" for kind, count in kinds.items())


def time_spreads(trials: Sequence[Trial], protocol: str) -> dict[str, float]:
    """By label, the largest factor between the times of the study's baseline and of its clean repeats."""
    found: dict[str, list[float]] = {}
    for each in trials:
        if each.name.startswith(CLEAN) and each.protocol == protocol:
            for label, ratio in each.ratios.items():
                found.setdefault(label, [1.0]).append(ratio)
    return {label: max(ratios) / min(ratios) for label, ratios in found.items()}


def clean(trials: Sequence[Trial], every: int) -> tuple[int, int, float]:
    """How many clean repeats of all rows there are, how many of all raised an alarm, and the largest ratio of times.

    Args:
        trials: Finished ones.
        every: How many rows the gate has.
    """
    begun = [each for each in trials if each.name.startswith(CLEAN)]
    rows = Counter(each.name for each in begun)
    names = {name for name, count in rows.items() if count == every}
    own = [each for each in begun if each.name in names]
    alarms = {each.name for each in begun if each.worse}
    ratios = [ratio for each in own for ratio in each.ratios.values()]
    return len(names), len(alarms), float(np.max(ratios)) if ratios else float("nan")
