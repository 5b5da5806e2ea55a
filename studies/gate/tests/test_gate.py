"""Planted defects are there within their context and gone behind it; the table says what caught them."""

import json
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench import registry
from bench.drr import AttenuationMap, project, project_with_jacobian, rendered
from bench.geometry import Camera, StandardView, nominal_pose
from bench.learn.weights import load_weights
from bench.protocol import load_protocol
from bench.register import Search
from bench.run.environment import processor
from bench.score.baseline import read_baselines, write_baseline
from bench.score.regression import Change
from studies.gate.__main__ import give
from studies.gate.defects import DEFECTS, planted
from studies.gate.table import clean, sensitivity, time_spreads
from studies.gate.trials import Gate, Trial, read_trials

ROOT = Path(__file__).parents[3]
CAMERA = Camera.centred(sdd_mm=1000.0, height=24, width=24, spacing_mm=8.0)
POSE = nominal_pose(StandardView.AP, np.zeros(3), 700.0)[None]


def volume() -> AttenuationMap:
    affine = np.diag([6.0, 6.0, 6.0, 1.0])
    affine[:3, 3] = -57
    mu = np.random.default_rng(0).uniform(0, 0.05, (20, 20, 20)).astype(np.float32)
    return AttenuationMap(mu, affine)


def images() -> np.ndarray:
    return project(volume(), POSE, CAMERA).numpy()


def slopes() -> np.ndarray:
    return project_with_jacobian(volume(), POSE, CAMERA, np.zeros(3))[1].numpy()


def levels() -> tuple[int, int]:
    search = Search(similarity="gc")
    return search.restarts, len(search.levels)


def weights() -> torch.Tensor:
    card = ROOT / "methods" / "rtpi" / "weights" / "rtpi.toml"
    version = registry.module("methods", "rtpi").trainer.version
    return next(iter(load_weights(card, method="rtpi", version=version).tensors.values()))


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("half-pixel shift of the detector", images),
        ("doubled step along the rays", images),
        ("sign of one rotation derivative", slopes),
        ("restarts = 1", levels),
        ("second pyramid level lost", levels),
        ("weights of networks perturbed by 1 %", weights),
    ],
)
def test_a_defect_is_there_and_gone_again(name: str, seen: Any) -> None:
    before = seen()
    with planted(name):
        assert not np.array_equal(seen(), before)
    assert np.array_equal(seen(), before)


def test_half_the_speed_renders_twice_and_answers_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    import bench.drr.joseph as joseph

    calls, before, counted = [0], images(), rendered()
    kernel: Any = joseph.render

    def counting(*arguments: Any) -> None:
        calls[0] += 1
        kernel(*arguments)

    monkeypatch.setattr(joseph, "render", counting)
    with planted("kernel at half speed"):
        assert np.array_equal(images(), before)
    assert calls == [2]
    assert rendered() == counted + 1


def test_every_defect_can_be_planted_twice() -> None:
    for name in (*DEFECTS, *DEFECTS):
        with planted(name):
            pass


def test_a_trial_is_kept_and_a_defect_is_reported(tmp_path: Path) -> None:
    over: dict[str, Any] = {"data": {"patients": 1}, "start": {"per_patient": 1}}
    tiny = load_protocol("regress", "full", {**over, "methods": [{"label": "LM", "plugin": "opt_lm"}]})
    gate = Gate(tmp_path, [tiny])
    clean_one = gate.trial("clean 0", "regress", "LM", nullcontext())
    assert not [each for each in clean_one.worse if "time" not in each.what]
    name = "half-pixel shift of the detector"
    found = gate.trial(name, "regress", "LM", planted(name))
    assert {"LM", "projector"} & {each.label for each in found.worse}
    again = Gate(tmp_path, [tiny])
    assert again.trial(name, "regress", "LM", planted(name)) == found
    assert again.rows == [("regress", "LM")]
    assert [each.name for each in read_trials(tmp_path)] == ["clean 0", name]


def test_the_table_lists_what_caught_a_defect() -> None:
    worse = (Change("Opt-GC", "a/0", "mtre_mm", "1", "2"), Change("Opt-GC", "a/1", "mtre_mm", "1", "2"))
    trials = [
        Trial("restarts = 1", "regress", "Opt-GC", worse, {"Opt-GC": 0.5}),
        Trial("kernel at half speed", "regress", "Opt-GC", (), {"Opt-GC": 1.2}),
        Trial("clean 0", "regress", "Opt-GC", (), {"Opt-GC": 1.1}),
        Trial("clean 1", "regress", "Opt-GC", worse, {"Opt-GC": 1.3}),
    ]
    assert json.loads(json.dumps([asdict(each) for each in trials]))
    assert sensitivity(trials) == [
        ("kernel at half speed", "no", "none of 1", ""),
        ("restarts = 1", "yes", "Opt-GC (regress) of 1", "mtre_mm 2"),
    ]
    assert clean(trials, 1) == (2, 1, 1.3)
    more = Trial("clean 1", "regress-networks", "RTPI", (), {})
    assert clean([*trials, more], 2) == (1, 1, 1.3), "a repeat that was stopped between rows is none"
    assert clean(trials, 2)[0] == 0, "neither are repeats that were all stopped in the same place"
    faster = Trial("clean 2", "regress", "Opt-GC", (), {"Opt-GC": 0.65})
    assert time_spreads([*trials, faster], "regress") == {"Opt-GC": 2.0}


def test_rows_that_were_not_repeated_keep_what_their_times_differed_by(tmp_path: Path) -> None:
    source = next((ROOT / "tests" / "baselines" / "regress").glob("regress-networks-*.json"))
    (before,) = read_baselines(source)
    here = before.model_copy(update={"processor": processor(), "time_spread": {"SOPI": 1.2, "RTPI": 1.5}})
    write_baseline(tmp_path / "a.json", here)
    give(tmp_path, [Trial("clean 0", "regress-networks", "RTPI", (), {"RTPI": 2.0})])
    assert read_baselines(tmp_path / "a.json")[0].time_spread == {"SOPI": 1.2, "RTPI": 2.0}
