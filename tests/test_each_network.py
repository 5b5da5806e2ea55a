"""What holds for every network that can be trained: it goes on after a kill, and uses no test patient.

That its loss falls, and that it learns one case by heart, is tested beside each.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
import torch

from bench import registry
from bench.cases.build import build_case
from bench.cases.prepare import load_patient, open_dataset, patient_ids
from bench.contract import Split
from bench.geometry import Camera
from bench.learn import Population, Source, TrainingBudget, TrainingProgress, scene_of, train
from bench.learn.history import read_rows
from bench.learn.source import Library
from bench.learn.tensors import read_tensors
from bench.learn.vertebra_trainer import UNITS
from bench.protocol import PROTOCOLS, protocol_names, read_protocol

SCENE = scene_of("sopi-sim", start=None, camera=Camera.centred(sdd_mm=1011.7, height=32, width=32, spacing_mm=6.4))
# The patient changes every second step: the training is killed with its second one, and goes on with it.
KILLED_AT, STEPS = 3, 4
OF_ONE_PATIENT = ("lgff_reg", "res_reg_net", "zhang")


def trainers() -> dict[str, Any]:
    """Every plug-in that learns, by its being there."""
    found = {name: getattr(registry.module("methods", name), "trainer", None) for name in registry.names("methods")}
    return {name: trainer for name, trainer in found.items() if trainer is not None}


NAMES = tuple(trainers())


def tiny(name: str) -> Any:
    """A trainer whose steps take moments."""
    build = trainers()[name]
    if name == "rtpi":
        shape = replace(
            build().shape, volume=(16, 24, 16), image=32, volume_widths=(4, 8, 8), image_widths=(8, 16),
            localisation_widths=(16,), hidden=64,
        )  # fmt: skip
        return build(shape=shape, voxel_mm=8.0, scene=SCENE, patients=1, poses=8, compared=2, rendered=32)
    if name in OF_ONE_PATIENT:
        return build(image_size=32, batch=4)
    return build(image=32, scene=SCENE, max_learning_rate=1e-3 if name == "sopi" else 3e-4)


def people(name: str, cache: Path, **changes: Any) -> Population:
    """The network's own population on a grid that is made in a moment."""
    population: Population = tiny(name).population
    grid = {"size": 48, "spacing_mm": 5.0} if name in OF_ONE_PATIENT else {"size": 24, "spacing_mm": 8.0}
    few = {} if name in OF_ONE_PATIENT else {"patients": 2, "validation_patients": 1, "active": 2}
    settings = {**population.settings, **grid, "cache_dir": cache}
    return replace(population, settings=settings, **{**few, "steps_per_patient": 2, **changes})


def run(name: str, cache: Path, folder: Path, **options: Any) -> Any:
    """Train for ``STEPS`` steps, with a checkpoint after each."""
    chosen: Any = _Often(tiny(name))
    options = {"budget": TrainingBudget(steps=STEPS), "population": people(name, cache), **options}
    return train(chosen, folder=folder, background=False, device="cpu", **options)


