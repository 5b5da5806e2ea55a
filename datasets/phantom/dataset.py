"""The plug-in: settings, splits, cache."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from bench.contract import LandmarkSet, Patient, Split
from bench.volume import LabelGrid, Volume

from . import cache
from .population import SEEDS, PatientIds, PhantomError, patient_name, seed_of
from .v2.options import PatientOptions

VERSIONS = (1, 2, 3, 4, 5)
# Edge of the smallest cube about L3 that held the hips of everybody looked at; 320 mm misses those of some.
_REACHES_HIPS_MM = 384.0
# NumPy's numbers are Integral and Real too; a bool is an Integral, and meant by nobody.
_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "size": ((Integral,), "a whole number of voxels"),
    "spacing_mm": ((Real,), "a number of mm"),
    "version": ((Integral,), "a whole number"),
    "fractures": ((bool,), "true or false"),
    "implants": ((str,), "a text"),
    "only": ((str, type(None)), "a patient's id or None"),
    "cache_dir": ((str, Path, type(None)), "a folder or None"),
}


@dataclass(frozen=True, slots=True)
class Phantom:
    """Procedural lumbar patients.

    Attributes:
        size: Voxels along each edge of the cube, 16 to 512.
        spacing_mm: Edge of a voxel: 0.7 to 8 mm, in version 1 from 0.5; 128 voxels of 2 mm hold T12 to S1.
        version: Of the generator; a version once used stays generable.
        fractures: Whether vertebrae may be broken, as in a population (since version 2).
        implants: ``none``, ``screws``, ``cement`` or ``hip`` (since version 2); a hip lies far below L3 and shows in a
            cube of 320 mm or more, such as 128 voxels of 3 mm.
        only: Id of the one patient that every split answers with, for patient-specific studies: nothing else may be
            trained on it and then tested. None = the population.
        cache_dir: Where patients are kept; None = the user's cache folder.
    """

    size: int = 128
    spacing_mm: float = 2.0
    version: int = 5
    fractures: bool = True
    implants: str = "none"
    only: str | None = None
    cache_dir: Path | None = None

    def __post_init__(self) -> None:
        self._require_types()
        if self.version not in VERSIONS:
            raise PhantomError(f"phantom has version {', '.join(map(str, VERSIONS))}; got version={self.version}")
        if self.only is not None:
            seed_of(self.only, self.version)
        if not 16 <= self.size <= 512:
            raise PhantomError(f"size must be 16 to 512 voxels; got {self.size}")
        finest = 0.5 if self.version == 1 else 0.7
        if not finest <= self.spacing_mm <= 8:
            raise PhantomError(f"version {self.version} takes spacing_mm from {finest} to 8; got {self.spacing_mm}")
        if self.version > 1:
            self._options()
            self._require_hips()
        elif self.implants != "none" or not self.fractures:
            raise PhantomError("version 1 has neither fractures nor implants to choose; leave them out")

    def _require_types(self) -> None:
        """A protocol's settings come here checked; a Python caller's do not."""
        for option, (types, words) in _TYPES.items():
            value = getattr(self, option)
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                got = " ".join(repr(value).split())
                raise PhantomError(f"{option} must be {words}; got {got} ({type(value).__name__})")

    def _require_hips(self) -> None:
        edge = self.size * self.spacing_mm
        if self.implants == "hip" and edge < _REACHES_HIPS_MM:
            raise PhantomError(
                f"implants='hip' needs a cube of at least {_REACHES_HIPS_MM:g} mm, or no hip is in it; got {self.size} "
                f"voxels of {self.spacing_mm:g} mm ({edge:g} mm); set spacing_mm=3"
            )

    def patient_ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, in order of their seeds; or the one patient's."""
        if self.only is not None:
            return (self.only,)
        return PatientIds(SEEDS[split], self.version)

    def patient(self, patient_id: str) -> Patient:
        """The patient of an id: from the cache, else generated and kept.

        Raises:
            PhantomError: An id that no split holds.
        """
        seed = seed_of(patient_id, self.version)
        path = self._path(patient_name(seed, self.version))
        kept = cache.load(path)
        if kept is None:
            kept = self._generated(seed)
            cache.store(path, *kept)
        volume, landmarks = kept
        return Patient(patient_id, self._fingerprint(path), volume, (landmarks,))

    def regions(self, patient_id: str) -> LabelGrid:
        """Sub-regions of the vertebrae on the patient's grid: numbers of ``v2.regions``, 0 elsewhere; made anew.

        Raises:
            PhantomError: An id that no split holds, or version 1, which has none.
        """
        if self.version == 1:
            raise PhantomError("version 1 has no sub-regions; use a later one")
        seed = seed_of(patient_id, self.version)
        generator = self._generator()
        # From version 5 on labels are drawn on the CT, and sub-regions with them.
        made = (generator.imaged if self.version >= 5 else generator.anatomy)(seed, self._options())
        regions: LabelGrid = made.regions
        return regions

    def _generated(self, seed: int) -> tuple[Volume, LandmarkSet]:
        if self.version == 1:
            from .v1.generate import generate as generate_v1

            return generate_v1(version=1, seed=seed, size=self.size, spacing_mm=self.spacing_mm)
        made: tuple[Volume, LandmarkSet] = self._generator().generate(seed, self._options())
        return made

    def _generator(self) -> Any:
        """Loaded when asked for: compiling one costs seconds, and nobody needs them all."""
        return import_module(f".v{self.version}.generate", __package__)

    def _fingerprint(self, path: Path) -> str:
        """Of the recipe (revision, seed, options), never of source text or of voxels.

        An edited comment leaves a patient the same, and so do the last bits of voxels, which differ with machine and
        threads: weights for him must not be refused on the next machine. Frozen voxel checksums guard the revision.
        """
        return hashlib.sha256(path.stem.encode()).hexdigest()[:16]

    def _options(self) -> PatientOptions:
        return PatientOptions(
            size=self.size, spacing_mm=self.spacing_mm, fractures=self.fractures, implants=self.implants
        )

    def _path(self, name: str) -> Path:
        folder = Path(self.cache_dir) if self.cache_dir is not None else cache.default_folder()
        chosen = "" if self.implants == "none" and self.fractures else f"-{self.implants}-{int(self.fractures)}"
        grid = f"{self.size}-{float(self.spacing_mm)!r}mm"
        return folder / f"{name}-{grid}{chosen}.npz"
