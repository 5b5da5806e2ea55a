"""Benchmarks are held against stored times of the same processor, in units of a kernel that runs beside them."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def compare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare", ROOT / "benchmarks" / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured(seconds: float, unit: float) -> dict[str, object]:
    return {"benchmarks": [{"name": "a", "stats": {"min": seconds}, "extra_info": {"reference_seconds": unit}}]}


def test_load_cancels_and_half_the_speed_does_not(compare: ModuleType) -> None:
    stored = compare.ratios(measured(0.1, 0.01))
    assert compare.slower(compare.ratios(measured(0.18, 0.018)), stored) == []
    assert "2.00 times slower" in compare.slower(compare.ratios(measured(0.2, 0.01)), stored)[0]
    assert compare.slower({}, stored) == ["a: missing"]
    assert compare.slower({"a": float("nan")}, stored)


def test_every_stored_benchmark_is_finite() -> None:
    for path in (ROOT / "tests" / "baselines" / "benchmarks").glob("*.json"):
        stored = json.loads(path.read_text())
        assert stored
        assert all(0 < ratio < 1e6 for ratio in stored.values())
