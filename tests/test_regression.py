"""The regression gate lets a healthy run pass and catches planted defects."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench.score.regression as gate
from bench.drr import AttenuationMap, project
from bench.geometry import Camera
from bench.protocol import load_protocol
from bench.run.environment import describe_environment
from bench.run.execute import Execution
from bench.run.journal import Journal
from bench.score.finished import ScoredRun, open_run

DEFECT = """
import dataclasses
import bench.register.objective as objective
from bench import registry
from bench.geometry import Camera

healthy = objective.project

def shifted(attenuation, poses, camera):
    K = camera.K.copy()
    K[:2, 2] += 0.5
    return healthy(attenuation, poses, dataclasses.replace(camera, K=K))

objective.project = shifted
plugin, card = registry.load("methods", "opt_gc"), registry.card("methods", "opt_gc")
"""


def small_run(folder: Path, plugin: str) -> ScoredRun:
    """The regression protocol on one patient and one method, under the label Opt-GC whatever the plug-in."""
    over: dict[str, Any] = {
        "data": {"patients": 1},
        "start": {"per_patient": 2},
        "methods": [{"label": "Opt-GC", "plugin": plugin}],
    }
    protocol = load_protocol("regress", "full", over)
    execution = Execution(protocol)
    list(execution.prepare())
    journal = Journal.open(folder, protocol, describe_environment(), fresh=True)
    list(execution.register(journal))
    return open_run(journal.folder)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> ScoredRun:
    return small_run(tmp_path_factory.mktemp("healthy"), "opt_gc")


@pytest.fixture(scope="module")
def baseline(healthy: ScoredRun) -> gate.Baseline:
    return gate.freeze(healthy)


def test_the_same_run_again_passes(tmp_path: Path, baseline: gate.Baseline) -> None:
    again = gate.freeze(small_run(tmp_path, "opt_gc"))
    patient = again.model_copy(update={"time_ratio": baseline.time_ratio})
    assert gate.compare(patient, baseline) == []


def test_a_baseline_survives_its_file(tmp_path: Path, baseline: gate.Baseline) -> None:
    gate.write_baseline(tmp_path / "b.json", baseline)
    assert gate.read_baselines(tmp_path / "b.json") == gate.read_baselines(tmp_path) == [baseline]
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(gate.BaselineError, match="--update"):
        gate.read_baselines(tmp_path / "b.json")
    (tmp_path / "b.json").unlink()
    for nothing in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(gate.BaselineError, match="no baseline"):
            gate.read_baselines(nothing)


def test_the_baseline_of_the_own_processor_decides(baseline: gate.Baseline) -> None:
    """Elsewhere a row is worse where it is worse than on every known processor."""
    rows = [baseline.rows[0].model_copy(update={"mtre_mm": 9.0}), *baseline.rows[1:]]
    other = baseline.model_copy(update={"rows": rows, "processor": "other"})
    now = baseline.model_copy(update={"rows": rows})
    assert [each.what for each in gate.compare_all(now, [other, baseline])] == ["mtre_mm"]
    assert gate.compare_all(now.model_copy(update={"processor": "third"}), [other, baseline]) == []
    assert gate.compare_all(now.model_copy(update={"processor": "third"}), [baseline]) != []


def test_a_pixel_centre_off_by_half_is_caught(
    tmp_path: Path, baseline: gate.Baseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bench.methods

    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "defect.py").write_text(DEFECT)
    monkeypatch.setenv("FLUOROBENCH_PLUGINS", str(tmp_path))
    monkeypatch.setattr(bench.methods, "__path__", [*bench.methods.__path__, str(tmp_path / "methods")])
    healthy_images = __import__("bench.register.objective", fromlist=["project"]).project
    monkeypatch.setattr("bench.register.objective.project", healthy_images)  # undone here; the worker keeps the defect
    worse = gate.compare(gate.freeze(small_run(tmp_path / "runs", "defect")), baseline)
    assert {each.what for each in worse} & {"in_plane_error_mm", "mtre_mm"}


def test_a_doubled_step_is_caught(healthy: ScoredRun, baseline: gate.Baseline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other sample, each counted twice: no similarity sees it well, the comparison with the oracle does."""

    def doubled(attenuation: AttenuationMap, poses: Any, camera: Camera) -> Any:
        mu = np.zeros_like(attenuation.mu)
        mu[:, ::2] = 2 * attenuation.mu[:, ::2]
        return project(AttenuationMap(mu, attenuation.affine), poses, camera)

    monkeypatch.setattr(gate, "project", doubled)
    worse = gate.compare(gate.freeze(healthy), baseline)
    assert {each.label for each in worse} == {"projector"}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"drr_evaluations": 1}, "DRR evaluations"),
        ({"success": False}, "strict success"),
        ({"rotation_error_deg": 2.0}, "rotation_error_deg"),
        ({"mtre_mm": None}, "mtre_mm"),
    ],
)
def test_a_worse_row_is_named(baseline: gate.Baseline, change: dict[str, Any], what: str) -> None:
    rows = [baseline.rows[0].model_copy(update=change), *baseline.rows[1:]]
    (worse,) = gate.compare(baseline.model_copy(update={"rows": rows}), baseline)
    assert what in worse.what
    assert worse.case_id == baseline.rows[0].case_id


def test_a_missing_row_a_slow_method_and_other_cases(baseline: gate.Baseline) -> None:
    (missing,) = gate.compare(baseline.model_copy(update={"rows": baseline.rows[1:]}), baseline)
    assert missing.now == "missing"
    slow = {label: 3 * ratio for label, ratio in baseline.time_ratio.items()}
    (slower,) = gate.compare(baseline.model_copy(update={"time_ratio": slow}), baseline)
    assert "time" in slower.what
    moved = np.array(baseline.rows[0].start)
    moved[0, 3] += 1
    rows = [baseline.rows[0].model_copy(update={"start": moved.tolist()}), *baseline.rows[1:]]
    with pytest.raises(gate.BaselineError, match="starts elsewhere"):
        gate.compare(baseline.model_copy(update={"rows": rows}), baseline)
