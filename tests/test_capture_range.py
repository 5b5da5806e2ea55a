"""Capture range from rows whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from bench import registry
from bench.protocol import load_protocol
from bench.register import Search
from bench.score.capture_range import MIN_STARTS, fit_success_curve, success_by_bin


def rows(initial: list[float], final: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"initial_mtre_mm": initial, "mtre_mm": final})


def test_the_range_ends_at_the_first_bin_that_is_not_good() -> None:
    initial = [bin_mm + 0.5 for bin_mm in range(4) for _ in range(20)]
    final = [0.1] * 39 + [5.0] + [0.1] * 18 + [5.0, np.nan] + [0.1] * 20  # 100 %, 95 %, 90 %, 100 %
    curve = success_by_bin(rows(initial, final))
    assert curve.starts.tolist() == [20] * 4
    assert curve.successes.tolist() == [20, 19, 18, 20]
    assert curve.range_mm == 2.0
    assert not curve.enough


def test_all_good_reaches_the_end_and_none_is_zero() -> None:
    initial = list(np.repeat([0.5, 1.5], MIN_STARTS))
    good = success_by_bin(rows(initial, [0.0] * 80))
    assert (good.range_mm, good.enough) == (2.0, True)
    assert success_by_bin(rows(initial, [9.0] * 80)).range_mm == 0.0


def test_an_empty_bin_ends_the_range() -> None:
    assert success_by_bin(rows([0.5, 2.5], [0.0, 0.0])).range_mm == 1.0


@pytest.mark.parametrize("profile", ["smoke", "quick", "full"])
def test_every_method_searches_once_and_from_the_start(profile: str) -> None:
    """Of a search from elsewhere, success does not depend on the start, and there is no capture range."""
    searches = [
        built
        for choice in load_protocol("gold-standard", profile).methods
        if isinstance(built := registry.build("methods", choice.plugin, choice.settings, choice.preset), Search)
    ]
    assert len(searches) == 4
    assert all((each.restarts, each.prior) == (1, 0.0) for each in searches)


def test_the_full_profile_has_forty_starts_a_bin() -> None:
    protocol = load_protocol("gold-standard", "full")
    law = protocol.start.used
    assert protocol.start.per_patient % getattr(law, "bins") == 0  # noqa: B009
    assert protocol.cases / getattr(law, "bins") >= MIN_STARTS  # noqa: B009


def test_the_interval_of_the_half_point_hardly_depends_on_the_seed() -> None:
    """With 400 resamples its ends moved by a tenth of its width from seed to seed."""
    numbers = np.arange(60)
    initial = np.random.default_rng(1).uniform(0, 40, numbers.size)
    table = pd.DataFrame({"initial_mtre_mm": initial, "mpd_mm": np.where(initial + 8 * np.sin(numbers) < 20, 0.0, 9.0)})
    table = table.assign(label="A", case_id=[f"{n:03d}" for n in numbers], patient_id=[f"p{n % 10}" for n in numbers])
    found = [fit_success_curve(table, "A", limit_mm=40.0, seed=seed).interval for seed in range(4)]
    width = found[0].high - found[0].low
    assert width > 0
    for ends in ([each.low for each in found], [each.high for each in found]):
        assert np.ptp(ends) < width / 20
