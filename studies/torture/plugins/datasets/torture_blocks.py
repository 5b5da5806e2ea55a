"""Patients of a few bright blocks, made in a moment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.contract import Card, Patient, Split
from bench.volume import Volume

card = Card(title="Blocks", source="made here", citation="none", licence="none")


@dataclass(frozen=True)
class Blocks:
    """Three patients of 24 x 20 x 28 voxels."""

    def patient_ids(self, split: Split) -> Sequence[str]:
        """Two for runs, one for trainings of one patient."""
        return ("blocks-0", "blocks-1") if split is Split.TEST else ("blocks-2",)

    def patient(self, patient_id: str) -> Patient:
        """Five balls of bone in air."""
        random = np.random.default_rng(int(patient_id[-1]))
        grid = np.indices((24, 20, 28)).astype(np.float32)
        hu = np.full((24, 20, 28), -1000, np.float32)
        for _ in range(5):
            centre = random.uniform(6, 16, 3)
            hu[((grid - centre[:, None, None, None]) ** 2).sum(0) < 16] = 600
        volume = Volume(hu, np.diag([4.0, 4.0, 4.0, 1.0]))
        return Patient(patient_id, volume.fingerprint(), volume)


plugin = Blocks
