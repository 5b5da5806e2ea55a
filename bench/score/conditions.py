"""Success along the factors of ``[stress]``: the condition of every row, and curves of success by factor and method."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.cases.build import case_ids
from bench.protocol import Protocol
from bench.protocol.stress import Condition
from bench.score.breakdown import Breakdown, Floats, Scale, breakdown
from bench.score.columnar import categorical, texts, with_columns
from bench.score.statistics import StatisticsError, of_label, text_column, values

NUMBER, FACTOR, AXIS, SCALE, OWN, STRENGTH = (
    f"stress_{name}" for name in ("condition", "factor", "axis", "scale", "own_strength", "strength")
)
# Kinds of ``bench.score.registration.FAILURES`` that count as success, by criterion.
CRITERIA = {"strict": ("success",), "basin": ("success", "depth_only")}


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Success of one method along one factor.

    Attributes:
        label: Of the method.
        factor: Heading of the factor.
        axis: What its strengths are.
        scale: Of that axis.
        strengths: (n,), the protocol's own one first.
        success: By criterion, (patients, n): share of each patient's cases.
        cases: At each strength.
    """

    label: str
    factor: str
    axis: str
    scale: Scale
    strengths: Floats
    success: dict[str, Floats]
    cases: int

    def share(self, criterion: str) -> Floats:
        """Success over patients, (n,)."""
        return np.asarray(self.success[criterion].mean(axis=0))

    def breakdown(self, criterion: str, *, seed: int = 0) -> Breakdown:
        """Where half of the successes at the own strength are lost."""
        return breakdown(self.success[criterion], self.strengths, self.scale, seed=seed)


def with_conditions(rows: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """The rows of a run with the factor and the strength of each; as they are without ``[stress]``."""
    if not protocol.conditions:
        return rows
    starts = protocol.start.per_patient
    numbers = {
        name: index // starts
        for patient in texts(rows, "patient_id")[1]
        for index, name in enumerate(case_ids(protocol, patient))
    }
    each_condition: Sequence[Condition | None] = (None, *protocol.conditions)
    codes, cases = texts(rows, "case_id")
    number = np.array([numbers[name] for name in cases], dtype=np.int64)[codes]
    columns: dict[str, Any] = {
        NUMBER: number,
        FACTOR: categorical(number, ["" if each is None else each.factor.heading for each in each_condition]),
        AXIS: categorical(number, ["" if each is None else each.factor.axis for each in each_condition]),
        SCALE: categorical(number, ["" if each is None else each.factor.scale for each in each_condition]),
        OWN: np.array([np.nan if each is None else each.factor.own for each in each_condition])[number],
        STRENGTH: np.array([np.nan if each is None else each.level.strength for each in each_condition])[number],
    }
    return with_columns(rows, columns)


def curves(rows: pd.DataFrame, labels: Sequence[str]) -> list[Curve]:
    """Of every factor, in the protocol's order, and method.

    Raises:
        StatisticsError: The run has no ``[stress]``.
    """
    if FACTOR not in rows.columns:
        raise StatisticsError("expected a run of a protocol with a table [stress]; got one without conditions")
    ordered = of_label(rows, labels[0]).sort_values(NUMBER)
    factors = dict.fromkeys(each for each in text_column(ordered, FACTOR) if each)
    return [_curve(of_label(rows, label), label, factor) for factor in factors for label in labels]


def _curve(rows: pd.DataFrame, label: str, factor: str) -> Curve:
    names = np.array(text_column(rows, FACTOR))
    own, stressed = _where(rows, names == ""), _where(rows, names == factor)
    first = float(values(stressed, OWN)[0])
    away = np.unique(values(stressed, STRENGTH))
    strengths = np.array([first, *(away if away[-1] > first else away[::-1])])
    blocks = [own, *(_where(stressed, values(stressed, STRENGTH) == strength) for strength in strengths[1:])]
    success = {
        name: np.stack([_by_patient(each, kinds) for each in blocks], axis=1) for name, kinds in CRITERIA.items()
    }
    axis, scale = (text_column(stressed, name)[0] for name in (AXIS, SCALE))
    return Curve(label, factor, axis, cast("Scale", scale), strengths, success, len(own))


def _where(rows: pd.DataFrame, chosen: NDArray[np.bool_]) -> pd.DataFrame:
    return rows[chosen]


def _by_patient(rows: pd.DataFrame, kinds: Sequence[str]) -> Floats:
    """Share of each patient's cases that ended so, in the order of the patients' names."""
    patients, ended = np.array(text_column(rows, "patient_id")), np.isin(text_column(rows, "failure"), kinds)
    return np.array([float(ended[patients == name].mean()) for name in np.unique(patients)])
