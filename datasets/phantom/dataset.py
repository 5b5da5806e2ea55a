"""The plug-in: settings, splits, cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Patient, Split

from . import cache
from .population import SEEDS, PatientIds, PhantomError, patient_name, seed_of

VERSIONS = (1,)


@dataclass(frozen=True, slots=True)
class Phantom:
    """Procedural lumbar patients.

    Attributes:
        size: Voxels along each edge of the cube, 16 to 512.
        spacing_mm: Edge of a voxel, 0.5 to 8 mm; 128 voxels of 2 mm hold T12 to S1.
        version: Of the generator; a version once used stays generable.
        cache_dir: Where patients are kept; None = the user's cache folder.
    """

    size: int = 128
    spacing_mm: float = 2.0
    version: int = 1
    cache_dir: Path | None = None

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise PhantomError(f"phantom has version {', '.join(map(str, VERSIONS))}; got version={self.version}")
        if not 16 <= self.size <= 512:
            raise PhantomError(f"size must be 16 to 512 voxels; got {self.size}")
        if not 0.5 <= self.spacing_mm <= 8:
            raise PhantomError(f"spacing_mm must be 0.5 to 8; got {self.spacing_mm}")

    def patient_ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, in order of their seeds."""
        return PatientIds(SEEDS[split], self.version)

    def patient(self, patient_id: str) -> Patient:
        """The patient of an id: from the cache, else generated and kept.

        Raises:
            PhantomError: An id that no split holds.
        """
        from .v1.generate import generate, patient_from

        seed = seed_of(patient_id, self.version)
        path = self._path(patient_name(seed, self.version))
        kept = cache.load(path)
        if kept is None:
            kept = generate(version=self.version, seed=seed, size=self.size, spacing_mm=self.spacing_mm)
            cache.store(path, *kept)
        return patient_from(patient_id, *kept)

    def _path(self, name: str) -> Path:
        folder = self.cache_dir if self.cache_dir is not None else cache.default_folder()
        return folder / f"{name}-{self.size}-{self.spacing_mm!r}mm-{cache.generator_digest(self.version)}.npz"
