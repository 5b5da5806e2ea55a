"""Weights of no training: what an architecture, its initial weights and its inference do before the first step.

A trained row shows that something was learnt only by its difference to these. The network is the one that a training
begins with: the trainer's seed, and the shipped weights' architecture. ``STEPS`` batches of that training then pass
through it and no optimiser follows: they set the statistics of batch normalisations and the step length of a descent on
a learnt distance, without which neither could be used.
"""

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from bench import registry
from bench.contract import Split
from bench.errors import describe_error
from bench.files import cache_folder
from bench.learn.checkpoint import Position
from bench.learn.errors import WeightsError
from bench.learn.export import Export, card_of
from bench.learn.hardware import describe, one_thread
from bench.learn.loop import identity
from bench.learn.source import Library, Source
from bench.learn.trainable import Trainable
from bench.learn.weights import save_weights
from bench.learn.weights_card import read_card
from bench.perturb import salted_seed

UNTRAINED = "untrained"
"""The setting ``weights`` that asks for them."""

STEPS = 12
_CPU = torch.device("cpu")
_NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def weights_folder(setting: str | None, method: str, shipped: Path) -> Path:
    """The folder, or card, that a method's setting ``weights`` names: None = what is shipped.

    Raises:
        WeightsError: Untrained weights that cannot be made or kept.
    """
    if setting is None:
        return shipped
    return untrained_weights(method) if setting == UNTRAINED else Path(setting)


def untrained_weights(method: str) -> Path:
    """Folder of a method's untrained weights in the user's cache, made at their first use.

    Raises:
        WeightsError: A method that is not trained at all, or a cache that cannot be written.
    """
    trainable = as_shipped(method)
    folder = _folder(trainable)
    if not _there(folder):
        try:
            _make(trainable, folder)
        except OSError as error:
            raise WeightsError(
                f"untrained weights of {method} cannot be kept in {folder}: {describe_error(error)}; name a folder to "
                "write to in XDG_CACHE_HOME"
            ) from None
    return folder


def is_made(method: str) -> bool:
    """Whether a method's untrained weights are in the cache."""
    return _there(_folder(as_shipped(method)))


def as_shipped(method: str) -> Trainable:
    """The method's trainer, for the architecture of its shipped weights where there are any."""
    module = registry.module("methods", method)
    trainer = getattr(module, "trainer", None)
    if trainer is None:
        raise WeightsError(f"{method} is not trained, so that it has no untrained weights; leave its setting out")
    built: Trainable = trainer()
    shipped = next(iter(sorted((Path(str(module.__file__)).parent / "weights").glob("*.toml"))), None)
    if shipped is None:
        return built
    wanted, known = read_card(shipped).architecture, {each.name for each in fields(cast("Any", built))}
    built = replace(cast("Any", built), **{key: _frozen(each) for key, each in wanted.items() if key in known})
    if _text(built.architecture) != _text(wanted):
        raise WeightsError(f"{method}'s trainer does not build the architecture of {shipped.name}; train again")
    return built


def _folder(trainable: Trainable) -> Path:
    return cache_folder(UNTRAINED) / f"{trainable.name}-{_key(trainable)}"


def _there(folder: Path) -> bool:
    return any(folder.glob("*.toml"))


def _make(trainable: Trainable, folder: Path) -> None:
    plan, population = trainable.plan, trainable.population
    library = Library(population, trainable.scene, background=False)
    with one_thread():
        torch.manual_seed(salted_seed(plan.seed, "network"))  # pyright: ignore[reportUnknownMemberType]
        network = trainable.network()
        momenta = {each: each.momentum for each in network.modules() if isinstance(each, _NORMALISATIONS)}
        for each in momenta:
            each.momentum = None  # a plain mean over all batches
        for step in range(STEPS):
            torch.manual_seed(salted_seed(plan.seed, "step", step))  # pyright: ignore[reportUnknownMemberType]
            source = Source(library, seed=plan.seed, step=step, split=Split.TRAIN, device=_CPU)
            trainable.losses(network.train(), source)
        for each, momentum in momenta.items():
            each.momentum = momentum
        what = Export(
            folder=folder, to=folder, command=f'none: the setting weights = "{UNTRAINED}"',
            note=f"no optimiser step; initial weights of seed {plan.seed}, statistics and steps of {STEPS} batches",
        )  # fmt: skip
        position = Position(hashes=dict(library.hashes))
        card = card_of(
            trainable, what, population, network=network, position=position, held_out={}, hardware=describe(_CPU)
        )
        name = f"{trainable.name}-{card.trained_on.hashes[0]}" if population.patient_specific else trainable.name
        save_weights(folder, name, network, replace(card, losses={}))


def _key(trainable: Trainable) -> str:
    """12 hex digits of what decides the weights: the training's settings, the plug-in's files, torch's version."""
    place = Path(inspect.getfile(type(trainable))).parent
    digest = hashlib.sha256(_text([identity(trainable, trainable.population), STEPS, torch.__version__]).encode())
    for path in sorted(place.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _frozen(value: object) -> object:
    """A card's list as the tuple that a setting is."""
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=_plain)


def _plain(value: object) -> object:
    return dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else str(value)
