"""Training for acquired set-ups: windows, nominal poses, placements, and the real wrist where it is."""

import os
from typing import Any

import numpy as np
import pytest
import torch

from bench.cases import scene as scenes
from bench.contract import Acquisition, Patient, Split, View
from bench.drr import AttenuationMap, project
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, nominal_pose, rotation_angle_deg, transform_points
from bench.learn import Library, Source, TrainingError
from bench.protocol import load_protocol
from bench.volume import Volume
from studies.wrist.acquired import (
    AcquiredPatient,
    AcquiredPopulation,
    AcquiredScene,
    acquired_scene,
    placed,
    placements,
)
from studies.wrist.radius import wrist_scene
from studies.wrist.window import aimed, through

CAMERA = Camera.centred(sdd_mm=1000.0, height=96, width=96, spacing_mm=2.0)
WINDOW = Camera.centred(sdd_mm=1000.0, height=48, width=48, spacing_mm=2.5)
PLAIN = scenes.scene_of("wrist", start=None)
SECOND = PoseFrame(np.eye(4), np.zeros(3)).pose([0.0, 90.0, 0.0, -700.0, 0.0, 700.0])
wrist = pytest.mark.skipif("FLUOROBENCH_DATA" not in os.environ, reason="FLUOROBENCH_DATA is not set")


def ball(radius: float = 15.0) -> Volume:
    i, j, k = np.indices((24, 24, 24)) - 11.5
    inside = (2 * i) ** 2 + (3 * j) ** 2 + (2 * k) ** 2 < radius**2
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    return Volume(np.where(inside, 1000.0, -1000.0).astype(np.float32), affine)


class OnePatient:
    """A dataset of one patient with two X-rays."""

    def __init__(self, reference: Matrix | None) -> None:
        self.reference = reference

    def patient_ids(self, split: str) -> tuple[str, ...]:
        return ("one",)

    def patient(self, patient_id: str) -> Patient:
        volume, image = ball(), np.zeros((96, 96), np.float32)
        valid = np.ones((96, 96), np.bool_)
        valid[70:] = False
        views = (View(CAMERA, image=image), View(CAMERA, SECOND, image, valid))
        acquisition = Acquisition("0007", views, self.reference, None)
        return Patient("one", volume.fingerprint(), volume, acquisitions=(acquisition,))


def one_patient(monkeypatch: pytest.MonkeyPatch, reference: Matrix | None) -> None:
    def load(kind: str, name: str) -> Any:
        return lambda: OnePatient(reference)

    monkeypatch.setattr("bench.registry.load", load)


@pytest.fixture
def population(monkeypatch: pytest.MonkeyPatch) -> AcquiredPopulation:
    reference = nominal_pose(StandardView.AP, np.array(ball().content_centre()), 700.0)
    one_patient(monkeypatch, reference)
    return AcquiredPopulation(dataset="one")


def scene_of(population: AcquiredPopulation, **more: Any) -> AcquiredScene:
    return acquired_scene(population, PLAIN, window=WINDOW, seed=3, **more)


def test_a_window_sees_what_the_turned_camera_would_see() -> None:
    volume = AttenuationMap.from_volume(ball())
    centre = np.array(ball().content_centre())
    pose = nominal_pose(StandardView.AP, centre, 700.0)
    pose[:3, 3] += [25.0, -28.0, 0.0]
    image = project(volume, pose[None], CAMERA)[0, 0].numpy()
    turn = aimed(transform_points(pose, centre))
    seen = through(View(CAMERA, image=image), turn, WINDOW)
    wanted = project(volume, (turn @ pose)[None], WINDOW)[0, 0].numpy()
    assert seen.image is not None
    assert np.corrcoef(seen.image.ravel(), wanted.ravel())[0, 1] > 0.998
    assert abs(seen.image.sum() / wanted.sum() - 1) < 0.01
    np.testing.assert_allclose(transform_points(turn @ pose, centre)[:2], 0, atol=1e-9)


