"""The plug-in: settings, splits, cache."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path

from bench.contract import Patient, PatientOrigin, Split
from bench.files import cache_folder
from bench.volume import LabelGrid

from . import cache
from .options import PatientOptions
from .population import REVISION, SEEDS, PatientIds, PhantomError, patient_name, seed_of

# Edge of the smallest cube about L3 that contained the hips of every patient examined; 320 mm misses those of some.
_REACHES_HIPS_MM = 384.0
# NumPy's numbers are Integral and Real too; a bool is an Integral, but never meant as a number.
_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "size": ((Integral,), "a whole number of voxels"),
    "spacing_mm": ((Real,), "a number of mm"),
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
        spacing_mm: Edge of a voxel, 0.7 to 8 mm; 128 voxels of 2 mm contain T12 to S1.
        fractures: Whether vertebrae may be fractured, as in a population.
        implants: ``none``, ``screws``, ``cement`` or ``hip``; a hip lies far below L3 and is inside a cube of 384 mm or
            more, such as 128 voxels of 3 mm.
        only: Id of the one patient that every split consists of, for patient-specific studies: nothing else may be
            trained on it and then tested. None = the population.
        cache_dir: Where patients are kept; None = the user's cache folder.

    Raises:
        PhantomError: A setting of another type or out of its range.
    """

    size: int = 128
    spacing_mm: float = 2.0
    fractures: bool = True
    implants: str = "none"
    only: str | None = None
    cache_dir: Path | None = None

    def __post_init__(self) -> None:
        self._require_types()
        if self.only is not None:
            seed_of(self.only)
        self._options()
        self._require_hips()

    def _require_types(self) -> None:
        """Check types: settings of a protocol are checked before, those of a Python caller are not."""
        for option, (types, wanted) in _TYPES.items():
            value = getattr(self, option)
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                got = " ".join(repr(value).split())
                raise PhantomError(f"{option} must be {wanted}; got {got} ({type(value).__name__})")

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
        return PatientIds(SEEDS[split])

    def patient(self, patient_id: str) -> Patient:
        """The patient of an id: from the cache, else generated and kept.

        The hash is of the recipe (revision, seed, options), never of source text or of voxels: an edited comment leaves
        a patient the same, and so do the last bits of voxels, which differ with processor and number of threads.

        Raises:
            PhantomError: An id that no split contains.
        """
        seed = seed_of(patient_id)
        recipe = self._recipe(seed)
        path = self._folder() / f"{recipe}.npz"
        kept = cache.load(path, recipe)
        if kept is None:
            from .generate import generate

            kept = generate(seed, self._options())
            cache.store(path, recipe, *kept)
        volume, landmarks = kept
        return Patient(patient_id, hashlib.sha256(recipe.encode()).hexdigest()[:16], volume, (landmarks,))

    def origin(self, patient_id: str) -> PatientOrigin:
        """Revision and seed of a patient.

        Raises:
            PhantomError: An id that no split contains.
        """
        return PatientOrigin("phantom", REVISION, seed_of(patient_id))

    def regions(self, patient_id: str) -> LabelGrid:
        """Sub-regions of the vertebrae on the patient's grid: numbers of ``bones.regions``, 0 elsewhere; not cached.

        Raises:
            PhantomError: An id that no split contains.
        """
        from .generate import imaged

        return imaged(seed_of(patient_id), self._options()).regions

    def _options(self) -> PatientOptions:
        return PatientOptions(
            size=self.size, spacing_mm=self.spacing_mm, fractures=self.fractures, implants=self.implants
        )

    def _folder(self) -> Path:
        return Path(self.cache_dir) if self.cache_dir is not None else cache_folder("phantom")

    def _recipe(self, seed: int) -> str:
        """What a patient is made from, such as ``phantom-v5-200000-128-2.0mm``; options are named where not default."""
        chosen = "" if self.implants == "none" and self.fractures else f"-{self.implants}-{int(self.fractures)}"
        return f"{patient_name(seed)}-{self.size}-{float(self.spacing_mm)!r}mm{chosen}"
