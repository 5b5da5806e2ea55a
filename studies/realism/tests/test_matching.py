"""Matched patients: the nearest are chosen whatever their order, and an outlier is reported."""

from collections.abc import Sequence

import numpy as np
import pytest

from studies.realism.ct_statistics import CLUTTER, SIZE, CtStatistics, clutter
from studies.realism.matching import COVARIATES, PROPERTIES, MatchingError, match


def seen(name: str, values: Sequence[float]) -> CtStatistics:
    """Statistics that hold the covariates alone."""
    scalars = dict(zip(COVARIATES, values, strict=True))
    return CtStatistics(patient_id=name, scalars=scalars, curves={}, positions={}, images={})


def pool(count: int = 40) -> list[CtStatistics]:
    table = np.random.default_rng(0).normal(size=(count, len(COVARIATES))) * np.arange(1, len(COVARIATES) + 1)
    return [seen(f"p{index:02d}", row.tolist()) for index, row in enumerate(table)]


def values(statistics: CtStatistics) -> list[float]:
    return [statistics.scalars[name] for name in COVARIATES]


def test_the_twin_is_the_nearest_and_distances_rise() -> None:
    patients = pool()
    found = match(patients, seen("ct", values(patients[17])), count=5)
    assert found.chosen[0] == "p17"
    assert found.distances[0] == 0
    assert list(found.distances) == sorted(found.distances)
    assert len(found.chosen) == 5
    assert found.reach == pytest.approx(np.mean(found.distances[:5]))
    assert found.resembled


def test_the_order_of_the_pool_changes_nothing() -> None:
    patients, real = pool(), seen("ct", [0.3] * len(COVARIATES))
    order: list[int] = np.random.default_rng(1).permutation(len(patients)).tolist()
    shuffled = [patients[index] for index in order]
    assert match(patients, real, count=6) == match(shuffled, real, count=6)


def test_units_change_nothing() -> None:
    patients, real = pool(), seen("ct", [0.3] * len(COVARIATES))
    scale = np.geomspace(1e-3, 1e3, len(COVARIATES))
    other = match(
        [seen(each.patient_id, (np.array(values(each)) * scale + 7).tolist()) for each in patients],
        seen("ct", (0.3 * scale + 7).tolist()),
        count=6,
    )
    assert other.order == match(patients, real, count=6).order


def test_a_standard_deviation_in_everything_is_a_distance_of_one() -> None:
    patients = pool()
    spread = np.std([values(each) for each in patients], axis=0, ddof=1)
    found = match(patients, seen("ct", (np.array(values(patients[3])) + spread).tolist()), count=1)
    assert dict(zip(found.order, found.distances, strict=True))["p03"] == pytest.approx(1.0)


def test_ideas_weigh_alike_however_many_measures_they_have() -> None:
    patients = pool()
    spread = dict(zip(COVARIATES, np.std([values(each) for each in patients], axis=0, ddof=1), strict=True))
    found: list[float] = []
    for names in PROPERTIES.values():
        moved = {**patients[3].scalars, **{name: patients[3].scalars[name] + spread[name] for name in names}}
        result = match(patients, seen("ct", [moved[name] for name in COVARIATES]), count=1)
        found.append(dict(zip(result.order, result.distances, strict=True))["p03"])
    np.testing.assert_allclose(found, np.sqrt(1 / len(PROPERTIES)))


def test_a_stranger_is_reported_as_one() -> None:
    patients = pool()
    found = match(patients, seen("ct", [20.0 * (index + 1) for index in range(len(COVARIATES))]), count=5)
    assert found.percentile == 1.0
    assert not found.resembled
    assert found.reach > max(found.own)


def test_the_table_of_covariates_has_all_sides() -> None:
    patients, real = pool(), seen("ct", [0.3] * len(COVARIATES))
    found = match(patients, real, count=4)
    by_name = {each.patient_id: each for each in patients}
    first = found.covariates[0]
    assert first.name == COVARIATES[0]
    assert first.real == 0.3
    assert first.mean == pytest.approx(np.mean([values(each)[0] for each in patients]))
    assert first.chosen == pytest.approx(np.mean([values(by_name[name])[0] for name in found.chosen]))


def test_who_could_not_be_measured_is_not_chosen() -> None:
    patients, blind = pool(), seen("blind", [np.nan] * len(COVARIATES))
    assert "blind" not in match([*patients, blind], seen("ct", [0.0] * len(COVARIATES)), count=5).order


def test_pools_that_cannot_be_matched_from_are_one_clear_line() -> None:
    real = seen("ct", [0.0] * len(COVARIATES))
    with pytest.raises(MatchingError, match="more than 6 phantoms to choose 6 from; got 5"):
        match(pool(5), real, count=6)
    with pytest.raises(MatchingError, match="could not be measured"):
        match(pool(), seen("ct", [np.nan] * len(COVARIATES)), count=6)
    with pytest.raises(MatchingError, match="the same in the whole pool"):
        match([seen(f"p{index}", [1.0] * len(COVARIATES)) for index in range(9)], real, count=6)


def test_clutter_is_soft_edges_over_the_spines_own() -> None:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    spine = np.where(np.abs(columns - SIZE // 2) < 24, 1.0, 0.0).astype(np.float32)
    waves = np.sin(2 * np.pi * rows / 64).astype(np.float32)
    faint, strong = (clutter(4 + height * waves + spine, 4 + height * waves) for height in (0.1, 0.2))
    assert strong - faint == pytest.approx(np.log10(4), abs=1e-4)
    assert np.isnan(clutter(4 + waves, 4 + waves))
    assert CLUTTER in COVARIATES
