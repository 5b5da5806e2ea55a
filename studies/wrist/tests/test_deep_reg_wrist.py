"""Deep-reg for one patient before real cameras: trained, exported, accepted there and refused elsewhere."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.contract import Acquisition, Outcome, Patient, Problem, Split, View
from bench.geometry import Camera, PoseFrame, StandardView, invert, is_rigid, nominal_pose
from bench.learn import Export, TrainingBudget, export, read_card, scene_of, train
from bench.learn.descent import Descent
from bench.volume import Volume
from bench.volume.content import with_content
from studies.wrist import deep_reg
from studies.wrist.acquired import AcquiredPopulation, AcquiredScene, acquired_scene

DeepRegTrainer: Any = deep_reg.trainer()
DeepRegMethod: Any = deep_reg.method()
CAMERA = Camera.centred(sdd_mm=1000.0, height=64, width=64, spacing_mm=3.0)
WINDOW = Camera.centred(sdd_mm=1000.0, height=32, width=32, spacing_mm=4.0)


def bone() -> Volume:
    i, j, k = np.indices((12, 12, 16)) - 5.5
    inside = (i / 5) ** 2 + (j / 4) ** 2 + (k / 8) ** 2 < 1
    return Volume(np.where(inside, 1000.0, -1000.0).astype(np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))


REFERENCE = nominal_pose(StandardView.AP, np.array(bone().content_centre()), 700.0)


class OnePatient:
    """A dataset of one patient with one X-ray."""

    def patient_ids(self, split: Split) -> tuple[str, ...]:
        return ("one",)

    def patient(self, patient_id: str) -> Patient:
        volume, view = bone(), View(CAMERA, image=np.zeros((64, 64), np.float32))
        return Patient("one", "hash of one", volume, acquisitions=(Acquisition("7", (view,), REFERENCE, None),))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, AcquiredScene]]:
    def load(kind: str, name: str) -> Any:
        return OnePatient

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bench.registry.load", load)
        population = AcquiredPopulation(dataset="one")
        scene = acquired_scene(population, scene_of("wrist", start=None), window=WINDOW, seed=3)

        def one_scene(size: int) -> AcquiredScene:
            return scene

        patched.setattr("studies.wrist.deep_reg.wrist_scene", one_scene)
        trainer = DeepRegTrainer(image=32, longest=16, match=1.0, population=population)
        train(trainer, folder=folder, budget=TrainingBudget(steps=2), background=False)
        export(trainer, Export(folder=folder, to=folder / "weights", command="test"))
    yield folder / "weights", scene
    torch.set_num_threads(before)


def asked(scene: AcquiredScene, camera: Camera = CAMERA) -> Problem:
    set_up, random = scene.set_ups[0], np.random.default_rng(1)
    image = random.random((camera.height, camera.width), dtype=np.float32)
    moving, frame = with_content(bone(), "everything"), PoseFrame(set_up.nominal, set_up.centre)
    start = frame.pose([2.0, 1.0, -2.0, 3.0, -2.0, 5.0])
    view = View(camera, image=image)
    return Problem(
        "one/000", "one", "hash of one", moving, (view,), start, frame.nominal, frame.centre, np.full(6, 15.0), 1
    )


def test_weights_of_a_patient_before_a_camera_are_taken_there(weights: tuple[Path, AcquiredScene]) -> None:
    folder, scene = weights
    card = read_card(folder / "deep_reg_wrist-hash of one.toml")
    assert card.trained_on.patient_specific
    assert [each["name"] for each in card.scene["set_ups"]] == ["7 view 1"]
    method, problem = DeepRegMethod(weights=str(folder)), asked(scene)
    assert method.skip(problem) is None
    found = method.register(problem, method.prepare(problem.volume, problem.views))
    assert is_rigid(found.pose)
    assert found.outcome in (Outcome.CONVERGED, Outcome.BUDGET)
    assert not np.allclose(found.pose, problem.start)


def test_coarse_voxels_come_first_where_there_are_coarser_ones(weights: tuple[Path, AcquiredScene]) -> None:
    folder, scene = weights
    problem, few = asked(scene), Descent(freeze=False, iterations=3)
    counts: list[int] = []
    for coarse in ((), (16, 64), (4, 8)):
        method = DeepRegMethod(weights=str(folder), descent=few, coarse=coarse)
        counts.append(method.register(problem, method.prepare(problem.volume, problem.views)).drr_evaluations)
    assert counts == [3, 3, 9]


def test_the_rig_may_lie_elsewhere(weights: tuple[Path, AcquiredScene]) -> None:
    """Every pose from another origin: the same answer from there."""
    folder, scene = weights
    problem, method = asked(scene), DeepRegMethod(weights=str(folder))
    moved = PoseFrame(np.eye(4), np.zeros(3)).pose([10.0, -20.0, 5.0, 30.0, 40.0, -50.0])
    view = replace(problem.views[0], camera_from_rig=invert(moved))
    other = replace(problem, views=(view,), start=moved @ problem.start, nominal=moved @ problem.nominal)
    prepared = method.prepare(problem.volume, problem.views)
    first, second = (method.register(each, prepared).pose for each in (problem, other))
    np.testing.assert_allclose(moved @ first, second, atol=1e-3)


def test_other_patients_cameras_distances_and_views_are_refused(weights: tuple[Path, AcquiredScene]) -> None:
    folder, scene = weights
    method, problem = DeepRegMethod(weights=str(folder)), asked(scene)
    assert "trained for one alone, not two" in method.skip(replace(problem, patient_id="two", patient_hash="other"))
    assert "calibrated cameras of 7 view 1" in method.skip(asked(scene, CAMERA.binned(2)))
    longer = Camera.centred(sdd_mm=1100.0, height=64, width=64, spacing_mm=3.0)
    assert "calibrated cameras" in method.skip(asked(scene, longer))
    far = problem.nominal.copy()
    far[2, 3] += 200.0
    assert "the nominal pose has" in method.skip(replace(problem, nominal=far))
    assert "one view" in method.skip(replace(problem, views=problem.views * 2))