class _Often:
    """A trainer whose plan keeps a checkpoint after every step, whether or not the plan is a field of it."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self.plan = replace(trainer.plan, checkpoint_seconds=0.0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)


class KilledError(Exception):
    """Ends a training as SIGKILL does: nothing more is written."""


def kill(progress: TrainingProgress) -> None:
    """After a step and before its checkpoint. (A real SIGKILL: in test_learn.py.)"""
    if progress.step == KILLED_AT:
        raise KilledError


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("patients")


@pytest.fixture(scope="module")
def trained(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a network that was trained without a stop, once for all tests."""

    @functools.cache
    def folder(name: str) -> Path:
        made = tmp_path_factory.mktemp(name)
        run(name, cache, made)
        return made

    return folder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums over pixels are split by threads: another number of them gives other last bits."""
    before = torch.get_num_threads(), numba.get_num_threads()
    _use_threads(1, 1)
    yield
    _use_threads(*before)


def _use_threads(of_torch: int, of_numba: int) -> None:
    torch.set_num_threads(of_torch)
    numba.set_num_threads(of_numba)


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return read_tensors(folder / "checkpoint.safetensors")[0]


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", NAMES)
def test_killed_and_resumed_gives_the_same_bits(
    name: str, cache: Path, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    """The step that was done and not kept is done again; nothing tells the result from one that was never killed."""
    whole, parts = trained(name), tmp_path / "parts"
    with pytest.raises(KilledError):
        run(name, cache, parts, report=kill)
    assert len(read_rows(parts / "losses.csv")) == KILLED_AT
    assert not same(tensors(parts), tensors(whole))
    seen: list[int] = []

    def note(progress: TrainingProgress) -> None:
        if not progress.held_out:
            seen.append(progress.step)

    run(name, cache, parts, report=note)
    assert seen == list(range(KILLED_AT, STEPS + 1))
    assert same(tensors(parts), tensors(whole))
    curves = [[row["total"] for row in read_rows(each / "losses.csv")] for each in (whole, parts)]
    assert curves[0] == curves[1]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OF_ONE_PATIENT])
def test_no_test_patient_is_trained_or_validated_on(name: str, trained: Callable[[str], Path]) -> None:
    """As declared, and as done: the patients that a training wrote down are none of any protocol with its network."""
    learnt = trainers()[name]().population
    splits = {split: set(learnt.ids(split)) for split in (Split.TRAIN, Split.VALIDATION)}
    tested = set[str]().union(*(phantoms_of(each) for each in protocol_names()))
    assert tested
    assert not splits[Split.TRAIN] & splits[Split.VALIDATION]
    assert not (splits[Split.TRAIN] | splits[Split.VALIDATION]) & tested
    training: Any = json.loads(read_tensors(trained(name) / "checkpoint.safetensors")[1]["training"])
    met: dict[str, str] = training["position"]["hashes"]
    assert met
    assert set(met) <= splits[Split.TRAIN]


def phantoms_of(protocol_name: str) -> list[str]:
    """Patients of a protocol on the procedural population, in full; none of a gate.

    The gates compare the code with itself, on validation patients, and have no tables.
    """
    protocol = read_protocol(protocol_name, "full")
    if protocol.data.dataset != "phantom":
        return []
    if protocol.data.split is not Split.TEST:
        assert not protocol.artefacts.names
        return []
    return patient_ids(protocol, open_dataset(protocol))


def test_patients_of_different_splits_are_different() -> None:
    """Names apart would prove nothing if seeds were folded: voxels are compared."""
    dataset = registry.build("datasets", "phantom", {"size": 24, "spacing_mm": 8.0})
    ids = [dataset.patient_ids(split)[number] for split in Split for number in (0, 1)]
    assert len({dataset.patient(each).volume.fingerprint() for each in ids}) == len(ids)


@pytest.mark.parametrize("name", OF_ONE_PATIENT)
def test_one_patients_poses_are_none_of_those_tested(name: str, cache: Path) -> None:
    population = people(name, cache)
    settings = {**population.settings, "cache_dir": str(cache)}
    protocol = read_protocol("lgff-sim", "quick", {"data": {"settings": settings}})
    staged = load_patient(protocol, open_dataset(protocol), population.ids(Split.TRAIN)[0])
    cases = [build_case(protocol, staged, index).case for index in range(3)]
    tested = np.array([case.problem.frame.parameters(case.truth) for case in cases])
    library = Library(population, tiny(name).scene, background=False)
    for step in range(4):
        source = Source(library, seed=tiny(name).plan.seed, step=step, split=Split.TRAIN, device=torch.device("cpu"))
        learnt = UNITS.theta(tiny(name).fresh(source, 16)[1])
        assert np.abs(learnt[:, None] - tested[None]).max(axis=2).min() > 1e-3


def test_the_ablation_names_one_command_for_every_folder_of_weights() -> None:
    protocol = read_protocol("sopi-ablation", "full")
    named = re.findall(r"train sopi --steps (\d+)(?: --set (\w+)=false)? --out (\S+)", _text("sopi-ablation"))
    wanted = {
        str(row.settings["weights"]): row.settings
        for row in protocol.methods
        if row.settings.get("weights", "untrained") != "untrained"
    }
    assert {f"{folder}/weights" for _, _, folder in named} == set(wanted)
    assert len({steps for steps, _, _ in named}) == 1
    for _, switch, folder in named:
        off = {name for name in ("composite", "masked") if wanted[f"{folder}/weights"].get(name) is False}
        assert off == ({switch} if switch else set())


def _text(name: str) -> str:
    return (PROTOCOLS / f"{name}.toml").read_text()
