import threading

import numpy as np
import pytest

from bench.optimise import (
    Box,
    BoxError,
    BudgetError,
    CmaEs,
    EvaluationBudget,
    Objective,
    Optimiser,
    Powell,
    Stop,
    Vector,
    minimise,
)

TARGET = np.array([0.3, -0.2, 0.5])
BOUNDS = np.array([[-1.0, 1.0]] * 3)


def ellipsoid(points: Vector) -> Vector:
    return np.asarray((((points - TARGET) * np.array([1.0, 3.0, 10.0])) ** 2).sum(axis=1))


def cma(seed: int = 1, generations: int = 60, *, lr_adapt: bool = False, population: int = 16) -> CmaEs:
    return CmaEs(
        np.zeros(3),
        bounds=BOUNDS,
        sigma=0.3,
        population=population,
        generations=generations,
        seed=seed,
        x_tolerance=1e-7,
        lr_adapt=lr_adapt,
    )


def powell(sweeps: int = 20) -> Powell:
    return Powell(np.zeros(3), bounds=BOUNDS, sweeps=sweeps)


def threads() -> int:
    return sum(thread.name == "powell" for thread in threading.enumerate())


@pytest.mark.parametrize("optimiser", [cma(), cma(lr_adapt=True, generations=300), powell()])
def test_finds_the_minimum(optimiser: Optimiser) -> None:
    found = minimise(optimiser, ellipsoid, EvaluationBudget())
    np.testing.assert_allclose(found.point, TARGET, atol=1e-3)
    assert found.value == ellipsoid(found.point[None])[0]
    assert found.stop.converged


@pytest.mark.parametrize("make", [cma, powell])
def test_the_best_point_ever_seen_is_returned_with_a_falling_trace(make: type[Optimiser]) -> None:
    seen: list[tuple[float, Vector]] = []

    def spying(points: Vector) -> Vector:
        values: Vector = ellipsoid(points) + 0.1 * np.sin(50 * points).sum(axis=1)
        seen.extend(zip(values.tolist(), points, strict=True))
        return values

    found = minimise(make(), spying, EvaluationBudget(evaluations=300))
    best_value, best_point = min(seen, key=lambda pair: pair[0])
    assert found.value == best_value
    assert np.array_equal(found.point, best_point)
    counts, values = zip(*found.trace, strict=True)
    assert counts[-1] == found.evaluations == len(seen)
    assert list(values) == sorted(values, reverse=True)


@pytest.mark.parametrize("make", [cma, powell])
@pytest.mark.parametrize("evaluations", [1, 16, 37])
def test_a_budget_of_evaluations_is_met_exactly(make: type[Optimiser], evaluations: int) -> None:
    counted: list[int] = []

    def counting(points: Vector) -> Vector:
        counted.append(len(points))
        return ellipsoid(points)

    found = minimise(make(), counting, EvaluationBudget(evaluations=evaluations))
    assert sum(counted) == found.evaluations == evaluations
    assert found.stop is Stop.EVALUATIONS
    assert threads() == 0


def test_a_budget_of_seconds_ends_the_search() -> None:
    assert minimise(cma(generations=10**6), ellipsoid, EvaluationBudget(seconds=1e-9)).stop is Stop.SECONDS


@pytest.mark.parametrize(("evaluations", "seconds"), [(0, None), (None, 0.0), (-3, None)])
def test_a_budget_that_allows_nothing_is_refused(evaluations: int | None, seconds: float | None) -> None:
    with pytest.raises(BudgetError, match="positive"):
        EvaluationBudget(evaluations, seconds)


def test_equal_seeds_give_equal_searches_and_others_do_not() -> None:
    first, again, other = (minimise(cma(seed), ellipsoid, EvaluationBudget(evaluations=100)) for seed in (5, 5, 6))
    assert first.trace == again.trace
    assert np.array_equal(first.point, again.point)
    assert first.trace != other.trace


@pytest.mark.parametrize("make", [cma, powell])
def test_points_stay_within_the_bounds(make: type[Optimiser]) -> None:
    def outwards(points: Vector) -> Vector:
        assert (np.abs(points) <= 1).all()
        return np.asarray(-points.sum(axis=1))

    np.testing.assert_allclose(minimise(make(), outwards, EvaluationBudget(evaluations=800)).point, 1, atol=0.1)


@pytest.mark.parametrize("make", [cma, powell])
def test_points_without_a_value_count_as_the_worst(make: type[Optimiser]) -> None:
    def holed(points: Vector) -> Vector:
        return np.asarray(np.where(points[:, 0] > 0.6, np.nan, ellipsoid(points)), dtype=np.float64)

    found = minimise(make(), holed, EvaluationBudget(evaluations=1500))
    np.testing.assert_allclose(found.point, TARGET, atol=2e-2)


@pytest.mark.parametrize("make", [cma, powell])
def test_no_finite_value_at_all_is_a_divergence_at_the_start(make: type[Optimiser]) -> None:
    found = minimise(make(), lambda points: np.full(len(points), np.nan), EvaluationBudget(evaluations=50))
    assert found.stop is Stop.DIVERGED
    assert not found.stop.converged
    assert np.isnan(found.value)
    assert np.array_equal(found.point, np.zeros(3))


def test_the_start_is_among_the_points() -> None:
    at_best = CmaEs(TARGET, bounds=BOUNDS, sigma=0.5, population=8, generations=1, seed=0)
    assert minimise(at_best, ellipsoid, EvaluationBudget()).value == 0


def test_a_flat_objective_stops_by_its_values() -> None:
    flat = CmaEs(TARGET, bounds=BOUNDS, sigma=0.5, population=8, generations=99, seed=0, f_tolerance=1e-9)
    assert minimise(flat, lambda points: np.zeros(len(points)), EvaluationBudget()).stop is Stop.VALUE


def raising(points: Vector) -> Vector:
    raise ZeroDivisionError("the objective's own error")


@pytest.mark.parametrize("objective", [raising, ellipsoid])
def test_powell_leaves_no_thread_behind(objective: Objective) -> None:
    before = threads()
    if objective is raising:
        with pytest.raises(ZeroDivisionError, match="own error"):
            minimise(powell(), objective, EvaluationBudget())
    else:
        minimise(powell(), objective, EvaluationBudget())
    powell().close()
    assert threads() == before


def test_no_iteration_at_all_stops_at_once() -> None:
    assert cma(generations=0).stop_reason is Stop.ITERATIONS
    assert powell(sweeps=0).stop_reason is Stop.ITERATIONS


def test_a_box_scales_clips_and_freezes() -> None:
    box = Box(np.array([1.0, 2.0, 3.0]), np.array([10.0, 0.0, 2.0]))
    np.testing.assert_allclose(box.to_unit(np.array([6.0, 9.0, 8.0])), [0.5, 0, 1])
    np.testing.assert_allclose(box.from_unit(np.array([0.5, 0.7, -1])), [6, 2, 1])


@pytest.mark.parametrize("half_widths", [[1.0, -1.0], [1.0], [np.inf, 1.0]])
def test_bounds_that_hold_nothing_are_refused(half_widths: list[float]) -> None:
    with pytest.raises(BoxError, match="half-widths"):
        Box(np.zeros(2), np.array(half_widths))
