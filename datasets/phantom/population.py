"""The population: which seeds belong to which split, and how a patient is named."""

import re
from collections.abc import Sequence
from typing import overload

from bench.contract import Split
from bench.errors import FluorobenchError

SEEDS = {Split.TRAIN: range(100_000), Split.VALIDATION: range(100_000, 110_000), Split.TEST: range(200_000, 210_000)}
_NAME = re.compile(r"phantom-v(\d+)-(\d{6})")


class PhantomError(FluorobenchError):
    """A seed, patient id or option that the phantom does not take."""


class PatientIds(Sequence[str]):
    """The ids of a range of seeds, made when asked for."""

    def __init__(self, seeds: range, version: int) -> None:
        self._seeds, self._version = seeds, version

    def __len__(self) -> int:
        return len(self._seeds)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "PatientIds": ...
    def __getitem__(self, index: int | slice) -> "str | PatientIds":
        """One id, or the ids of a slice."""
        if isinstance(index, slice):
            return PatientIds(self._seeds[index], self._version)
        return patient_name(self._seeds[index], self._version)

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, str) or _NAME.fullmatch(value) is None:
            return False
        return value.startswith(f"phantom-v{self._version}-") and int(value[-6:]) in self._seeds


def patient_name(seed: int, version: int) -> str:
    """Such as ``phantom-v1-000123``."""
    return f"phantom-v{version}-{seed:06d}"


def seed_of(patient_id: str, version: int) -> int:
    """The seed in a patient's id.

    Raises:
        PhantomError: No such id, another generator's version, or a seed that belongs to no split.
    """
    found = _NAME.fullmatch(str(patient_id))
    if found is None:
        raise PhantomError(
            f"a phantom's id reads phantom-v{version}-NNNNNN with a seed of six digits; got {patient_id!r}"
        )
    if int(found[1]) != version:
        raise PhantomError(
            f"{patient_id} is of version {found[1]}, this generator of {version}; set version={found[1]}"
        )
    seed = int(found[2])
    if not any(seed in seeds for seeds in SEEDS.values()):
        known = ", ".join(f"{split} {seeds.start}-{seeds.stop - 1}" for split, seeds in SEEDS.items())
        raise PhantomError(f"seed {seed} belongs to no split; known: {known}")
    return seed
