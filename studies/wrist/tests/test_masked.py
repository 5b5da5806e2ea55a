"""Outlined X-rays: distribution of outlines, crops, and networks of one camera that refuse all other problems."""

import os
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.cases.scene import extended, scene_of
from bench.contract import Problem, Split, View
from bench.errors import FluorobenchError
from bench.geometry import Camera, PoseFrame, compose, rotation_angle_deg
from bench.learn import Export, Source, TrainingBudget, TrainingError, WeightsError, export, train
from bench.learn.source import Library
from bench.learn.weights_card import WeightsCard, read_card
from bench.protocol.load import read_protocol
from bench.registry import load
from bench.xray import LowDose
from bench.xray.outline import OutlineError, polygon_mask
from studies.wrist.acquired import SetUp
from studies.wrist.crop import Crop
from studies.wrist.crops import round_outline
from studies.wrist.masked import MaskedPopulation, MaskedScene, examples
from studies.wrist.masked_frame import MaskedFrame, masked_refusal
from studies.wrist.masked_grey import masked_grey
from studies.wrist.masked_networks import masked_trainer
from studies.wrist.outline import OutlineDistribution
from studies.wrist.radius import CAMERAS, FRAMES, LOWEST_ROW, OUTLINED, masked_scene

wrist = pytest.mark.skipif("FLUOROBENCH_DATA" not in os.environ, reason="FLUOROBENCH_DATA is not set")
CAMERA = Camera.centred(sdd_mm=1000.0, height=96, width=96, spacing_mm=2.0)
PLAIN = scene_of("wrist", start=None)


def part(path: str) -> Any:
    """A module of a plug-in; pyright knows the plug-ins' folder by another name."""
    return import_module(path)


def square() -> np.ndarray:
    mask = np.zeros((64, 48), np.bool_)
    mask[20:50, 15:30] = True
    return mask


def test_a_polygon_holds_the_pixels_whose_centres_lie_inside() -> None:
    found = polygon_mask([(9.5, 4.5), (20.5, 4.5), (20.5, 11.5), (9.5, 11.5)], height=30, width=40)
    wanted = np.zeros((30, 40), np.bool_)
    wanted[5:12, 10:21] = True
    np.testing.assert_array_equal(found, wanted)
    triangle = polygon_mask([(0, 0), (20, 0), (0, 20)], height=30, width=30)
    assert triangle.sum() == pytest.approx(200, rel=0.1)
    assert not triangle[15, 15]
    assert triangle[3, 3]


@pytest.mark.parametrize(
    ("corners", "words"),
    [
        ([(0, 0), (5, 5)], "at least three corners"),
        ([(0, 0), (5, np.nan), (3, 3)], "at least three corners"),
        ([(100, 100), (120, 100), (120, 120)], "encloses no pixel"),
    ],
)
def test_outlines_of_nothing_are_refused(corners: list[tuple[float, float]], words: str) -> None:
    with pytest.raises(OutlineError, match=words):
        polygon_mask(corners, height=30, width=30)


@pytest.mark.parametrize(
    "wrong", [{"margin_mm": (3.0, 1.0)}, {"margin_mm": (-1.0, 1.0)}, {"wander_mm": -1.0}, {"shift_mm": -0.1}]
)
def test_distributions_of_impossible_outlines_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(OutlineError, match="an outline's distribution needs"):
        OutlineDistribution(**wrong)


def test_an_outline_keeps_its_margin() -> None:
    law = OutlineDistribution(margin_mm=(3.0, 3.0), wander_mm=0.0, shift_mm=0.0)
    drawn = law.draw(square(), np.random.default_rng(0), pixel_mm=1.0)
    assert drawn[17:53, 20].all()
    assert not drawn[16, 20]
    assert not drawn[17, 12]  # corners are round
    assert (drawn | ~square()).all()


