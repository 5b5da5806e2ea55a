"""ResRegNet and Zhang's network: sizes, learning, what they refuse, and that both play LGFF-Reg's study."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench.cases.build import build_case
from bench.cases.prepare import load_patient, open_dataset, patient_ids
from bench.contract import Problem, Split
from bench.errors import FluorobenchError
from bench.geometry import rotation_angle_deg
from bench.learn import Export, Population, Source, TrainingBudget, WeightsError, export, population_of, train
from bench.learn.history import read_rows
from bench.learn.source import Library
from bench.protocol.load import read_protocol
from bench.registry import build, load, module

ROOT = Path(__file__).parents[1]
PATIENT, STRANGER = "phantom-v5-200000", "phantom-v5-200001"
NAMES = ("res_reg_net", "zhang")


def part(path: str) -> Any:
    """A module of a plug-in; pyright knows the plug-ins' folder by another name."""
    return import_module(path)


Zhang: Any = load("methods", "zhang")
ZhangTrainer: Any = part("bench.methods.zhang").trainer
ZhangNetwork: Any = part("bench.methods.zhang.network").ZhangNetwork
ResRegNet: Any = load("methods", "res_reg_net")
ResRegNetwork: Any = part("bench.methods.res_reg_net.network").ResRegNetwork
otsu, binarised = (getattr(part("bench.methods.res_reg_net.binary"), name) for name in ("otsu", "binarised"))
positions: Any = part("bench.methods.zhang.network").positions
gradient_image: Any = part("bench.methods.zhang.trainer").gradient_image
threshold_otsu: Any = part("skimage.filters").threshold_otsu


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("patients")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(name: str, **settings: Any) -> Any:
    return module("methods", name).trainer(**{"image_size": 32, "batch": 8, **settings})


def coarse(cache: Path, patient: str) -> dict[str, Any]:
    """A grid that a patient is made on in a moment; the protocol's is finer."""
    return {"size": 48, "spacing_mm": 5.0, "only": patient, "cache_dir": str(cache)}


def people(cache: Path) -> Population:
    settings: dict[str, Any] = {**coarse(cache, PATIENT), "cache_dir": cache}
    return replace(population_of("lgff-sim"), settings=settings)


def source_of(cache: Path, *, step: int = 0, split: Split = Split.TRAIN) -> Source:
    library = Library(people(cache), small("zhang").scene, background=False)
    return Source(library, seed=1, step=step, split=split, device=torch.device("cpu"))


def case(cache: Path, patient: str = PATIENT) -> Problem:
    protocol = read_protocol("lgff-sim", "smoke", {"data": {"settings": coarse(cache, patient)}})
    dataset = open_dataset(protocol)
    staged = load_patient(protocol, dataset, patient_ids(protocol, dataset)[0])
    return build_case(protocol, staged, 0).case.problem


