"""A calibration from answers whose law is known."""

from typing import Any

import numpy as np
import pytest

from studies.confidence.calibrate import calibrated


def answers(count: int, seed: int) -> list[dict[str, Any]]:
    """Right with a probability that falls with one feature, and errors of twice their deviations."""
    random = np.random.default_rng(seed)
    cost, other = random.normal(size=count), random.normal(size=count)
    right = random.uniform(size=count) < 1 / (1 + np.exp(-(1.0 - 2.0 * cost)))
    return [
        {
            "protocol": "mismatch",
            "right": bool(each),
            "features": {"log_cost_64": float(a), "basins": float(b)},
            "errors": (2.0 * random.normal(size=6)).tolist(),
        }
        for each, a, b in zip(right, cost, other, strict=True)
    ]


def test_the_law_is_found_again() -> None:
    known = calibrated(answers(4000, 0), "a test")
    for cost in (-1.0, 0.0, 1.0):
        true = 1 / (1 + np.exp(-(1.0 - 2.0 * cost)))
        assert known.probability({"log_cost_64": cost, "basins": 0.3}) == pytest.approx(true, abs=0.04)
    np.testing.assert_allclose(known.factors, 2.0, rtol=0.1)


def test_answers_that_are_all_right_are_no_certainty() -> None:
    rows = [{**row, "right": True} for row in answers(98, 1)]
    known = calibrated(rows, "a test")
    assert known.highest == pytest.approx(0.99)
    assert 0.9 < known.probability({"log_cost_64": 0.0, "basins": 0.0}) <= 0.99