def test_outlines_wander_differ_and_come_again() -> None:
    law = OutlineDistribution()
    first, again, other = (law.draw(square(), np.random.default_rng(seed), pixel_mm=0.8) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).sum() > 20
    margins = [
        np.flatnonzero(law.draw(square(), np.random.default_rng(seed), pixel_mm=1.0)[35])[0] for seed in range(40)
    ]
    assert 0.5 < np.std(margins) < 3
    assert 15 - 6 <= min(margins) < max(margins) <= 16


def test_what_is_beyond_the_mask_does_not_reach_the_network() -> None:
    image = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    mask[..., 2:6, 2:6] = True
    bright = image.masked_fill(~mask, 50.0)
    torch.testing.assert_close(masked_grey(image, mask, 8), masked_grey(bright, mask, 8))
    assert float(masked_grey(bright, mask, 8)[~mask].abs().max()) == 0
    torch.testing.assert_close(masked_grey(3 * image + 7, mask, 4), masked_grey(image, mask, 4))
    with pytest.raises(WeightsError, match="outside the network's window"):
        masked_grey(image, torch.zeros_like(mask), 8)
    with pytest.raises(WeightsError, match="image is empty"):
        masked_grey(torch.ones_like(image), mask, 8)


def test_a_crop_is_about_the_outlines_middle_and_may_reach_beyond_the_image() -> None:
    crop = Crop.about(square(), 40)
    assert (crop.left + 19.5, crop.top + 19.5) == pytest.approx((22, 34.5), abs=0.6)
    cut = crop.cut(square())
    assert cut.shape == (40, 40)
    assert cut.sum() == square().sum()
    np.testing.assert_array_equal(Crop(-10, -10, 30).cut(np.ones((48, 48)))[:10], 0)
    with pytest.raises(WeightsError, match="outside the network's window"):
        Crop.about(np.zeros((5, 5), np.bool_), 4)


def test_a_crops_camera_looks_at_its_middle() -> None:
    crop = Crop(30, 10, 40)
    ray = np.array([(49.5 - CAMERA.K[0, 2]) / CAMERA.K[0, 0], (29.5 - CAMERA.K[1, 2]) / CAMERA.K[1, 1], 1.0])
    seen = crop.turn(CAMERA)[:3, :3] @ ray
    np.testing.assert_allclose(seen[:2], 0, atol=1e-12)


def test_a_picture_is_cut_round_the_outline_and_its_camera_with_it() -> None:
    valid = np.zeros((96, 96), np.bool_)
    valid[40:60, 10:30] = True
    image = np.arange(96 * 96, dtype=np.float32).reshape(96, 96)
    cut = round_outline(View(CAMERA, image=image, valid=valid), 5)
    assert (cut.camera.height, cut.camera.width) == (30, 30)
    point = np.array([-80.0, 3.0, 700.0])
    column, row = CAMERA.project(point)
    np.testing.assert_allclose(cut.camera.project(point), (column - 5, row - 35))
    assert cut.image is not None
    assert cut.image[2, 3] == image[37, 8]


def set_ups(camera: Camera = CAMERA) -> tuple[SetUp, ...]:
    frame = PoseFrame(compose(np.eye(3), (20.0, -10.0, 700.0)), np.zeros(3))
    poses = [frame.pose([8.0, 0, 0, 6, 0, 0]), frame.pose([-8.0, 0, 0, -6, 0, 4])]
    return tuple(SetUp(f"{at} view 1", camera, pose, np.zeros(3)) for at, pose in enumerate(poses))


def test_a_cameras_frame_lies_between_its_nominal_poses() -> None:
    scene = extended(MaskedScene, PLAIN, set_ups=set_ups(), camera=CAMERA)
    for each in scene.set_ups:
        assert rotation_angle_deg(scene.mean_nominal, each.nominal) == pytest.approx(8.0, abs=0.01)
    np.testing.assert_allclose(scene.mean_nominal[:3, 3], (20, -10, 702), atol=1e-9)
    np.testing.assert_allclose(scene.frame.centre_in_rig[:2], 0, atol=1e-9)
    drawn = [scene.draw(np.random.default_rng(seed)) for seed in range(60)]
    angles = [PoseFrame(scene.mean_nominal, np.zeros(3)).parameters(pose)[0] for pose in drawn]
    assert max(np.abs(angles)) < 18.5
    assert min(angles) < -5
    assert max(angles) > 5


