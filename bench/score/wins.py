"""Paired wins: in which share of the cases a method has a smaller error than each other one."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import pandas as pd

from bench.score.paired import wins
from bench.score.statistics import Floats, StatisticsError, of_label, text_column, values


@dataclass(frozen=True, slots=True)
class Wins:
    """Of one method.

    Attributes:
        label: Of the method.
        over: Its share of wins, 0 to 1, over each other label; a tie is half a win.
    """

    label: str
    over: dict[str, float]

    @property
    def mean(self) -> float:
        """Over all others; NaN for the only method of a run."""
        return fsum(self.over.values()) / len(self.over) if self.over else float("nan")


def ranked_wins(scores: pd.DataFrame, labels: Sequence[str], metric: str) -> list[Wins]:
    """Of every method, the most wins first; a missing or infinite error loses against every other.

    Args:
        scores: Score rows of a run.
        labels: Of its methods.
        metric: What is compared, smaller being better.

    Raises:
        StatisticsError: The methods were not run on the same cases.
    """
    cases = text_column(of_label(scores, labels[0]), "case_id")
    found: dict[str, Floats] = {}
    for label in labels:
        own = of_label(scores, label)
        if text_column(own, "case_id") != cases:
            raise StatisticsError(f"expected {label} and {labels[0]} on the same cases; let the run finish")
        found[label] = values(own, metric)
    each = [Wins(one, {two: wins(found[one], found[two]) for two in found if two != one}) for one in found]
    return sorted(each, key=lambda row: -row.mean)
