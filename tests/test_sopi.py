"""SOPI and Deep-reg: sizes, learning, resuming, answers, switches, and what they refuse."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench import registry
from bench.contract import Estimate, Outcome, Problem, Split, View
from bench.errors import FluorobenchError
from bench.geometry import Camera, is_rigid
from bench.learn import Export, Population, Source, TrainingBudget, WeightsError, export, scene_of, train
from bench.learn.descent import Descent
from bench.learn.distance import scaled
from bench.learn.source import Library

SCENE = scene_of("sopi-sim", start=None, camera=Camera.centred(sdd_mm=1011.7, height=32, width=32, spacing_mm=6.4))
SopiTrainer: Any = import_module("bench.methods.sopi").trainer
DeepRegTrainer: Any = import_module("bench.methods.deep_reg").trainer
Architecture, Sopi, shadow = (
    getattr(import_module("bench.methods.sopi.network"), name) for name in ("Architecture", "Sopi", "shadow")
)
RegiNet: Any = import_module("bench.methods.deep_reg.network").RegiNet
features_of, input_volume = (
    getattr(import_module("bench.methods.deep_reg.features"), name) for name in ("features_of", "input_volume")
)
SopiError: Any = import_module("bench.methods.sopi.network").SopiError
NAMES = ("sopi", "deep_reg")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("patients")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(name: str, cache: Path, **changes: Any) -> Any:
    people = Population(
        settings={"size": 24, "spacing_mm": 8.0, "cache_dir": cache},
        patients=3, active=2, steps_per_patient=2, validation_patients=1,
    )  # fmt: skip
    trainer = SopiTrainer if name == "sopi" else DeepRegTrainer
    return trainer(image=32, population=people, scene=SCENE, **changes)


def parameters(network: Any) -> int:
    return sum(each.numel() for each in network.parameters())


def test_sizes_are_the_published_ones() -> None:
    assert parameters(Sopi(Architecture(shared=False))) == 10_699_584
    assert parameters(Sopi(Architecture())) == 5_349_792
    assert parameters(RegiNet(shared=False)) == 781_723
    assert parameters(RegiNet(shared=True)) == 8_571 + 386_720
    assert parameters(Sopi(Architecture(composite=False))) == 386_432


SWITCHES: list[dict[str, Any]] = [
    {"masked": False}, {"composite": False}, {"split_kernel": 3}, {"levels": ("p5",)}, {"contrast": "local"},
]  # fmt: skip


@pytest.mark.parametrize("switch", SWITCHES)
def test_switches_change_the_distance(switch: dict[str, Any]) -> None:
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    images = torch.rand(1, 1, 64, 64)
    images[..., :20] = 0
    images = scaled(images)
    moving = images.roll(2, 3)
    found: list[float] = []
    for settings in ({}, switch):
        torch.manual_seed(1)  # pyright: ignore[reportUnknownMemberType]
        network = Sopi(Architecture(image=64, **settings))
        network.gather(images, images)
        fixed = network.features(network.fixed, network.seen(images))
        with torch.no_grad():
            assert float(network.distance(fixed, images).sum()) < 1e-4 * float(network.distance(fixed, moving).sum())
            found.append(float(network.distance(fixed, moving).sum()))
    assert abs(found[0] - found[1]) > 1e-3 * found[0]


def test_the_mask_is_the_shadow_and_holds_no_gradient() -> None:
    images = torch.zeros(1, 1, 32, 32, requires_grad=True)
    cast = shadow(images + torch.eye(32))
    assert cast.sum() == 32
    assert not cast.requires_grad


@pytest.mark.parametrize("name", NAMES)
def test_loss_falls_and_one_case_is_learnt_by_heart(name: str, cache: Path) -> None:
    """The same pairs over and over: their directions come right."""
    # Bands of 1 to 3 pixels hold little of images of 32 pixels.
    settings = {"max_learning_rate": 1e-3, "contrast": "range"} if name == "sopi" else {"max_learning_rate": 3e-4}
    trainer = tiny(name, cache, **settings)
    library = Library(trainer.population, SCENE, background=False)
    source = Source(library, seed=1, step=0, split=Split.TRAIN, device=torch.device("cpu"))
    torch.manual_seed(3)  # pyright: ignore[reportUnknownMemberType]
    network = trainer.network()
    optimiser = torch.optim.Adam(network.parameters(), lr=trainer.max_learning_rate)
    history: list[float] = []
    for _ in range(45):
        loss = trainer.losses(network, source)["total"]
        optimiser.zero_grad()
        loss.backward(inputs=list(network.parameters()))
        optimiser.step()  # pyright: ignore[reportUnknownMemberType]
        history.append(float(loss.detach()))
    # At this rate single steps overshoot, at other ones with another rounding: the best step is compared.
    assert min(history) < 0.5 * np.mean(history[:3]), history


def test_every_parameter_of_both_learns(cache: Path) -> None:
    """The volume branch too: its gradient comes through both backward passes of the projector."""
    trainer = tiny("deep_reg", cache)
    library = Library(trainer.population, SCENE, background=False)
    source = Source(library, seed=1, step=0, split=Split.TRAIN, device=torch.device("cpu"))
    network = trainer.network()
    loss = trainer.losses(network, source)["total"]
    gradients = torch.autograd.grad(loss, list(network.volume.parameters()))
    assert all(float(each.abs().max()) > 0 for each in gradients)


@pytest.fixture(scope="module")
def weights(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            train(tiny(name, cache), folder=folder, budget=TrainingBudget(steps=2), background=False, device="cpu")
            what = Export(folder=folder, to=folder / "w", command="test")
            export(tiny(name, cache), what, device="cpu")
            made[name] = folder / "w"
        return made[name]

    return make


def method(name: str, folder: Path, **settings: Any) -> Any:
    descent = Descent(iterations=4, joint=2, freeze=name == "sopi")
    start = {"initialiser": "start"} if name == "sopi" else {}
    return registry.load("methods", name)(weights=str(folder), descent=descent, **{**start, **settings})


def problem(cache: Path) -> Problem:
    trainer = tiny("sopi", cache)
    library = Library(trainer.population, SCENE, background=False)
    source = Source(library, seed=1, step=0, split=Split.VALIDATION, device=torch.device("cpu"))
    found = source.problems(source.patients()[0], 1)
    frame, view = found.patient.frame, View(SCENE.camera, image=found.images[0, 0].numpy())
    return Problem(
        case_id="x", patient_id="x", patient_hash="0", volume=found.patient.moving, views=(view,),
        start=frame.pose(found.truth[0] + 2.0), nominal=frame.nominal, centre=frame.centre,
        search=np.array(SCENE.search), seed=1,
    )  # fmt: skip


def answer(chosen: Any, asked: Problem) -> Estimate:
    assert chosen.skip(asked) is None
    prepared = chosen.prepare(asked.volume, [view.without_image() for view in asked.views])
    found: Estimate = chosen.register(asked, prepared)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_exported_weights_answer(name: str, cache: Path, weights: Callable[[str], Path]) -> None:
    asked = problem(cache)
    found = answer(method(name, weights(name)), asked)
    assert is_rigid(found.pose)
    assert found.drr_evaluations == 4
    assert found.outcome is Outcome.BUDGET
    assert found.trace is not None
    assert list(found.trace.best_value) == sorted(found.trace.best_value)
    if name == "sopi":
        assert set(found.seconds) == {"start_start", "descent"}
        assert set(answer(method(name, weights(name), initialiser="nominal"), asked).seconds) >= {"start_nominal"}


def test_gradient_correlation_follows_deep_reg(cache: Path, weights: Callable[[str], Path]) -> None:
    asked = problem(cache)
    alone, both = (answer(method("deep_reg", weights("deep_reg"), refine=each), asked) for each in ("none", "gradncc"))
    assert set(both.seconds) == {"descent", "gradncc"}
    assert both.drr_evaluations > alone.drr_evaluations
    assert not np.allclose(alone.pose, both.pose)


def test_sopi_opt_is_the_chain(cache: Path, weights: Callable[[str], Path]) -> None:
    asked = problem(cache)
    settings = {"weights": str(weights("sopi")), "initialiser": "start"}
    chosen = registry.build("methods", "sopi_opt", {"sopi": settings, "then": "nominal"})
    found = answer(chosen, asked)
    np.testing.assert_allclose(found.pose, asked.nominal)
    assert any(phase.startswith("1_sopi") for phase in found.seconds)
    assert any(phase.startswith("2_nominal") for phase in found.seconds)


@pytest.mark.parametrize("name", NAMES)
def test_another_camera_and_no_weights_are_refused(
    name: str, cache: Path, weights: Callable[[str], Path], tmp_path: Path
) -> None:
    asked = problem(cache)
    chosen = method(name, weights(name))
    other = replace(asked, views=(View(SCENE.camera.binned(2), image=np.ones((16, 16), np.float32)),))
    assert "16 x 16" in chosen.skip(other)
    assert "train them: fluorobench train" in method(name, tmp_path).skip(asked)
    with pytest.raises(FluorobenchError, match="fluorobench train"):
        chosen.register(other, chosen.prepare(other.volume, other.views))


def test_a_patient_without_mask_is_refused_in_one_line(cache: Path, weights: Callable[[str], Path]) -> None:
    asked = problem(cache)
    reason = method("sopi", weights("sopi")).skip(replace(asked, volume=asked.volume.with_mask(None)))
    assert "no mask" in reason
    assert "\n" not in reason


def test_weights_of_another_variant_are_refused(cache: Path, weights: Callable[[str], Path]) -> None:
    asked = problem(cache)
    with pytest.raises(SopiError, match="another variant"):
        method("sopi", weights("sopi"), masked=False).prepare(asked.volume, asked.views)


def test_a_damaged_file_is_refused(cache: Path, weights: Callable[[str], Path], tmp_path: Path) -> None:
    for path in weights("deep_reg").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "deep_reg.safetensors").write_bytes(b"nothing")
    asked = problem(cache)
    with pytest.raises(WeightsError, match="sha256"):
        method("deep_reg", tmp_path).prepare(asked.volume, asked.views)


def test_rows_without_weights_name_the_command() -> None:
    chosen = registry.build("methods", "sopi", {"composite": False})
    assert "--set composite=false" in chosen.command
    assert chosen.command.endswith("methods/sopi/weights/no-ce")


def test_bad_settings_are_refused() -> None:
    for settings in ({"image": 48}, {"levels": ()}, {"levels": ("p6",)}, {"split_kernel": 2}):
        with pytest.raises(SopiError):
            Architecture(**settings)


def test_the_distance_stays_smallest_at_the_truth_while_it_is_learnt(cache: Path) -> None:
    """Two encoders leave it at once: their distance at the truth is soon that of the starts."""
    assert distance_at_truth(cache, steps=10) < 0.1
    assert distance_at_truth(cache, steps=10, shared=False) > 0.5


def distance_at_truth(cache: Path, *, steps: int, **settings: Any) -> float:
    """Mean distance at the truths as a share of that at the starts, after steps of a training."""
    trainer = tiny("deep_reg", cache, pairs=6, **settings)
    library = Library(trainer.population, SCENE, background=False)
    torch.manual_seed(3)  # pyright: ignore[reportUnknownMemberType]
    network = trainer.network()
    optimiser = trainer.optimiser(network)
    for step in range(steps):
        source = Source(library, seed=1, step=step, split=Split.TRAIN, device=torch.device("cpu"))
        optimiser.zero_grad()
        trainer.losses(network, source)["total"].backward(inputs=list(network.parameters()))
        optimiser.step()
    source = Source(library, seed=1, step=0, split=Split.VALIDATION, device=torch.device("cpu"))
    problems = trainer.problems(source, trainer.held_out(source)[0], 6)
    with torch.no_grad():
        volume = features_of(network, *input_volume(problems.patient.moving_map, trainer.longest))
        fixed = network.fixed(scaled(problems.images))
        truth, start = (
            network.distance(fixed, volume.project(torch.as_tensor(poses), problems.camera)).mean()
            for poses in (problems.truth_pose, trainer.starts(problems))
        )
    return float(truth / start)
