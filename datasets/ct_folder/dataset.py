"""The plug-in: settings, ids, splits."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.contract import Patient, Split
from bench.volume import Volume

from .files import CtFolderError, Source, find_sources

_ID = re.compile(r"(.+)~(\d+)")
# Shares of the splits unless the settings name CTs.
_TRAIN_SHARE, _VALIDATION_SHARE = 0.6, 0.2
# A cubic B-spline cannot fold below this share of its control points' distance (Choi and Lee 2000).
_NO_FOLD = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class CtFolder:
    """CTs of the user's own and variants of them, with ids such as ``NAME~0``; variant 0 is the CT itself.

    Attributes:
        folder: Holds the CTs (`fluorobench info ct_folder` prints how files are named).
        label_scheme: Numbering of the label maps (``verse``, ``totalsegmentator``, ``phantom`` or a TOML file); needed
            where there are any.
        variants: Patients made of each CT, the CT itself counted.
        seed: Of the variants.
        amplitude_mm: Largest displacement of a control point along each axis; 0 deforms nothing.
        grid_mm: Distance of control points, at least 40 mm.
        rigid_vertebrae: Whether labelled vertebrae move rigidly.
        blend_mm: How far round a rigid vertebra the deformation is influenced by it.
        bone_scale: Range of the factor on bone's HU above 100.
        validation: Names of CTs, or of the folders that hold them, for validation; None = by hash.
        test: Likewise for testing; with either given, all that is not named is for training.
        exclude: Patterns of file and folder names to leave out.
    """

    folder: str
    label_scheme: str | None = None
    variants: int = 8
    seed: int = 0
    amplitude_mm: float = 12.0
    grid_mm: float = 80.0
    rigid_vertebrae: bool = False
    blend_mm: float = 15.0
    bone_scale: tuple[float, float] = (0.75, 1.2)
    validation: tuple[str, ...] | None = None
    test: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(1 <= self.variants <= 10_000, "variants must be 1 to 10000", self.variants)
        _require(self.seed >= 0, "seed must not be negative", self.seed)
        _require(40 <= self.grid_mm <= 400, "grid_mm must be 40 to 400", self.grid_mm)
        limit = _NO_FOLD * self.grid_mm
        text = f"amplitude_mm must be 0 to {limit:g} (0.4 of grid_mm, where a B-spline may start to fold)"
        _require(0 <= self.amplitude_mm <= limit, text, self.amplitude_mm)
        _require(4 <= self.blend_mm <= 60, "blend_mm must be 4 to 60", self.blend_mm)
        low, high = self.bone_scale
        _require(0.2 <= low <= high <= 3, "bone_scale must be two factors, lower first, from 0.2 to 3", self.bone_scale)

    def patient_ids(self, split: Split) -> Sequence[str]:
        """Ids of a split: all its CTs as they are, then the first variant of each, and so on.

        Raises:
            CtFolderError: No readable CT, or a name in ``validation`` or ``test`` that no CT has.
        """
        names = [source.name for source in self._sources() if self._split(source) is split]
        return tuple(f"{name}~{variant}" for variant in range(self.variants) for name in names)

    def patient(self, patient_id: str) -> Patient:
        """Read the CT of an id and make its variant.

        Raises:
            CtFolderError: No such id.
            VolumeError: Files that cannot be used.
        """
        source, variant = self._parse(patient_id)
        volume = self._read(source)
        if variant > 0:
            volume = self._vary(volume, source, variant)
        return Patient(patient_id, volume.fingerprint(), volume)

    def _vary(self, volume: Volume, source: Source, variant: int) -> Volume:
        from .variant import deformed, denser, draw_deformation, rigid_pieces

        # The name keeps CTs apart; a CT that is added or removed changes no other's variants.
        random = np.random.default_rng([self.seed, variant, *source.name.encode()])
        scale = float(random.uniform(*self.bone_scale))
        if self.amplitude_mm > 0:
            pieces = rigid_pieces(volume, self.blend_mm) if self.rigid_vertebrae else ()
            deformation = draw_deformation(
                volume, pieces, amplitude_mm=self.amplitude_mm, grid_mm=self.grid_mm, blend_mm=self.blend_mm,
                generator=random,
            )  # fmt: skip
            volume = deformed(volume, deformation)
        return replace(volume, hu=denser(volume.hu, scale))

    def _read(self, source: Source) -> Volume:
        # SimpleITK is loaded only where a file is read.
        from bench.volume.read import read_volume

        scheme = self.label_scheme if source.labels else None
        volume = read_volume(source.path, labels=source.labels, label_scheme=scheme)
        if (lowest := float(volume.hu.min())) >= 0:
            raise CtFolderError(
                f"{source.path}: expected a CT in HU, with fat or air below 0; its lowest value is {lowest:g}; name a "
                f"label map after its CT (NAME_labels), leave other images out with exclude={[source.path.name]}"
            )
        return volume

    def _sources(self) -> tuple[Source, ...]:
        sources = find_sources(self.folder, self.exclude)
        labelled = [source for source in sources if source.labels is not None]
        if labelled and self.label_scheme is None:
            raise CtFolderError(
                f"{labelled[0].labels}: name the numbering of the label maps with label_scheme, such as 'verse' (it is "
                "never guessed), or leave them out with exclude"
            )
        known = {source.name for source in sources} | {source.group for source in sources}
        for name in (*(self.validation or ()), *(self.test or ())):
            if name not in known:
                raise CtFolderError(f"no CT {name!r} in {self.folder}; it holds {', '.join(sorted(known))}")
        return sources

    def _split(self, source: Source) -> Split:
        for split, named in ((Split.TEST, self.test), (Split.VALIDATION, self.validation)):
            if named and not {source.name, source.group}.isdisjoint(named):
                return split
        if self.test is not None or self.validation is not None:
            return Split.TRAIN
        place = int.from_bytes(hashlib.sha256(source.group.encode()).digest()[:8], "big") / 2**64
        if place < _TRAIN_SHARE:
            return Split.TRAIN
        return Split.VALIDATION if place < _TRAIN_SHARE + _VALIDATION_SHARE else Split.TEST

    def _parse(self, patient_id: str) -> tuple[Source, int]:
        found = _ID.fullmatch(patient_id)
        if found is None or int(found[2]) >= self.variants:
            raise CtFolderError(
                f"an id of ct_folder reads NAME~VARIANT with variants 0 to {self.variants - 1}; got {patient_id!r}"
            )
        sources = {source.name: source for source in self._sources()}
        if found[1] not in sources:
            raise CtFolderError(f"no CT {found[1]!r} in {self.folder}; it holds {', '.join(sources)}")
        return sources[found[1]], int(found[2])


def _require(holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise CtFolderError(f"{expected}; got {got}")
