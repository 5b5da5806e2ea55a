"""The rendering budget of each row, without which methods with larger budgets would merely look better."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench import registry
from bench.cases.records import ProblemRecord
from bench.protocol import Protocol
from bench.protocol.model import MethodTable
from bench.run.declared import DeclaredMethod
from bench.score.column import Column
from bench.score.columnar import texts, with_columns

DRR_MOST = "drr_most"


@dataclass(frozen=True, slots=True)
class Allowance:
    """The budget of one registration.

    Attributes:
        max_evaluations: Poses that the method evaluates at most; NaN where it states no limit.
        views: Images rendered for each.
    """

    max_evaluations: float
    views: int


BUDGET_COLUMN: Column[Allowance] = Column(
    name=DRR_MOST,
    heading="DRRs at most",
    definition="Rendered images that the method's settings allow for one case, over all views; absent where they state "
    "no limit.",
    compute=lambda allowance: allowance.max_evaluations * allowance.views,
    decimals=0,
)


def with_budgets(
    rows: pd.DataFrame,
    protocol: Protocol,
    problems: Iterable[ProblemRecord],
    declared: Mapping[str, DeclaredMethod] | None = None,
) -> pd.DataFrame:
    """Rows with the column ``BUDGET_COLUMN``.

    Args:
        rows: Of a run (``bench.score.rows``).
        protocol: What was run.
        problems: Of the run.
        declared: Of methods whose plug-ins are not here, by label (``bench.run.declared``).
    """
    elsewhere = {label: each.max_evaluations for label, each in (declared or {}).items()}
    here = (choice for choice in protocol.methods if choice.label not in elsewhere)
    views = {each.case_id: len(each.views) for each in problems}
    most = {label: float("nan") if most is None else most for label, most in elsewhere.items()}
    most |= {choice.label: max_evaluations(choice) for choice in here}
    (label_codes, labels), (case_codes, cases) = texts(rows, "label"), texts(rows, "case_id")
    seen = np.array([views[name] for name in cases], dtype=np.int64)[case_codes]
    found = np.full(len(rows), np.nan)
    for number, label in enumerate(labels):
        for count in np.unique(seen[label_codes == number]).tolist():
            value = BUDGET_COLUMN.value(Allowance(most[label], count))
            found[(label_codes == number) & (seen == count)] = np.nan if value is None else value
    return with_columns(rows, {BUDGET_COLUMN.name: found})


def max_evaluations(choice: MethodTable) -> float:
    """Poses that a row's method evaluates at most (its ``max_evaluations``); NaN where it states no limit."""
    method = registry.build("methods", choice.plugin, choice.settings, choice.preset)
    most: int | None = getattr(method, "max_evaluations", None)
    return float("nan") if most is None else float(most)
