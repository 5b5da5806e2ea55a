"""The card beside every weights file: training, intended use and held-out errors of the weights."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from bench.contract import TrainingProvenance
from bench.errors import describe_error
from bench.files import write_bytes
from bench.geometry import Camera, StandardView
from bench.learn.errors import WeightsError
from bench.learn.plain import from_plain
from bench.text import parse_toml

SCHEMA = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFile:
    """One safetensors file of the weights."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedOn:
    """The patients of a training.

    Attributes:
        dataset: Plug-in name.
        settings: Of the dataset, as text, where stated.
        split: Which patients they are.
        patients: Ids, in the order they came.
        patients_hash: Fingerprint of the ids and contents (``bench.learn.population.patients_hash``).
        validation: Ids of the patients that the held-out figures are of.
        region: Part of the CT.
        target: Content that the X-ray sees.
        moving: Content that methods are given.
        patient_specific: Weights for these very patients; others are refused.
        hashes: Fingerprints of the patients where they are patient-specific, else empty.
        generator: Of procedural patients; None where they were imaged, and in cards that do not state it yet.
        revision: Of the generator.
        seeds: Of the patients, in their order.
    """

    dataset: str
    settings: Mapping[str, str]
    split: str
    patients: tuple[str, ...]
    patients_hash: str
    validation: tuple[str, ...]
    region: str
    target: str
    moving: str
    patient_specific: bool = False
    hashes: tuple[str, ...] = ()
    generator: str | None = None
    revision: int | None = None
    seeds: tuple[int, ...] = ()

    @property
    def population(self) -> str:
        """What the patients are a sample of: generator and revision, or the dataset's name."""
        if self.generator is None or self.revision is None:
            return self.dataset
        return generated_population(self.generator, self.revision)


def generated_population(generator: str, revision: int) -> str:
    """Name of the population that a generator makes, such as ``phantom revision 5``."""
    return f"{generator} revision {revision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier training whose weights this one began with."""

    command: str
    steps: int
    seconds: float
    trained_on: TrainedOn


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsCard:
    """The card of weights.

    Attributes:
        method: Plug-in name.
        version: Of the architecture.
        architecture: What the network is built from.
        parameters: Number of trained parameters.
        volume_shape: Voxels of the volume input; empty = any.
        scene: Content, camera, view, depth and distributions of the training (``Scene.described``).
        training: The trainer's settings as text.
        trained_on: Patients.
        steps: Optimiser steps.
        seconds: Trained, waiting included.
        hardware: Of the training.
        command: That reproduces the training.
        losses: ``steps`` and mean ``total`` loss of the interval that ends there.
        held_out: Figures on validation patients, of the weights as exported.
        files: Of the weights.
        note: Remarks: result, limits, expected effect of more training.
        earlier: Trainings before this one, oldest first, where it began with finished weights; ``steps``, ``seconds``
            and ``trained_on`` are those of the last one alone.
        schema: Of this card.
    """

    method: str
    version: int
    architecture: Mapping[str, Any]
    parameters: int
    volume_shape: tuple[int, ...]
    scene: Mapping[str, Any]
    training: Mapping[str, str]
    trained_on: TrainedOn
    steps: int
    seconds: float
    hardware: str
    command: str
    losses: Mapping[str, list[float]]
    held_out: Mapping[str, float]
    files: tuple[WeightsFile, ...]
    note: str = ""
    earlier: tuple[Earlier, ...] = ()
    schema: int = field(default=SCHEMA)

    @property
    def provenance(self) -> tuple[TrainingProvenance, ...]:
        """For the plug-in's own card: which patients were trained and tuned on, in this training and before it.

        Empty for weights without any optimiser step.
        """
        if not self.steps:
            return ()
        before = [self._provenance_of(each.trained_on, each.steps) for each in self.earlier]
        return (*before, self._provenance_of(self.trained_on, self.steps))

    def _provenance_of(self, on: TrainedOn, steps: int) -> TrainingProvenance:
        own = "; of these very patients, test patients perhaps among them: only poses are drawn apart"
        return TrainingProvenance(
            what="trained", dataset=on.dataset, split=on.split, patients=on.patients, trials=steps,
            hardware=self.hardware, note=f"weights of {self.method}, patients' hash {on.patients_hash}"
            f"{own if on.patient_specific else ''}",
            patient_specific=on.patient_specific,
        )  # fmt: skip


def write_card(card: WeightsCard, path: Path) -> None:
    """Write a card as TOML."""
    import tomli_w

    write_bytes(path, tomli_w.dumps(_plain(asdict(card))).encode(), durable=True)


def read_card(path: Path) -> WeightsCard:
    """Read a card.

    Raises:
        WeightsError: No such file, no TOML, another schema, keys missing or unknown, values of another type.
    """
    try:
        table: dict[str, Any] = parse_toml(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise WeightsError(
            f"the weights' card {path.name} cannot be read ({describe_error(error)}); train or fetch it again"
        ) from None
    schema = table.get("schema")
    if schema != SCHEMA:
        raise WeightsError(
            f"the weights' card {path.name} has schema {schema}, this program reads {SCHEMA}; "
            f"train again: fluorobench train {table.get('method', 'NAME')}"
        )
    try:
        card = from_plain(WeightsCard, table, defaults=True)
        _require_usable(card)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise WeightsError(
            f"the weights' card {path.name} is not complete or not usable ({error}); train or fetch it again"
        ) from None
    return card


def earlier(table: Mapping[str, Any]) -> Earlier:
    """From a card's plain values."""
    return from_plain(Earlier, table, "earlier", defaults=True)


def _require_usable(card: WeightsCard) -> None:
    """Raise ``KeyError``, ``TypeError`` or ``ValueError`` where the card does not describe a usable network."""
    camera = card.scene["camera"]
    Camera(np.array(camera["K"], dtype=np.float64), int(camera["height"]), int(camera["width"]), None)
    _ = float(card.scene["depth_mm"]), StandardView[card.scene["view"]]
    for file in card.files:
        if Path(file.name).name != file.name:
            raise ValueError(f"files lie beside their card; got {file.name}")


def _plain(value: Any) -> Any:
    """Values as TOML tables and arrays."""
    if isinstance(value, Mapping):
        table = cast("Mapping[str, Any]", value)
        return {key: _plain(each) for key, each in table.items() if each is not None}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in cast("list[Any]", value)]
    return value
