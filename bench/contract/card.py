"""Cards: the description of a plug-in, printed by ``fluorobench info`` and checked by the tests.

Test patients may stand in a ``TrainingProvenance`` only with their fingerprints, by which every table marks the rows
concerned.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProvenance:
    """Patients that a method was trained or tuned on, to detect leakage into a test.

    Attributes:
        what: ``trained`` or ``tuned``.
        dataset: Plug-in name of the dataset.
        split: The split the patients came from.
        patients: Their ids, as named by the dataset.
        trials: Settings tried (tuning) or optimiser steps (training); None where they were not counted.
        hardware: What it ran on.
        note: What was varied, and what was found.
        patient_specific: Trained for these patients alone and refused for all others; leakage then concerns poses,
            not patients.
        hashes: Fingerprints of the patients' volumes (``Volume.fingerprint`` or, independently of labels,
            ``Volume.voxels_hash``); needed where ids do not identify a CT, as with the user's own files. A CT cropped
            before it was read has another one.
    """

    what: str
    dataset: str
    split: str
    patients: tuple[str, ...]
    trials: int | None
    hardware: str
    note: str
    patient_specific: bool = False
    hashes: tuple[str, ...] = ()

    def includes(self, dataset: str, patient_id: str, fingerprints: Collection[str]) -> bool:
        """Whether a patient is one of them: compared by fingerprint where there are any, else by id within the dataset.

        Args:
            dataset: Plug-in name of the patient's dataset.
            patient_id: The patient's name there.
            fingerprints: Of the patient's volume, of either kind.
        """
        if self.hashes:
            return not set(self.hashes).isdisjoint(fingerprints)
        return dataset == self.dataset and patient_id in self.patients


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Description of a plug-in: source, licence, deviations from the source, training provenance.

    Attributes:
        title: One line that identifies it.
        source: Paper, equation or section; or "ours".
        citation: Reference in one line; BibTeX-free.
        licence: Of the data or of the reimplemented method's reference.
        deviations: How it differs from its source; one sentence each.
        uses_start: Whether the answer depends on ``Problem.start`` (methods); None where the settings decide.
        uses_whole_ct: Whether it is given ``Volume.whole`` (methods); all others hold the moving content and its box.
        provenance: Patients it was trained and tuned on; empty for plug-ins that used none.
    """

    title: str
    source: str
    citation: str
    licence: str
    deviations: tuple[str, ...] = ()
    uses_start: bool | None = None
    uses_whole_ct: bool = False
    provenance: tuple[TrainingProvenance, ...] = ()
