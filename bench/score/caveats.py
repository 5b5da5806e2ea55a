"""What a reader must know beside a row.

Patients that a method met before, targets unlike those that its weights learnt from, and people of another population.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd

from bench.cases.records import ImageSource, PatientRecord
from bench.contract import TrainingProvenance
from bench.learn import WeightsCard
from bench.protocol import Protocol
from bench.protocol.model import Data
from bench.run.parts import Part, parts
from bench.score.provenance import image_provenance
from bench.score.statistics import text_column

# Columns of one sentence a row, empty where there is nothing to say.
PROVENANCE = "training_provenance"
DOMAIN_SHIFT = "domain_shift"
TRAINING_POPULATION = "training_population"

# Procedural patients carry their generator and its version in their ids, whatever dataset hands them on.
_GENERATED = re.compile(r"(.+)-v(\d+)-\d{6}")


def with_caveats(rows: pd.DataFrame, protocol: Protocol, patients: Sequence[PatientRecord]) -> pd.DataFrame:
    """Rows with the columns ``training_provenance``, ``domain_shift`` and ``training_population``.

    Args:
        rows: Of a run (``bench.score.rows``).
        protocol: What was run.
        patients: Of the run.
    """
    made_of = {choice.label: parts(choice) for choice in protocol.methods}
    known = {each.patient_id: each for each in patients}

    @cache
    def told(label: str, patient_id: str, real: bool) -> tuple[str, ...]:
        patient, some = known[patient_id], made_of[label]
        met = dict.fromkeys(line for part in some for line in met_before(part.provenance, patient))
        other = dict.fromkeys(line for part in some for line in _domain_shift(part, patient, protocol.data, real=real))
        return "; ".join(met), "; ".join(other), _other_people(some, patient)

    real = [images.source is ImageSource.REAL for images in image_provenance(rows)]
    keys = zip(text_column(rows, "label"), text_column(rows, "patient_id"), real, strict=True)
    found = [told(*key) for key in keys]
    return rows.assign(
        **{
            name: [each[at] for each in found]
            for at, name in enumerate((PROVENANCE, DOMAIN_SHIFT, TRAINING_POPULATION))
        }
    )


def met_before(exposure: Sequence[TrainingProvenance], patient: PatientRecord) -> list[str]:
    """One sentence for each exposure that the patient is part of."""
    fingerprints = {patient.patient_hash, patient.voxels_hash or patient.patient_hash}
    found = [each for each in exposure if each.met(patient.dataset, patient.patient_id, fingerprints)]
    return [f"{each.what} on {', '.join(each.patients)} of {each.dataset}: {each.note.rstrip('.')}" for each in found]


def _domain_shift(part: Part, patient: PatientRecord, data: Data, *, real: bool) -> list[str]:
    """How this case differs from what weights learnt from, one sentence a card."""
    differences = [(card.method, domain_shift(card, data, real=real)) for card in _used(part, patient)]
    return [f"{method} learnt from {', '.join(found)}" for method, found in differences if found]


def _used(part: Part, patient: PatientRecord) -> list[WeightsCard]:
    """Cards of the weights that are for this patient."""
    return [card for card in part.cards if not card.trained_on.patient_specific or _knows(card, patient)]


def _other_people(some: Sequence[Part], patient: PatientRecord) -> str:
    """Whom a row's weights learnt from, where some of them never met people of the patient's population; else empty."""
    here, learnt = population(patient.dataset, patient.patient_id), dict[str, None]()
    for card in (card for part in some for card in _used(part, patient)):
        trainings = [*(each.trained_on for each in card.earlier), card.trained_on]
        met = dict.fromkeys(population(on.dataset, name) for on in trainings for name in on.patients)
        learnt |= {} if here in met else met
    return f"{', '.join(learnt)} (here: {here})" if learnt else ""


def population(dataset: str, patient_id: str) -> str:
    """Which people a patient is one of: ``phantom version 4``, or the dataset's name."""
    found = _GENERATED.fullmatch(patient_id)
    return f"{found[1]} version {found[2]}" if found else dataset


def _knows(card: WeightsCard, patient: PatientRecord) -> bool:
    return patient.patient_hash in card.trained_on.hashes


def domain_shift(card: WeightsCard, data: Data, *, real: bool) -> list[str]:
    """What weights learnt from, where a protocol's cases show something else."""
    on, body = card.trained_on, _body(card)
    targets = [on.target, *([str(body["content"])] if "content" in body else [])]
    said: list[str] = []
    if real:
        said.append(f"simulated X-rays of {' and '.join(targets)} (here: real X-rays)")
    elif data.target not in targets:
        said.append(f"X-rays of {' and '.join(targets)} (here: {data.target})")
    if on.moving != data.moving:
        said.append(f"moving {on.moving} (here: {data.moving})")
    if on.region != data.region:
        said.append(f"region {on.region} (here: {data.region})")
    return said


def _body(card: WeightsCard) -> Mapping[str, Any]:
    found: Mapping[str, Any] = card.scene.get("body", {})
    return found
