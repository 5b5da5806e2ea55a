"""The population: the generator's revision, the seeds of each split, and how a patient is named."""

import re
from collections.abc import Sequence
from typing import overload

from bench.contract import Split
from bench.errors import FluorobenchError

# Raised whenever the voxels, labels or landmarks of any patient change by more than rounding: ids, hashes, caches and
# trained weights name it.
REVISION = 5
EARLIER = "revisions 1 to 4 are reached by the git tag phantom-versions-1-to-4"
SEEDS = {Split.TRAIN: range(100_000), Split.VALIDATION: range(100_000, 110_000), Split.TEST: range(200_000, 210_000)}
_NAME = re.compile(r"phantom-v(\d+)-(\d{6})")


class PhantomError(FluorobenchError):
    """An invalid seed, patient id or option."""


class PatientIds(Sequence[str]):
    """The ids of a range of seeds, made on demand."""

    def __init__(self, seeds: range) -> None:
        self._seeds = seeds

    def __len__(self) -> int:
        return len(self._seeds)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "PatientIds": ...
    def __getitem__(self, index: int | slice) -> "str | PatientIds":
        """One id, or the ids of a slice."""
        if isinstance(index, slice):
            return PatientIds(self._seeds[index])
        return patient_name(self._seeds[index])

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, str) or _NAME.fullmatch(value) is None:
            return False
        return value == patient_name(int(value[-6:])) and int(value[-6:]) in self._seeds


def patient_name(seed: int) -> str:
    """Id of a seed's patient, such as ``phantom-v5-000123``: the generator's revision and the seed."""
    return f"phantom-v{REVISION}-{seed:06d}"


def seed_of(patient_id: str) -> int:
    """The seed in a patient's id.

    Raises:
        PhantomError: No such id, another revision of the generator, or a seed that belongs to no split.
    """
    found = _NAME.fullmatch(str(patient_id))
    if found is None:
        raise PhantomError(
            f"a phantom's id reads phantom-v{REVISION}-NNNNNN with a seed of six digits; got {patient_id!r}"
        )
    if int(found[1]) != REVISION:
        raise PhantomError(
            f"this generator has revision {REVISION}; got {patient_id} of revision {int(found[1])}; "
            f"name phantom-v{REVISION}-{found[2]}, or check out another revision: {EARLIER}"
        )
    seed = int(found[2])
    if not any(seed in seeds for seeds in SEEDS.values()):
        known = ", ".join(f"{split} {seeds.start}-{seeds.stop - 1}" for split, seeds in SEEDS.items())
        raise PhantomError(f"seed {seed} belongs to no split; known: {known}")
    return seed
