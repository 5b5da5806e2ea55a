"""From a finished or stopped training to weights with a card."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.cases.scene import Scene
from bench.contract import Split, patient_origin
from bench.learn.checkpoint import Position, load_checkpoint
from bench.learn.errors import TrainingError
from bench.learn.hardware import choose_device, describe
from bench.learn.history import summary
from bench.learn.loop import averaged, identity
from bench.learn.population import Population, patients_hash
from bench.learn.source import Library, Source
from bench.learn.trainable import Trainable
from bench.learn.weights import save_weights
from bench.learn.weights_card import TrainedOn, WeightsCard, earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Destination and card entries of an export.

    Attributes:
        folder: Of the training.
        to: Folder of the weights.
        name: Of the files; by default the method's, with the patient's hash where they are patient-specific.
        command: For the card.
        note: For the card.
        hardware: For the card; by default this machine's.
    """

    folder: Path
    to: Path
    command: str
    note: str = ""
    name: str | None = None
    hardware: str | None = None


def export(
    trainable: Trainable, what: Export, *, population: Population | None = None, device: str = "auto"
) -> WeightsCard:
    """Write the weights of a training's checkpoint; held-out figures are those of the exported half precision.

    Raises:
        CheckpointError: No, damaged or foreign checkpoint.
    """
    patients = population or trainable.population
    chosen = choose_device(device)
    network, position = restored(trainable, what.folder, patients, chosen)
    _round_to_half(network)
    held_out = validated(trainable, network, patients, chosen)
    card = card_of(
        trainable, what, patients, network=network, position=position, held_out=held_out,
        hardware=what.hardware or describe(chosen),
    )  # fmt: skip
    specific = patients.patient_specific
    name = what.name or (f"{trainable.name}-{card.trained_on.hashes[0]}" if specific else trainable.name)
    return save_weights(what.to, name, network, card)


def restored(
    trainable: Trainable, folder: Path, population: Population, device: torch.device
) -> tuple[nn.Module, Position]:
    """The (averaged) network of a training's checkpoint, in eval mode, and how far it came."""
    network = trainable.network().to(device)
    optimiser, average = trainable.optimiser(network), dict[str, Tensor]()
    for group in optimiser.param_groups:
        group.setdefault("initial_lr", group["lr"])
    position = load_checkpoint(folder, identity(trainable, population), network, optimiser, average)
    return averaged(trainable, network, average), position


def validated(
    trainable: Trainable, network: nn.Module, population: Population, device: torch.device
) -> dict[str, float]:
    """Held-out figures of a network."""
    library = Library(population, trainable.scene, background=False)
    source = Source(library, seed=trainable.plan.seed, step=0, split=Split.VALIDATION, device=device)
    return {name: float(f"{value:.5g}") for name, value in trainable.validate(network, source).items()}


def _round_to_half(network: nn.Module) -> None:
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half().float())


def card_of(
    trainable: Trainable,
    what: Export,
    patients: Population,
    *,
    network: nn.Module,
    position: Position,
    held_out: Mapping[str, float],
    hardware: str,
) -> WeightsCard:
    """The card of a network's weights, without their files."""
    return WeightsCard(
        method=trainable.name,
        version=trainable.version,
        architecture=dict(trainable.architecture),
        parameters=sum(each.numel() for each in network.parameters()),
        volume_shape=tuple(trainable.volume_shape),
        scene=trainable.scene.described(),
        training=_training(trainable),
        trained_on=_trained_on(patients, trainable.scene, position),
        steps=position.step,
        seconds=round(position.seconds, 1),
        hardware=hardware,
        command=what.command,
        losses=summary(what.folder),
        held_out=dict(held_out),
        files=(),
        note=what.note,
        earlier=tuple(earlier(each) for each in position.earlier),
    )


def _training(trainable: Trainable) -> dict[str, str]:
    fields: Mapping[str, Any] = getattr(trainable, "__dataclass_fields__", {})
    return {name: str(getattr(trainable, name)) for name in fields}


def _trained_on(patients: Population, scene: Scene, position: Position) -> TrainedOn:
    used = tuple(name for name in patients.ids(Split.TRAIN) if name in position.hashes)
    if not used:
        raise TrainingError("the checkpoint is of a training without any patient yet; train for some steps first")
    specific = patients.patient_specific
    origins = [origin for name in used if (origin := patient_origin(patients.source, name)) is not None]
    return TrainedOn(
        dataset=patients.dataset,
        settings={key: _named(value) for key, value in patients.settings.items()},
        split=str(Split.TRAIN),
        patients=used,
        patients_hash=patients_hash({name: position.hashes[name] for name in used}),
        validation=patients.ids(Split.VALIDATION),
        region=scene.region,
        target=scene.target,
        moving=scene.moving,
        patient_specific=specific,
        hashes=tuple(position.hashes[name] for name in used) if specific else (),
        generator=origins[0].generator if origins else None,
        revision=origins[0].revision if origins else None,
        seeds=tuple(origin.seed for origin in origins),
    )


def _named(value: object) -> str:
    """A setting as text; of a path the name alone: a card must not state the folders of a machine."""
    text = str(value)
    return Path(text).name if Path(text).is_absolute() else text
