"""LGFF-Reg: its network, how it learns, which problems it takes, and that it is trained on what its protocol plays."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.cases.build import build_case
from bench.cases.prepare import PreparedPatient, load_patient, open_dataset, patient_ids
from bench.contract import Problem, Split, View
from bench.errors import FluorobenchError
from bench.geometry import transform_points
from bench.learn import Export, Population, Source, TrainingBudget, WeightsError, export, read_card, train
from bench.learn.grey import grey
from bench.learn.history import read_rows
from bench.learn.single_view import Units
from bench.learn.source import Library
from bench.protocol.load import read_protocol
from bench.registry import build, module
from bench.volume.content import label_mask

_torch: Any = torch
_lgff: Any = module("methods", "lgff_reg")
_network: Any = import_module("bench.methods.lgff_reg.network")
LgffReg, LgffTrainer = _lgff.plugin, _lgff.trainer
Architecture, LgffNetwork = _network.Architecture, _network.LgffNetwork

# A grid that a patient is made on in a moment; the protocol's is finer.
COARSE: dict[str, Any] = {"size": 48, "spacing_mm": 5.0}
PATIENT, STRANGER = "phantom-v5-200000", "phantom-v5-200001"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("patients")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def people(cache: Path, patient: str = PATIENT, **changes: Any) -> Population:
    settings = {**COARSE, "only": patient, "cache_dir": cache}
    found: Population = replace(LgffTrainer().population, settings=settings, **changes)
    return found


def played(cache: Path, patient: str = PATIENT) -> PreparedPatient:
    """The patient as the protocol stages him."""
    settings = {**COARSE, "only": patient, "cache_dir": str(cache)}
    protocol = read_protocol("lgff-sim", "smoke", {"data": {"settings": settings}})
    dataset = open_dataset(protocol)
    return load_patient(protocol, dataset, patient_ids(protocol, dataset)[0])


def case(cache: Path, patient: str = PATIENT) -> Problem:
    settings = {**COARSE, "only": patient, "cache_dir": str(cache)}
    protocol = read_protocol("lgff-sim", "smoke", {"data": {"settings": settings}})
    return build_case(protocol, played(cache, patient), 0).case.problem


def small(**settings: Any) -> Any:
    return LgffTrainer(**{"image_size": 32, "batch": 4, **settings})


def source_of(population: Population, *, step: int = 0, split: Split = Split.TRAIN) -> Source:
    library = Library(population, small().scene, background=False)
    return Source(library, seed=1, step=step, split=split, device=torch.device("cpu"))


def count(**switches: Any) -> int:
    return sum(each.numel() for each in LgffNetwork(Architecture(**switches)).parameters())


def test_parameters_are_the_published_ones_but_for_a_convolution_that_is_never_used() -> None:
    unused = 32 * 64 + 64
    assert count() == 3_497_672 - unused
    heads = 7_106 + 13_506 + 26_306
    assert count(heads=False) == count() - heads


@pytest.mark.parametrize(
    ("switches", "outputs"),
    [
        ({}, 4),
        ({"stages": 3}, 3),
        ({"stages": 5}, 5),
        ({"global_branch": False}, 1),
        ({"local": False}, 1),
        ({"fusion": False}, 1),
        ({"heads": False}, 1),
        ({"downsampling": "paper", "interpolation": "bilinear", "plain_projection": True}, 4),
    ],
)
def test_every_row_of_the_ablations_is_a_network(switches: dict[str, Any], outputs: int) -> None:
    _torch.manual_seed(0)
    network = LgffNetwork(Architecture(image_size=64, **switches))
    found = network(255 * torch.rand(2, 1, 64, 64))
    assert [tuple(each.shape) for each in found] == [(2, 6)] * outputs
    _torch.stack([each.sum() for each in found]).sum().backward()
    assert all(each.grad is not None and bool(torch.isfinite(each.grad).all()) for each in network.parameters())


def test_the_trainer_knows_every_switch_of_the_network() -> None:
    paper = {"downsampling": "paper", "interpolation": "bilinear", "plain_projection": True, "stages": 3}
    found = LgffTrainer(**paper).architecture
    assert {name: found[name] for name in paper} == paper
    assert set(found) == set(Architecture.__dataclass_fields__)


def test_landmarks_of_one_vertebra_lie_on_it(cache: Path) -> None:
    staged = played(cache)
    marks = staged.landmarks
    assert [each.name for each in marks] == ["L3 surface"]
    index_from_world = np.asarray(np.linalg.inv(staged.moving.affine), dtype=np.float64)
    index: Any = np.round(transform_points(index_from_world, marks[0].points)).astype(int)
    assert label_mask(staged.moving, "L3")[tuple(index.T)].all()


def test_training_and_held_out_poses_are_apart(cache: Path) -> None:
    population = people(cache)
    held_out = source_of(population, split=Split.VALIDATION)
    wanted = held_out.problems(held_out.patients()[0], 16).truth
    for step in range(3):
        source = source_of(population, step=step)
        drawn = source.problems(source.patients()[0], 16).truth
        assert np.abs(drawn[:, None] - wanted[None]).max(axis=2).min() > 1e-6


def test_degraded_images_are_drawn_anew_and_again_alike(cache: Path) -> None:
    first, again = (small().fresh(source_of(people(cache), step=3), 2)[0] for _ in range(2))
    other = small().fresh(source_of(people(cache), step=4), 2)[0]
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (2, 1, 32, 32)
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1


def test_loss_falls_and_the_weights_answer_their_patient_alone(cache: Path, tmp_path: Path) -> None:
    trainable, population = small(max_learning_rate=2e-3, batch=8), people(cache)
    settings: dict[str, Any] = {"population": population, "device": "cpu"}
    train(trainable, folder=tmp_path, budget=TrainingBudget(steps=40), background=False, **settings)
    losses = [float(row["main"]) for row in read_rows(tmp_path / "losses.csv")]
    assert np.mean(losses[-8:]) < 0.9 * np.mean(losses[:8])
    card = export(trainable, Export(folder=tmp_path, to=tmp_path / "weights", command="a test"), **settings)
    method = LgffReg(weights=str(tmp_path / "weights"))
    problem, stranger = case(cache), case(cache, STRANGER)
    assert card.trained_on.patient_specific
    assert method.skip(problem) is None
    assert f"{PATIENT} alone, not {STRANGER}" in str(method.skip(stranger))
    ready = method.prepare(problem.volume, problem.views)
    found = problem.frame.parameters(method.register(problem, ready).pose)
    assert (np.abs(found) <= 2 * np.array(problem.search)).all()
    with pytest.raises(WeightsError, match=f"no lgff_reg network of {STRANGER}"):
        method.register(stranger, ready)
    elsewhere = replace(problem, centre=problem.centre + np.array([0, 0, 12.0]))
    assert "this problem's is 12 mm away: crop the CT to L3" in str(method.skip(elsewhere))
    unlabelled = replace(problem, volume=replace(problem.volume, labels=None, label_scheme=None))
    assert "trained for L3, which cannot be found here" in str(method.skip(unlabelled))
    blank = replace(problem, views=(replace(problem.views[0], image=np.zeros((128, 128), np.float32)),))
    with pytest.raises(WeightsError, match="the image is empty"):
        method.register(blank, ready)
    chained = build("methods", "chain", {"stages": [{"plugin": "lgff_reg", "settings": {"weights": method.weights}}]})
    again = chained.register(problem, chained.prepare(problem.volume, problem.views))
    np.testing.assert_allclose(again.pose, problem.frame.pose(found), atol=1e-9)


def test_one_case_can_be_learnt_by_heart(cache: Path) -> None:
    _torch.manual_seed(0)
    trainable, source = small(), source_of(people(cache))
    network = trainable.network()
    optimiser: Any = torch.optim.AdamW(network.parameters(), lr=2e-3)
    images, wanted = trainable.fresh(source, 2)
    errors: list[float] = []
    for _ in range(60):
        loss = (trainable.labels(network, images) - wanted).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(float(loss.detach()))
    assert min(errors[-10:]) < 0.1 * errors[0]


def test_a_case_of_another_camera_is_skipped(tmp_path: Path, cache: Path) -> None:
    trainable, population = small(), people(cache)
    train(
        trainable,
        folder=tmp_path,
        budget=TrainingBudget(steps=1),
        population=population,
        device="cpu",
        background=False,
    )
    export(trainable, Export(folder=tmp_path, to=tmp_path / "w", command="a test"), population=population, device="cpu")
    problem = case(cache)
    finer = replace(problem.views[0].camera, K=problem.views[0].camera.K * np.array([[2], [2], [1]]))
    other = replace(problem, views=(View(finer, image=problem.views[0].image),))
    assert "trained for 128 x 128 pixels" in str(LgffReg(weights=str(tmp_path / "w")).skip(other))
    missing = str(LgffReg(weights=str(tmp_path / "none")).skip(problem))
    assert missing.endswith("none; train them: fluorobench train lgff_reg")
    (card_path,) = (tmp_path / "w").glob("*.toml")
    assert read_card(card_path).trained_on.hashes == (problem.patient_hash,)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"region": "L9"}, "L9"),
        ({"margin_mm": 500.0}, "too small for L3"),
        ({"region": "L3", "margin_mm": -1.0}, "margin"),
    ],
)
def test_a_patient_that_cannot_be_cropped_is_refused_in_one_line(
    cache: Path, changes: dict[str, Any], line: str
) -> None:
    library = Library(people(cache), replace(small().scene, **changes), background=False)
    with pytest.raises(FluorobenchError, match=line) as refused:
        library.prepared(PATIENT)
    assert "\n" not in str(refused.value)


def test_images_are_scaled_by_their_own_range() -> None:
    image = torch.linspace(3, 7, 64).reshape(1, 1, 8, 8)
    torch.testing.assert_close(grey(image, 8), grey(10 * image - 4, 8))
    assert (float(grey(image, 8).min()), float(grey(image, 8).max())) == (0, 1)
    with pytest.raises(WeightsError, match="a square image of a multiple of 3 pixels"):
        grey(image, 3)


def test_units_go_there_and_back() -> None:
    units = Units(rotation_deg=18.0, translation_mm=10.0)
    theta = np.array([[18.0, -9, 0, 10, 5, -10]])
    labels: Any = units.labels(theta, torch.device("cpu"))
    assert labels.tolist() == [[1, -0.5, 0, 1, 0.5, -1]]
    np.testing.assert_allclose(units.theta(labels), theta, atol=1e-5)
