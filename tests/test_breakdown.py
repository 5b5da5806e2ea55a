"""Breakdown points of curves whose answer is known."""

import numpy as np
import pytest

from bench.score.breakdown import breakdown, breakdown_point

AWAY = np.array([0.0, 1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    ("success", "strength"),
    [
        ([0.8, 0.8, 0.4, 0.0], 2.0),
        ([0.8, 0.6, 0.2, 0.0], 1.5),
        ([1.0, 0.0, 0.0, 0.0], 0.5),
        ([0.8, 0.7, 0.6, 0.5], np.inf),
        ([0.5, 0.5, 0.5, 0.5], np.inf),
        ([0.0, 0.0, 0.2, 0.0], np.nan),
        # A dip that is made good later is levelled: 0.8, 0.5, 0.5, 0.1.
        ([0.8, 0.2, 0.8, 0.1], 2.5),
    ],
)
def test_half_of_the_successes_are_lost_where_they_are(success: list[float], strength: float) -> None:
    assert breakdown_point(np.array(success), AWAY, "linear") == pytest.approx(strength, nan_ok=True)


def test_a_logarithmic_axis_is_interpolated_in_ratios_also_downwards() -> None:
    dose = np.array([20000.0, 2000.0, 200.0])
    assert breakdown_point(np.array([1.0, 0.75, 0.25]), dose, "log") == pytest.approx(np.sqrt(2000 * 200))
    assert breakdown_point(np.array([1.0, 0.75, 0.25]), dose, "linear") == pytest.approx(1100)


def test_the_interval_resamples_patients_in_the_order_of_departure() -> None:
    # Half of the patients fail at 1, half at 4: a resample with more of one kind breaks down there.
    early, late = np.array([1.0, 0, 0, 0]), np.array([1.0, 1, 1, 0])
    found = breakdown(np.array([early] * 5 + [late] * 5), AWAY, "linear")
    assert found.strength == pytest.approx(1.0)
    assert found.earliest < 1.0 < found.latest
    assert found.latest > 2.0
    dose = breakdown(np.array([early] * 5 + [late] * 5), np.array([100.0, 50.0, 20.0, 10.0]), "log")
    assert dose.earliest > dose.strength > dose.latest
    alike = breakdown(np.array([early] * 10), AWAY, "linear")
    assert (alike.strength, alike.earliest, alike.latest) == (0.5, 0.5, 0.5)


def test_what_outlasts_all_strengths_has_no_end() -> None:
    found = breakdown(np.ones((8, 4)), AWAY, "linear")
    assert (found.strength, found.earliest, found.latest) == (np.inf, np.inf, np.inf)


def test_few_patients_allow_no_interval_and_no_success_no_breakdown() -> None:
    few = breakdown(np.tile([1.0, 1.0, 0.0, 0.0], (5, 1)), AWAY, "linear")
    assert few.strength == pytest.approx(1.5)
    assert np.isnan([few.earliest, few.latest]).all()
    assert np.isnan(breakdown(np.zeros((9, 4)), AWAY, "linear").strength)
