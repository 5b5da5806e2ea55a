"""The sensitivity table: what was planted, and what the gate reported."""

from collections.abc import Sequence

import numpy as np

from studies.gate.defects import DEFECTS
from studies.gate.trials import Trial

CLEAN = "clean"


def sensitivity(trials: Sequence[Trial]) -> list[tuple[str, str, str, str]]:
    """A line a defect: its name, whether it was caught, by which protocol, and the rows with what got worse."""
    lines: list[tuple[str, str, str, str]] = []
    for name in DEFECTS:
        own = [each for each in trials if each.name == name]
        caught = [each for each in own if each.worse]
        if not own:
            continue
        where = ", ".join(each.protocol for each in caught or own)
        lines.append((name, "yes" if caught else "no", where, "; ".join(map(_reported, caught))))
    return lines


def _reported(trial: Trial) -> str:
    """Rows that got worse, with the number of reports."""
    labels = dict.fromkeys(each.label for each in trial.worse)
    kinds = dict.fromkeys(each.what.split(" (")[0] for each in trial.worse)
    return f"{', '.join(labels)} ({len(trial.worse)} reports: {', '.join(kinds)})"


def clean(trials: Sequence[Trial]) -> tuple[int, int, float]:
    """Of the clean repeats: how many there are, how many raised an alarm, and the largest ratio of times."""
    own = [each for each in trials if each.name.startswith(CLEAN)]
    names = {each.name for each in own}
    alarms = {each.name for each in own if each.worse}
    ratios = [ratio for each in own for ratio in each.ratios.values()]
    return len(names), len(alarms), float(np.max(ratios)) if ratios else float("nan")