def test_a_turned_camera_keeps_the_place_and_distance_of_what_it_sees() -> None:
    point = np.array([35.0, -40.0, 700.0])
    turn = aimed(point)
    np.testing.assert_allclose(turn[:3, :3] @ point, np.linalg.norm(point) * np.array([0.0, 0.0, 1.0]), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(turn), 1.0)
    np.testing.assert_allclose(aimed(np.array([0.0, 0.0, 5.0])), np.eye(4), atol=1e-12)


def test_a_window_beyond_the_xray_is_air_and_not_valid() -> None:
    image, valid = np.ones((96, 96), np.float32), np.ones((96, 96), np.bool_)
    valid[:, 60:] = False
    seen = through(View(CAMERA, image=image, valid=valid), aimed(np.array([30.0, 0.0, 700.0])), WINDOW)
    assert seen.image is not None
    assert seen.valid is not None
    assert 0 < seen.valid.mean() < 0.9
    np.testing.assert_array_equal(seen.image[~seen.valid], 0)
    np.testing.assert_allclose(seen.image[seen.valid], 1, atol=1e-6)


def test_nominal_poses_are_not_the_reference_but_within_the_law_of_it(population: AcquiredPopulation) -> None:
    scene = scene_of(population)
    assert [each.name for each in scene.set_ups] == ["0007 view 1", "0007 view 2"]
    for each, rig in zip(scene.set_ups, (np.eye(4), SECOND), strict=True):
        reference = rig @ nominal_pose(StandardView.AP, np.array(ball().content_centre()), 700.0)
        theta = PoseFrame(each.nominal, each.centre).parameters(reference)
        assert 1 < np.abs(theta).max() <= 10
    assert scene_of(population, images=("0007 view 2",)).set_ups[0].name == "0007 view 2"


def test_problems_are_drawn_before_each_set_up(population: AcquiredPopulation) -> None:
    scene = scene_of(population)
    library = Library(population, scene, background=False)
    source = Source(library, seed=1, step=0, split=Split.TRAIN, device=torch.device("cpu"))
    patient = source.patients(1)[0]
    both = placements(patient, scene)
    assert len(both) == 2
    for each in both:
        problems = source.problems(each, 3)
        assert problems.images.shape == (3, 1, 48, 48)
        np.testing.assert_allclose(each.frame.centre_in_rig[:2], 0, atol=1e-9)
        assert np.abs(problems.truth).max() <= 10
    seen = both[1]
    assert isinstance(seen, AcquiredPatient)
    masked = seen.masked(torch.ones(2, 1, 24, 24))
    assert 0 < float(masked.mean()) < 1
    drawn = {placed(patient, scene, np.random.default_rng(seed)).frame.nominal[0, 3] for seed in range(20)}
    assert len(drawn) == 2
    assert placed(patient, PLAIN, np.random.default_rng(0)) is patient


def test_xrays_without_reference_or_name_are_refused(
    population: AcquiredPopulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrainingError, match="0009 view 1"):
        scene_of(population, images=("0009 view 1",))
    one_patient(monkeypatch, None)
    with pytest.raises(TrainingError, match="reference"):
        scene_of(AcquiredPopulation(dataset="one"))


@wrist
def test_set_ups_are_those_of_the_protocol_s_cases() -> None:
    from bench.cases.build import build_case
    from bench.cases.prepare import load_patient, open_dataset

    protocol = load_protocol("wrist", "quick")
    dataset = open_dataset(protocol)
    staged = load_patient(protocol, dataset, dataset.patient_ids(Split.TEST)[0])
    for index, each in enumerate(wrist_scene().set_ups):
        problem = build_case(protocol, staged, index).case.problem
        assert rotation_angle_deg(problem.nominal, each.nominal) < 1e-6
        np.testing.assert_allclose(problem.nominal, each.nominal, atol=1e-9)
        np.testing.assert_allclose(problem.views[0].camera.K, each.camera.K)
