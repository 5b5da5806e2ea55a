"""How much each row was allowed: methods that may render more must not be read as if they were only better."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench import registry
from bench.cases.records import ProblemRecord
from bench.protocol import Protocol
from bench.protocol.model import MethodTable
from bench.score.statistics import text_column

# Rendered images that a method's settings allow for one case, over all views; NaN where it does not say.
DRR_MOST = "drr_most"


def with_budgets(rows: pd.DataFrame, protocol: Protocol, problems: Sequence[ProblemRecord]) -> pd.DataFrame:
    """Rows with the column ``drr_most``.

    Args:
        rows: Of a run (``bench.score.rows``).
        protocol: What was run.
        problems: Of the run.
    """
    views = {each.case_id: len(each.views) for each in problems}
    most = {choice.label: max_evaluations(choice) for choice in protocol.methods}
    pairs = zip(text_column(rows, "label"), text_column(rows, "case_id"), strict=True)
    return rows.assign(**{DRR_MOST: np.array([most[label] * views[case] for label, case in pairs], dtype=np.float64)})


def max_evaluations(choice: MethodTable) -> float:
    """Poses that a row's method evaluates at most (its ``max_evaluations``); NaN where it does not say."""
    method = registry.build("methods", choice.plugin, choice.settings, choice.preset)
    most: int | None = getattr(method, "max_evaluations", None)
    return float("nan") if most is None else float(most)
