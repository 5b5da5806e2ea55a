"""A phantom in place of the CT: the ratios of 50 % points that differences between patients alone give."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bench.score.capture_range import SuccessCurve, fit_success_curve
from studies.realism.parametric_bootstrap import fit_patients, parametric_bootstrap
from studies.realism.success import parametric_bootstrap_lines

LIMIT = 48.0


def population(count: int, cases: int, spread: float, *, seed: int = 3, intercept: float = 4.0) -> SuccessCurve:
    """Success of patients whose logit is ``intercept`` - 8 x, give or take their own ``spread``."""
    random = np.random.default_rng(seed)
    x = random.uniform(size=(count, cases))
    own = spread * random.normal(size=(count, 1))
    good = random.uniform(size=x.shape) < expit(intercept + own - 8 * x)
    rows = pd.DataFrame(
        {
            "label": "Opt-GC",
            "case_id": [f"{number:05d}" for number in range(x.size)],
            "patient_id": np.repeat([f"p{number:02d}" for number in range(count)], cases),
            "initial_mtre_mm": LIMIT * x.ravel(),
            "mpd_mm": np.where(good.ravel(), 1.0, 30.0),
        }
    )
    return fit_success_curve(rows, "Opt-GC", limit_mm=LIMIT, draws=20)


@pytest.mark.parametrize("spread", [0.0, 1.5])
def test_the_curve_and_the_spread_between_patients_are_found(spread: float) -> None:
    some = population(150, 24, spread)
    owner = np.repeat(np.arange(150), 24)
    intercept, slope, found = fit_patients(some.initial_mm / LIMIT, some.success.astype(float), owner)
    assert intercept == pytest.approx(4, abs=0.4)
    assert slope == pytest.approx(-8, abs=0.6)
    assert found == pytest.approx(spread, abs=0.35)


def test_the_more_people_differ_the_fewer_of_them_pass() -> None:
    ct = population(1, 48, 0.0, seed=5)
    found = [parametric_bootstrap(population(40, 24, spread), ct) for spread in (0.0, 1.0, 2.5)]
    passes = [each.passes for each in found if each is not None]
    widths = [each.ratios.high / each.ratios.low for each in found if each is not None]
    assert passes[0] > 0.85
    assert passes[0] > passes[1] > passes[2] + 0.1
    assert widths[0] < widths[1] < widths[2]
    assert all(each is not None and each.ratios.low < 1 < each.ratios.high for each in found)


def test_the_share_that_passes_is_that_of_further_patients_of_the_population() -> None:
    """Against the truth: patients drawn anew, each in place of the CT with the true 50 % point."""
    ct = population(1, 48, 0.0)
    found = [parametric_bootstrap(population(40, 24, 1.0, seed=seed), ct) for seed in range(8)]
    others = [population(1, 48, 1.0, seed=100 + number).half_mm for number in range(200)]
    truly = np.mean([half > 0 and abs(LIMIT / 2 / half - 1) <= 0.25 for half in others])
    assert np.mean([each.passes for each in found if each is not None]) == pytest.approx(truly, abs=0.08)


def test_a_ct_from_the_population_is_within_its_range_and_there_is_no_criterion() -> None:
    (line,) = parametric_bootstrap_lines([population(12, 12, 1.0)], [population(1, 48, 0.0)])
    assert line.passed is None
    assert line.what == "Opt-GC: the same ratio with a phantom in place of the CT"
    low, high = (float(each) for each in line.phantom.removesuffix(" in 95 of 100 draws").split(" to "))
    assert low < float(line.real) < high


def _ignoring(answer: Callable[[], float], *_: Any) -> float:
    return answer()


def test_a_draw_in_which_the_population_never_reaches_half_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does the criterion itself pass then (``near_enough``)."""
    ours, theirs = population(12, 12, 1.0), population(1, 48, 0.0)
    for end, passes in ((0.999 * LIMIT, 1.0), (LIMIT, 0.0)):
        halves = itertools.cycle((end, 0.9 * LIMIT)).__next__
        monkeypatch.setattr("studies.realism.parametric_bootstrap.half_point", partial(_ignoring, halves))
        found = parametric_bootstrap(ours, theirs)
        assert found is not None
        assert found.passes == passes


def test_without_a_point_or_people_nothing_is_said() -> None:
    ct = population(1, 48, 0.0)
    assert parametric_bootstrap(population(2, 24, 0.0), ct) is None
    assert parametric_bootstrap(population(12, 12, 0.0, intercept=-6.0), ct) is None
    assert parametric_bootstrap_lines([population(2, 24, 0.0)], [ct]) == []
    never = parametric_bootstrap_lines([population(12, 12, 0.5)], [population(1, 48, 0.0, intercept=-6.0)])
    assert [line.real for line in never] == ["–"]
