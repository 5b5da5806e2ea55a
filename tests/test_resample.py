"""Networks take any camera at the source: the image as the camera of their training would have taken it."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import registry
from bench.contract import Problem, View
from bench.drr import AttenuationMap, project
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, nominal_pose
from bench.learn import read_card
from bench.learn.resample import camera_of_scene, resampling_refusal, same_camera, seen_by
from bench.learn.weights import ResamplingWarning
from bench.volume import Volume

LEARNT = Camera.centred(sdd_mm=1000.0, height=64, width=64, spacing_mm=4.0)
# A detector of other pixels, aspect, size and axis, at another distance from the source, that holds the learnt field.
OTHER = Camera(np.array([[780.0, 0, 260.0], [0, 700.0, 230.0], [0, 0, 1]]), 440, 500, 1200.0)


def blob() -> Volume:
    """Smooth enough for both samplings, not symmetric."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, size) for size in (30, 26, 34)), indexing="ij")
    inside = 1.6 * np.exp(-3 * ((x - 0.2) ** 2 + y**2 + 2 * (z + 0.1 * x) ** 2)) + 0.6 * np.exp(-20 * (x + 0.5) ** 2)
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    affine[:3, 3] = (-75, -65, -85)
    return Volume((1000 * inside - 1000).astype(np.float32), affine, mask=np.ones((30, 26, 34), np.bool_))


def rendered(camera: Camera, pose: Matrix) -> View:
    return View(camera, image=project(AttenuationMap.from_volume(blob()), pose[None], camera)[0, 0].numpy())


def pose() -> Matrix:
    centre = np.asarray(blob().content_centre())
    return PoseFrame(nominal_pose(StandardView.AP, centre, 800.0), centre).pose([4, -6, 3, 9, -7, 20])


def test_a_resampled_image_is_the_other_cameras() -> None:
    view, wanted = seen_by(LEARNT, rendered(OTHER, pose())), rendered(LEARNT, pose())
    assert view.image is not None
    assert wanted.image is not None
    assert np.abs(view.image - wanted.image).max() < 0.02 * wanted.image.max()
    assert np.abs(view.image - wanted.image).mean() < 0.002 * wanted.image.max()
    np.testing.assert_array_equal(view.camera.K, LEARNT.K)
    assert view.camera.sdd_mm == OTHER.sdd_mm


def test_an_image_of_the_learnt_camera_is_taken_as_it_is() -> None:
    view = rendered(LEARNT, pose())
    assert seen_by(LEARNT, view) is view


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        (replace(OTHER, height=220), "shows 44 % of that field: give the uncropped image"),
        (Camera.centred(sdd_mm=1000.0, height=30, width=30, spacing_mm=9.0), "more than 1.5 times coarser"),
        (OTHER, None),
    ],
)
def test_images_that_lack_what_was_learnt_are_refused(camera: Camera, said: str | None) -> None:
    refused = resampling_refusal(LEARNT, camera)
    assert refused is None if said is None else said in str(refused)


def test_pixels_beyond_the_border_stay_invalid() -> None:
    valid = np.ones((440, 500), np.bool_)
    valid[:, :260] = False
    view = seen_by(LEARNT, replace(rendered(OTHER, pose()), valid=valid))
    assert view.valid is not None
    assert not view.valid[:, :31].any()
    assert view.valid[:, 33:].all()


def test_a_network_gives_one_answer_for_both_cameras() -> None:
    """RTPI's shipped weights on a detector of finer pixels with its axis off the middle."""
    method = registry.build("methods", "rtpi", {})
    learnt = camera_of_scene(read_card(Path(str(registry.module("methods", "rtpi").FOLDER)) / "rtpi.toml").scene)
    K = learnt.K * [[2.5], [2.5], [1]]
    K[:2, 2] += (30, 12)
    fine = Camera(K, round(2.5 * learnt.height) + 40, round(2.5 * learnt.width) + 60, 1200.0)
    assert not same_camera(learnt, fine)
    poses = list[Matrix]()
    for camera in (learnt, fine):
        problem = _problem(camera)
        assert method.skip(problem) is None
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", ResamplingWarning)
            prepared = method.prepare(problem.volume, [view.without_image() for view in problem.views])
        assert ["resampled" in str(each.message) for each in told] == ([] if camera is learnt else [True])
        poses.append(method.register(problem, prepared).pose)
    apart = PoseFrame(poses[0], np.asarray(blob().content_centre())).parameters(poses[1])
    assert np.abs(apart[:5]).max() < 0.2
    assert abs(apart[5]) < 2


def _problem(camera: Camera) -> Problem:
    volume = blob()
    centre = np.asarray(volume.content_centre())
    nominal = nominal_pose(StandardView.AP, centre, 700.0)
    view = rendered(camera, PoseFrame(nominal, centre).pose([4, -6, 3, 5, -7, 20]))
    return Problem(
        case_id="b/0", patient_id="b", patient_hash="b", volume=volume, views=(view,), start=nominal, nominal=nominal,
        centre=centre, search=np.full(6, 30.0), seed=1, moving="bone",
    )  # fmt: skip
