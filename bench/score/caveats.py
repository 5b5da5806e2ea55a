"""Reservations about a row: what its method was trained or tuned on, beside the patients and images of the row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from bench.cases.records import ImageSource, PatientRecord
from bench.contract import TrainingProvenance
from bench.learn import WeightsCard, generated_population
from bench.protocol import Protocol
from bench.protocol.model import Data
from bench.run.declared import DeclaredMethod, DeclaredPart, declared_part
from bench.run.parts import parts
from bench.score.column import Column
from bench.score.columnar import categorical, texts, with_columns
from bench.score.provenance import SOURCE

PROVENANCE = "training_provenance"
DOMAIN_SHIFT = "domain_shift"
TRAINING_POPULATION = "training_population"
NO_TRAINING = "no_training"
GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Caveats:
    """What the columns of reservations are computed from.

    Attributes:
        parts: The plug-ins that the row's method is made of, with their weights; as the run states them where they are
            not here.
        patient: Whose case it is.
        data: Of the protocol.
        real: Whether the case is on a real X-ray.
    """

    parts: tuple[DeclaredPart, ...]
    patient: PatientRecord
    data: Data
    real: bool

    def trainings_with(self) -> str:
        """Trainings and tunings that included the patient."""
        return _joined(line for part in self.parts for line in trainings_with(part.provenance, self.patient))

    def no_training(self) -> str:
        """How the weights came about, where no optimiser made a step; one phrase a network."""
        cards = (card for part in self.parts for card in part.cards)
        return _joined(f"{card.method}: {card.note}" for card in cards if not card.steps)

    def given(self) -> str:
        """What the method is given of the patient beside the moving content and its box; else empty."""
        return "the whole CT" if any(part.uses_whole_ct for part in self.parts) else ""

    def domain_shift(self) -> str:
        """How the images of the case differ from those that weights were trained on, one phrase a card."""
        cards = (card for part in self.parts for card in _used(part, self.patient))
        found = ((card.method, domain_shift(card, self.data, real=self.real)) for card in cards)
        return _joined(
            f"{method} was trained on {', '.join(differences)}" for method, differences in found if differences
        )

    def training_population(self) -> str:
        """The populations that weights were trained on, where the patient's own is not among them; else empty."""
        here, trained = population_of(self.patient), dict[str, None]()
        for card in (card for part in self.parts for card in _used(part, self.patient)):
            trainings = [*(each.trained_on for each in card.earlier), card.trained_on]
            names = dict.fromkeys(on.population for on in trainings)
            trained |= {} if here in names else names
        return f"{', '.join(trained)} (here: {here})" if trained else ""


CAVEAT_COLUMNS: tuple[Column[Caveats], ...] = (
    Column(
        name=PROVENANCE,
        heading="Trained on the patient",
        definition="Trainings and tunings of the method that included the patient; empty where none did.",
        compute=Caveats.trainings_with,
    ),
    Column(
        name=NO_TRAINING,
        heading="No training",
        definition="Networks of the method whose weights are those before a training's first step; empty without any.",
        compute=Caveats.no_training,
    ),
    Column(
        name=GIVEN,
        heading="Given",
        definition="What the method is given of the patient beside the moving content and its box; else empty.",
        compute=Caveats.given,
    ),
    Column(
        name=DOMAIN_SHIFT,
        heading="Domain shift",
        definition="How the images of the case differ from those that the weights were trained on; empty where they do "
        "not.",
        compute=Caveats.domain_shift,
    ),
    Column(
        name=TRAINING_POPULATION,
        heading="Training population",
        definition="Populations that the weights were trained on, where the patient's own is not among them; else "
        "empty.",
        compute=Caveats.training_population,
    ),
)


def with_caveats(
    rows: pd.DataFrame,
    protocol: Protocol,
    patients: Sequence[PatientRecord],
    declared: Mapping[str, DeclaredMethod] | None = None,
) -> pd.DataFrame:
    """Rows with the columns ``CAVEAT_COLUMNS``.

    Args:
        rows: Of a run (``bench.score.rows``).
        protocol: What was run.
        patients: Of the run.
        declared: Of methods whose plug-ins are not here, by label (``bench.run.declared``).
    """
    elsewhere = {label: each.parts for label, each in (declared or {}).items()}
    here = {
        choice.label: tuple(map(declared_part, parts(choice)))
        for choice in protocol.methods
        if choice.label not in elsewhere
    }
    made_of: dict[str, tuple[DeclaredPart, ...]] = {**here, **elsewhere}
    known = {each.patient_id: each for each in patients}

    @cache
    def cells(label: str, patient_id: str, real: bool) -> dict[str, Any]:
        caveats = Caveats(made_of[label], known[patient_id], protocol.data, real)
        return {each.name: each.value(caveats) for each in CAVEAT_COLUMNS}

    real = np.asarray(rows[SOURCE] == ImageSource.REAL.value, dtype=np.int64)
    (label_codes, labels), (patient_codes, patients_seen) = texts(rows, "label"), texts(rows, "patient_id")
    shape = (len(labels), len(patients_seen), 2)
    keys, codes = np.unique(np.ravel_multi_index((label_codes, patient_codes, real), shape), return_inverse=True)
    combinations: list[tuple[int, int, int]] = list(zip(*np.unravel_index(keys, shape), strict=True))
    found = [cells(labels[label], patients_seen[patient], bool(real)) for label, patient, real in combinations]
    names = [each.name for each in CAVEAT_COLUMNS]
    columns = {name: categorical(codes, [str(each[name]) for each in found]) for name in names}
    return with_columns(rows, columns)


def trainings_with(trainings: Sequence[TrainingProvenance], patient: PatientRecord) -> list[str]:
    """One phrase for each training or tuning that the patient was part of."""
    fingerprints = {patient.patient_hash, patient.voxels_hash or patient.patient_hash}
    found = [each for each in trainings if each.includes(patient.dataset, patient.patient_id, fingerprints)]
    return [f"{each.what} on {', '.join(each.patients)} of {each.dataset}: {each.note.rstrip('.')}" for each in found]


def _joined(lines: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(lines))


def _used(part: DeclaredPart, patient: PatientRecord) -> list[WeightsCard]:
    """Cards of trained weights that are for this patient."""
    trained = (card for card in part.cards if card.steps)
    return [card for card in trained if not card.trained_on.patient_specific or _knows(card, patient)]


def population_of(patient: PatientRecord) -> str:
    """Which population a patient belongs to: generator and revision, or the dataset's name."""
    origin = patient.origin
    return patient.dataset if origin is None else generated_population(origin.generator, origin.revision)


def _knows(card: WeightsCard, patient: PatientRecord) -> bool:
    return patient.patient_hash in card.trained_on.hashes


def domain_shift(card: WeightsCard, data: Data, *, real: bool) -> list[str]:
    """What weights were trained on, where a protocol's cases show something else; one phrase a difference."""
    on, body = card.trained_on, _body(card)
    targets = [on.target, *([str(body["content"])] if "content" in body else [])]
    differences: list[str] = []
    if real:
        differences.append(f"simulated X-rays of {' and '.join(targets)} (here: real X-rays)")
    elif data.target not in targets:
        differences.append(f"X-rays of {' and '.join(targets)} (here: {data.target})")
    if on.moving != data.moving:
        differences.append(f"moving {on.moving} (here: {data.moving})")
    if on.region != data.region:
        differences.append(f"region {on.region} (here: {data.region})")
    return differences


def _body(card: WeightsCard) -> Mapping[str, Any]:
    found: Mapping[str, Any] = card.scene.get("body", {})
    return found