def test_a_scene_is_of_one_camera() -> None:
    other = Camera.centred(sdd_mm=1200.0, height=96, width=96, spacing_mm=2.0)
    with pytest.raises(TrainingError, match="X-rays of one camera; got 0 view 1, 1 view 1"):
        extended(MaskedScene, PLAIN, set_ups=(set_ups()[0], set_ups(other)[1]), camera=CAMERA)
    with pytest.raises(TrainingError, match="got none"):
        extended(MaskedScene, PLAIN, camera=CAMERA)


@pytest.fixture(autouse=True)
def few_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A surrounding is made in a third of a second."""
    original = MaskedPopulation.prepare

    def prepare(self: MaskedPopulation, patient_id: str, scene: Any) -> Any:
        object.__setattr__(scene, "forearms", replace(scene.forearms, count=2))
        return original(self, patient_id, scene)

    monkeypatch.setattr(MaskedPopulation, "prepare", prepare)


@pytest.fixture
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_outlines_of_the_protocol_end_at_one_row() -> None:
    settings = read_protocol(str(OUTLINED), "full").data.settings
    outlines = settings["outlines"]
    assert set(outlines) == set(FRAMES)
    lowest = {max(row for _, row in polygon) for frame in outlines.values() for polygon in frame}
    assert [(each + 0.5) / settings["binning"] - 0.5 for each in lowest] == [pytest.approx(LOWEST_ROW, abs=0.1)]


@wrist
def test_a_scene_holds_the_x_rays_of_its_camera() -> None:
    for camera in CAMERAS:
        assert [each.name for each in masked_scene(camera).set_ups] == [f"{frame} view {camera}" for frame in FRAMES]
    with pytest.raises(TrainingError, match="cameras 1 and 2; got camera=3"):
        masked_scene(3)


@wrist
def test_examples_come_again_and_tell_poses_and_splits_apart(one_thread: None) -> None:
    trainer = masked_trainer("res_reg_net")(camera=2)
    found: list[Any] = []
    for split in (Split.TRAIN, Split.TRAIN, Split.VALIDATION):
        library = Library(trainer.population, trainer.scene, background=False)
        source = Source(library, seed=1, step=0, split=split, device=torch.device("cpu"))
        found.append(examples(source, np.arange(2), low_dose=LowDose(), seed=1))
    (images, theta), (again, same), (others, _) = found
    assert images.shape == (2, 1, 96, 96)
    assert 0.05 < float((images > 0).float().mean()) < 0.4
    torch.testing.assert_close(images, again)
    np.testing.assert_array_equal(theta, same)
    assert float((images - others).abs().max()) > 0.2
    # A crop at the outline's middle leaves little of the shift in the image's plane.
    assert np.abs(theta[:, 3:5]).max() < 10


def problem_of(camera: int) -> Problem:
    from bench.cases.build import build_case
    from bench.cases.prepare import load_patient, open_dataset

    protocol = read_protocol(str(OUTLINED), "smoke")
    dataset = open_dataset(protocol)
    staged = load_patient(protocol, dataset, dataset.patient_ids(Split.TEST)[0])
    return build_case(protocol, staged, camera - 1).case.problem


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> WeightsCard:
    """Of a network of camera 1 after one step."""
    torch.set_num_threads(1)
    trainer: Any = masked_trainer("res_reg_net")(camera=1, image_size=32, batch=2)
    folder = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.learn.vertebra_trainer.HELD_OUT_POSES", 2)
        train(trainer, folder=folder, budget=TrainingBudget(steps=1), background=False)
        export(trainer, Export(folder=folder, to=folder / "weights" / "1", command="test"))
    return read_card(next((folder / "weights" / "1").glob("*.toml")))


@wrist
def test_weights_of_a_camera_refuse_all_else(card: WeightsCard) -> None:
    problem = problem_of(1)
    assert masked_refusal(card, problem) is None
    assert "calibrated cameras of 0002 view 1, 0099 view 1" in str(masked_refusal(card, problem_of(2)))
    assert "wrist-biplane alone" in str(masked_refusal(card, replace(problem, patient_hash="other")))
    whole = replace(problem, views=(replace(problem.views[0], valid=None),))
    assert "this X-ray has no outline" in str(masked_refusal(card, whole))
    elsewhere = replace(problem, nominal=problem.frame.pose([1.0, 0, 0, 0, 0, 0]))
    assert "this problem has another" in str(masked_refusal(card, elsewhere))


@wrist
def test_an_answer_goes_from_the_crop_back_to_the_xray(card: WeightsCard) -> None:
    problem = problem_of(1)
    frame = MaskedFrame.of(card)
    assert frame is not None
    crop = frame.seen(problem.views[0])
    assert crop.image.shape == (1, 1, 96, 96)
    theta = crop.frame.parameters(crop.from_rig @ problem.nominal)
    np.testing.assert_allclose(crop.pose(theta), problem.nominal, atol=1e-9)
    assert np.abs(theta[:3]).max() < 25


@wrist
def test_the_outline_alone_is_read_where_there_is_one_and_beats_the_nominal_pose_on_renderings() -> None:
    """On outlines drawn by the law it knows; what it reads on the X-rays, the protocol shows."""
    method, problem = load("methods", "outline_alone")(draws=150), problem_of(2)
    assert method.skip(replace(problem, views=(replace(problem.views[0], valid=None),))) == (
        "no bone is outlined in this X-ray"
    )
    assert method.skip(problem) is None
    bone = method.prepare(problem.volume, problem.views)
    random, window = np.random.default_rng(0), method._window(problem)
    theta = random.uniform(-10, 10, size=(8, 6))
    masks = np.stack(method._masks(bone, window, theta, random))
    known = random.uniform(-10, 10, size=(150, 6))
    learnt = np.stack(method._masks(bone, window, known, random))
    read = np.array([method._read(learnt, known, mask) for mask in masks])
    assert np.abs(read - theta)[:, 3:5].mean() < 0.6 * np.abs(theta)[:, 3:5].mean()


@wrist
def test_figures_7_and_8_from_a_tiny_run(card: WeightsCard, tmp_path: Path) -> None:
    from bench.run.environment import describe_environment
    from bench.run.execute import Execution
    from bench.run.journal import Journal
    from bench.score.finished import open_run

    chosen = read_protocol(str(OUTLINED), "smoke", {"start": {"per_patient": 2}})
    methods = tuple(each for each in chosen.methods if each.label in {"Nominal", "ResRegNet"})
    protocol = chosen.model_copy(update={"methods": methods})
    execution = Execution(protocol)
    list(execution.prepare())
    journal = Journal.open(tmp_path, protocol, describe_environment(), fresh=True)
    list(execution.register(journal))
    run = open_run(journal.folder)
    for number in (7, 8):
        paths = load("reports", f"lgff_figure{number}")().write(run)
        assert [path.suffix for path in paths] == [".pdf", ".png"]
    crop = part("bench.reports.lgff_figure7").masked_crop(run.case(run.journal.problems()[0].case_id).problem.views[0])
    assert 0.2 < (crop > 0).mean() < 0.9


@wrist
def test_outlines_need_one_a_camera_and_frame() -> None:
    protocol = read_protocol(str(OUTLINED), "smoke")
    settings = {**protocol.data.settings, "outlines": {"0002": protocol.data.settings["outlines"]["0002"]}}
    dataset = load("datasets", "autoscoper")(**settings)
    with pytest.raises(FluorobenchError, match="one polygon a camera for every frame; got 0 for frame 0099"):
        dataset.patient(dataset.patient_ids(Split.TEST)[0])
