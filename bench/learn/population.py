"""The patients of a training."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from bench import registry
from bench.cases.prepare import PreparedPatient, prepare_patient
from bench.cases.scene import Scene
from bench.contract import Dataset, Split
from bench.learn.body import MixedScene
from bench.learn.errors import TrainingError


@dataclass(frozen=True, kw_only=True)
class Population:
    """Which patients are trained and validated on.

    Attributes:
        dataset: Plug-in name.
        settings: Of the dataset.
        patients: Training patients: the first so many of the training split.
        validation_patients: The first so many of the validation split.
        active: Patients in use at a time; the oldest one is replaced by the next one.
        steps_per_patient: Steps between two replacements.
    """

    dataset: str = "phantom"
    settings: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    patients: int = 300
    validation_patients: int = 8
    active: int = 8
    steps_per_patient: int = 20

    def __post_init__(self) -> None:
        if min(self.patients, self.validation_patients, self.active, self.steps_per_patient) < 1:
            raise TrainingError("a population needs at least one patient, one at a time, and one step for each")

    @cached_property
    def source(self) -> Dataset:
        """The dataset plug-in, built."""
        built: Dataset = registry.load("datasets", self.dataset)(**self.settings)
        return built

    def ids(self, split: Split) -> tuple[str, ...]:
        """The patients of a split that are used.

        Raises:
            TrainingError: The test split, which is never trained or validated on.
        """
        if split is Split.TEST:
            raise TrainingError("test patients are for tests: train on 'train', validate on 'validation'")
        wanted = self.patients if split is Split.TRAIN else self.validation_patients
        known = self.source.patient_ids(split)
        return tuple(known[index] for index in range(min(wanted, len(known))))

    def described(self) -> dict[str, Any]:
        """All settings that change a training, as plain values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "settings"}
        return {**plain, "settings": {key: str(value) for key, value in self.settings.items()}}

    @property
    def patient_specific(self) -> bool:
        """Whether the networks are trained for the very patients that they are validated on."""
        return set(self.ids(Split.TRAIN)) == set(self.ids(Split.VALIDATION))

    def prepare(self, patient_id: str, scene: Scene) -> PreparedPatient:
        """Load (or generate) a patient and prepare it for a scene, with the whole body where the scene mixes it in."""
        prepared = prepare_patient(scene, self.source.patient(patient_id))
        if not isinstance(scene, MixedScene):
            return prepared
        return replace(prepared, materials=scene.body.materials(prepared.patient.volume))


def population_of(name_or_path: str, *, profile: str = "full") -> Population:
    """The patients of a protocol, for networks that are trained for these very patients.

    Args:
        name_or_path: Such as ``lgff-sim``, or the path of a protocol file.
        profile: Of the protocol.
    """
    from bench.protocol import read_protocol

    data = read_protocol(name_or_path, profile).data
    count = data.patients
    return Population(
        dataset=data.dataset, settings=data.settings, patients=count, validation_patients=count, active=count
    )


def patients_hash(hashes: Mapping[str, str]) -> str:
    """One fingerprint (16 hex digits) of all patients of a training: of names and contents, in any order."""
    text = "\n".join(f"{name} {hashes[name]}" for name in sorted(hashes))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