def count(network: nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


def test_parameter_counts() -> None:
    assert count(ResRegNetwork()) == 2_863_078
    zhang = ZhangNetwork()
    assert count(zhang.backbone) == 4_006_972  # published: 4.0 million features
    assert count(zhang) == 5_027_027


def test_every_parameter_learns() -> None:
    """Nothing of EfficientNet's unused classifier is stored, and the decoder and the pose share the bottleneck."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    network = ZhangNetwork(64)
    found = network(torch.rand(2, 1, 64, 64))
    assert (tuple(found.pose.shape), tuple(found.gradient.shape)) == ((2, 6), (2, 1, 64, 64))
    (found.pose.square().sum() + found.gradient.square().sum()).backward()
    assert all(each.grad is not None and bool(torch.isfinite(each.grad).all()) for each in network.parameters())
    with pytest.raises(WeightsError, match="image_size must be a multiple of 32; got 48"):
        ZhangNetwork(48)


def test_positions_tell_all_places_apart() -> None:
    table = positions(256, 4, 4)
    assert table.shape == (16, 256)
    assert float(torch.pdist(table).min()) > 0.5


@pytest.mark.parametrize("seed", range(4))
def test_otsu_is_the_well_known_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    image = np.clip(np.where(random.random((64, 64)) < 0.3, 0.7, 0.25) + 0.1 * random.normal(size=(64, 64)), 0, 1)
    batch = torch.as_tensor(np.stack([image, image**2]))[:, None]
    expected = [float(threshold_otsu(each)) for each in (image, image**2)]
    np.testing.assert_allclose(otsu(batch).flatten().numpy(), expected, atol=0.01)


def test_binary_images_survive_a_change_of_contrast() -> None:
    image = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = binarised(image)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    assert float((found != binarised(0.5 * image)).double().mean()) < 0.02


def test_the_gradient_image_is_bright_at_edges_alone() -> None:
    image = torch.zeros(1, 1, 16, 16)
    image[..., 8:] = 0.4
    edges = gradient_image(image)
    assert edges.shape == image.shape
    assert float(edges[..., 7:9].min()) == pytest.approx(1.0)
    assert float(edges[..., :6].max()) < 1e-6
    assert float(gradient_image(torch.zeros(1, 1, 8, 8)).abs().max()) < 1e-5


def test_poses_grow_and_are_the_same_set_again(cache: Path) -> None:
    trainer = ZhangTrainer(poses=8, shares=(0.25, 0.5, 1.0), steps_per_share=2, image_size=32, batch=24)
    assert [trainer.share_in_use(step) for step in (0, 1, 2, 3, 4, 999)] == [0.25, 0.25, 0.5, 0.5, 1.0, 1.0]
    seen = [{tuple(row) for row in trainer.examples(source_of(cache, step=step))[1].tolist()} for step in (0, 1, 2, 4)]
    assert [len(each) for each in seen] == [2, 2, 4, 8]
    assert seen[0] == seen[1] < seen[2] < seen[3]
    with pytest.raises(WeightsError, match="shares from 0 to 1; got 8, 400"):
        ZhangTrainer(poses=8, shares=(0.5, 2.0))


def test_training_poses_are_none_of_the_held_out_ones(cache: Path) -> None:
    held_out = small("zhang").fresh(source_of(cache, split=Split.VALIDATION), 16)[1].numpy()
    for name in NAMES:
        trainer = small(name, batch=16)
        for step in range(3):
            drawn = trainer.examples(source_of(cache, step=step))[1].numpy()
            assert np.abs(drawn[:, None] - held_out[None]).max(axis=2).min() > 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_a_few_cases_can_be_learnt_by_heart(name: str, cache: Path) -> None:
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    trainer, source = small(name), source_of(cache)
    network = trainer.network()
    optimiser: Any = torch.optim.AdamW(network.parameters(), lr=2e-3)
    images, wanted = trainer.fresh(source, 2)
    errors: list[float] = []
    for _ in range(80):
        loss = (trainer.labels(network, images) - wanted).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(float(loss.detach()))
    assert min(errors[-10:]) < 0.15 * errors[0]


@pytest.mark.parametrize(("name", "method", "steps"), [("res_reg_net", ResRegNet, 40), ("zhang", Zhang, 60)])
def test_loss_falls_and_the_weights_answer_their_patient_alone(
    name: str, method: Any, steps: int, cache: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"population": people(cache), "device": "cpu"}
    trainable = small(name)
    train(trainable, folder=tmp_path, budget=TrainingBudget(steps=steps), background=False, **settings)
    losses = [float(row["total"]) for row in read_rows(tmp_path / "losses.csv")]
    assert np.mean(losses[-8:]) < 0.95 * np.mean(losses[:8])
    card = export(trainable, Export(folder=tmp_path, to=tmp_path / "weights", command="a test"), **settings)
    assert card.trained_on.patient_specific
    assert card.parameters == count(trainable.network())
    registrar = method(weights=str(tmp_path / "weights"))
    problem, stranger = case(cache), case(cache, STRANGER)
    assert registrar.skip(problem) is None
    assert f"{PATIENT} alone, not {STRANGER}" in str(registrar.skip(stranger))
    ready = registrar.prepare(problem.volume, problem.views)
    found = problem.frame.parameters(registrar.register(problem, ready).pose)
    assert (np.abs(found) <= 2 * np.array(problem.search)).all()
    with pytest.raises(WeightsError, match=f"no {name} network of {STRANGER}"):
        registrar.register(stranger, ready)
    blank = replace(problem, views=(replace(problem.views[0], image=np.zeros((128, 128), np.float32)),))
    with pytest.raises(WeightsError, match="the image is empty") as empty:
        registrar.register(blank, ready)
    assert "\n" not in str(empty.value)


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_the_other_network_are_refused_in_one_line(name: str, cache: Path, tmp_path: Path) -> None:
    other = next(each for each in NAMES if each != name)
    settings: dict[str, Any] = {"population": people(cache), "device": "cpu"}
    train(small(other), folder=tmp_path, budget=TrainingBudget(steps=1), background=False, **settings)
    export(small(other), Export(folder=tmp_path, to=tmp_path / "w", command="a test"), **settings)
    problem = case(cache)
    with pytest.raises(FluorobenchError, match=f"holds weights of {other} version 1; expected {name}") as refused:
        build("methods", name, {"weights": str(tmp_path / "w")}).prepare(problem.volume, problem.views)
    assert "\n" not in str(refused.value)
    nobody = build("methods", name, {"weights": str(tmp_path / "none")})
    assert str(nobody.skip(problem)).endswith(f"train them: fluorobench train {name}")


@pytest.mark.parametrize("similarity", ["ncc", "gc"])
def test_the_refinement_ends_nearer_than_it_began(similarity: str, cache: Path) -> None:
    """From a pose 4 degrees and 3 mm off, whatever a network would have said."""
    problem = case(cache)
    truth = _truth(cache)
    off = problem.frame.parameters(truth) + np.array([2.0, -2.0, 3.0, 2.0, -2.0, 1.0])
    start = problem.frame.pose(off)
    search = Zhang(refine=similarity)._search()
    found = search.register(replace(problem, start=start), search.prepare(problem.volume, problem.views))
    before, after = (rotation_angle_deg(pose[:3, :3], truth[:3, :3]) for pose in (start, found.pose))
    assert after < 0.5 * before
    assert found.drr_evaluations == 100


def _truth(cache: Path) -> Any:
    protocol = read_protocol("lgff-sim", "smoke", {"data": {"settings": coarse(cache, PATIENT)}})
    dataset = open_dataset(protocol)
    staged = load_patient(protocol, dataset, patient_ids(protocol, dataset)[0])
    return build_case(protocol, staged, 0).case.truth


def test_monai_is_not_imported_until_a_network_is_built() -> None:
    code = (
        "import sys\n"
        "from bench import registry\n"
        "registry.card('methods', 'zhang'), registry.load('methods', 'zhang')()\n"
        "assert 'monai' not in sys.modules\n"
        "registry.module('methods', 'zhang').trainer(image_size=32).network()\n"
        "assert 'monai' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_reconstruction_is_labelled_as_one() -> None:
    assert "reconstruction" in module("methods", "res_reg_net").card.title
    assert load("methods", "res_reg_net") is ResRegNet
