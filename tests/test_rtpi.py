"""RTPI: its network's size, its learning on small inputs, and what it says where it has no weights."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from bench import registry
from bench.contract import Problem, Split, View
from bench.drr import project
from bench.geometry import Camera
from bench.learn import Export, Plan, Population, Source, TrainingBudget, export, scene_of, train, warped
from bench.learn.history import read_rows
from bench.learn.source import Library

SCENE = scene_of("sopi-sim", start=None, camera=Camera.centred(sdd_mm=1011.7, height=32, width=32, spacing_mm=6.4))


def inside(name: str) -> Any:
    return import_module(f"bench.methods.rtpi.{name}")


def tiny(cache: Path, **changes: Any) -> Any:
    shape = inside("network").Shape(
        volume=(16, 24, 16),
        image=32,
        volume_widths=(4, 8, 8),
        image_widths=(8, 16),
        localisation_widths=(16,),
        hidden=64,
    )
    people = Population(
        settings={"size": 28, "spacing_mm": 8.0, "cache_dir": cache}, patients=2, active=2, steps_per_patient=1,
        validation_patients=1,
    )  # fmt: skip
    plan = Plan(seed=3, average=0.0)
    settings = {"patients": 1, "poses": 8, "compared": 2, "rendered": 32, "max_learning_rate": 5e-3}
    trainer = registry.module("methods", "rtpi").trainer
    return trainer(shape=shape, voxel_mm=8.0, population=people, scene=SCENE, plan=plan, **{**settings, **changes})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("patients")


def test_paper_sizes_have_the_published_number_of_parameters() -> None:
    network = inside("network")
    assert sum(each.numel() for each in network.Rtpi(network.PAPER).parameters()) == 483_534


def test_the_volume_input_looks_like_the_nominal_image(cache: Path) -> None:
    """Summed along the beam and laid where the image has it, the volume is nearly the nominal projection."""
    trainer = tiny(cache)
    library = Library(trainer.population, SCENE, background=False)
    patient = library.prepared(trainer.population.ids(Split.TRAIN)[0])
    turned = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    for each in (patient, warped(patient, np.diag([1.1, 1.0, 0.9])), warped(patient, turned)):
        seen = inside("inputs").volume_input(
            each.moving_map, each.frame.nominal, centre=each.frame.centre, shape=(40, 40, 40), voxel_mm=5.0
        )
        flat = seen[0].sum(0).numpy()
        camera = Camera.centred(sdd_mm=100_000.0, height=40, width=40, spacing_mm=5.0 * 100_000 / 99_300)
        far = each.frame.nominal.copy()
        far[2, 3] += 98_600.0
        image = project(each.target, far[None], camera)[0, 0].numpy()
        assert np.corrcoef(flat.ravel(), image.ravel())[0, 1] > 0.98


def test_mean_squares_fall_in_some_steps(cache: Path, tmp_path: Path) -> None:
    train(tiny(cache), folder=tmp_path, budget=TrainingBudget(steps=60), background=False, device="cpu")
    squares = [float(row["mse"]) for row in read_rows(tmp_path / "losses.csv")]
    assert np.mean(squares[-10:]) < 0.9 * np.mean(squares[:10])


def test_overfits_one_batch(cache: Path) -> None:
    """The same eight problems over and over are learnt by heart."""
    trainer = tiny(cache, augment=0.0, similarity=0.0)
    library = Library(trainer.population, SCENE, background=False)
    source = Source(library, seed=1, step=0, split=Split.TRAIN, device=torch.device("cpu"))
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    network = trainer.network()
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    loss = torch.ones(())
    for _ in range(150):
        loss = trainer.losses(network, source)["mse"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()  # pyright: ignore[reportUnknownMemberType]
    assert float(loss.detach()) < 0.02


def test_similarity_leads_towards_the_truth(cache: Path) -> None:
    """L_sim of a true pose is small, and its gradient points back from beside it."""
    trainer = tiny(cache, augment=0.0)
    library = Library(trainer.population, replace(SCENE, photons=None), background=False)
    source = Source(library, seed=1, step=0, split=Split.TRAIN, device=torch.device("cpu"))
    problems = [source.problems(source.patients(1)[0], 1)]
    truth = torch.as_tensor(problems[0].truth, dtype=torch.float32)
    beside = (truth + torch.tensor([[0, 0, 0, 1.0, 0, 0]])).requires_grad_()
    loss = trainer._similarity(beside, problems)
    (gradient,) = torch.autograd.grad(loss, beside)
    assert float(trainer._similarity(truth, problems)) < 1e-4 < float(loss.detach())
    assert float(gradient[0, 3]) > 0


def test_trained_weights_answer_a_problem_and_refuse_another_camera(cache: Path, tmp_path: Path) -> None:
    trainer = tiny(cache)
    train(trainer, folder=tmp_path, budget=TrainingBudget(steps=2), background=False, device="cpu")
    export(trainer, Export(folder=tmp_path, to=tmp_path / "w", command="test"), device="cpu")
    library = Library(trainer.population, SCENE, background=False)
    source = Source(library, seed=1, step=0, split=Split.VALIDATION, device=torch.device("cpu"))
    problems = source.problems(source.patients()[0], 1)
    (tmp_path / "nobody").mkdir()
    method = registry.load("methods", "rtpi")(weights=str(tmp_path / "w" / "rtpi.toml"))
    view = View(SCENE.camera, image=problems.images[0, 0].numpy())
    frame = problems.patient.frame
    problem = Problem(
        case_id="x", patient_id="x", patient_hash="0", volume=problems.patient.moving, views=(view,),
        start=frame.nominal, nominal=frame.nominal, centre=frame.centre,
        search=np.array(SCENE.search), seed=1,
    )  # fmt: skip
    assert method.skip(problem) is None
    assert registry.load("methods", "rtpi")(weights=str(tmp_path / "w")).skip(problem) is None
    assert "--weights" in registry.load("methods", "rtpi")(weights=str(tmp_path / "nobody")).skip(problem)
    prepared = method.prepare(problem.volume, [view.without_image()])
    answer = problems.patient.frame.parameters(method.register(problem, prepared).pose)
    assert (np.abs(answer) <= np.array(trainer.reach) + 1e-6).all()
    assert np.abs(answer).max() > 0
    _turned_worlds_are_answered_alike(method, problem, prepared)
    smaller = replace(problem, views=(View(SCENE.camera.binned(2)),))
    assert "16 x 16" in method.skip(smaller)
    assert method.prepare(problem.volume, smaller.views) is None


def _turned_worlds_are_answered_alike(method: Any, problem: Problem, prepared: Any) -> None:
    """The same patient in another patient frame, under a nominal pose that is turned with it, is the same case."""
    straight = method.register(problem, prepared).pose
    for angle_deg, taken in ((12.0, True), (40.0, False)):
        turn = np.eye(4)
        turn[:3, :3] = Rotation.from_rotvec([0, 0, angle_deg], degrees=True).as_matrix()
        move = turn.copy()
        move[:3, 3] = problem.centre - turn[:3, :3] @ problem.centre
        back = np.linalg.inv(move)
        elsewhere = replace(
            problem, volume=replace(problem.volume, affine=move @ problem.volume.affine),
            nominal=problem.nominal @ back, start=problem.start @ back,
        )  # fmt: skip
        assert (method.skip(elsewhere) is None) == taken
        if taken:
            ready = method.prepare(elsewhere.volume, [elsewhere.views[0].without_image()])
            np.testing.assert_allclose(method.register(elsewhere, ready).pose @ move, straight, atol=1e-3)
    # The same nominal pose is answered from what was kept.
    before = len(prepared.known)
    method.register(problem, prepared)
    assert len(prepared.known) == before
