"""The plug-in: settings, ids, files to patients."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract import LandmarkSet, Patient, Split
from bench.errors import FluorobenchError
from bench.files import at_home
from bench.geometry import Matrix, transform_points
from bench.text import parse_json
from bench.volume import Volume
from bench.volume.labels import label_number, scheme

_SCHEME = "verse"
_PARTS = {"train": Split.TRAIN, "validation": Split.VALIDATION, "test": Split.TEST}
_PART = re.compile(r"(train|validation|test)", re.IGNORECASE)
_LETTERS = ("RL", "AP", "IS")


class VerseError(FluorobenchError):
    """A folder or file that is not laid out as VerSe is."""


@dataclass(frozen=True, slots=True)
class _Files:
    """One CT: its split, subject and files."""

    split: Split
    subject: str
    ct: Path
    mask: Path
    centroids: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verse:
    """VerSe's own training, validation and test subjects.

    Attributes:
        folder: Holds the unpacked archives, one or several.
        levels: Only CTs whose centroid file names all of these vertebrae, such as ``L1`` to ``L5``; empty = all CTs.
    """

    folder: str
    levels: tuple[str, ...] = ()

    def patient_ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, by name.

        Raises:
            VerseError: No CT with a mask, a subject in two splits, or a damaged centroid file.
        """
        wanted = {label_number(_SCHEME, level) for level in self.levels}
        files = self._files()
        here = [name for name in sorted(files) if files[name].split is split]
        return tuple(name for name in here if not wanted or wanted <= _labels_of(files[name]))

    def patient(self, patient_id: str) -> Patient:
        """Read CT, mask and centroids; the centroids are a landmark set.

        Raises:
            VerseError: No such id, or a centroid file that cannot be used.
            VolumeError: Images that cannot be used.
        """
        # SimpleITK is loaded only where a file is read.
        from bench.volume.read import read_volume

        files = self._files().get(patient_id)
        if files is None:
            raise VerseError(f"no CT {patient_id!r} with a mask in {self.folder}; see its names with patient_ids")
        volume = read_volume(files.ct, labels=files.mask, label_scheme=_SCHEME)
        marks = () if files.centroids is None else (centroids(files.centroids, volume),)
        return Patient(patient_id, volume.fingerprint(), volume, marks)

    def _files(self) -> Mapping[str, _Files]:
        root = at_home(self.folder)
        if not root.is_dir():
            raise VerseError(f"no such folder: {root}; expected the unpacked archives of VerSe")
        return _found(root.resolve())


@lru_cache(maxsize=4)
def _found(root: Path) -> Mapping[str, _Files]:
    files: dict[str, _Files] = {}
    split_of: dict[str, Split] = {}
    for ct in sorted(root.rglob("rawdata/*/*_ct.nii.gz")):
        top, subject, stem = ct.parents[2], ct.parent.name, ct.name.removesuffix("_ct.nii.gz")
        beside = top / "derivatives" / subject
        mask, marks = beside / f"{stem}_seg-vert_msk.nii.gz", beside / f"{stem}_seg-subreg_ctd.json"
        if not mask.is_file():
            continue
        split = _split_of(top)
        if split_of.setdefault(subject, split) is not split or stem in files:
            raise VerseError(f"{ct}: {subject} stands in two archives under {root}; keep one of them")
        files[stem] = _Files(split, subject, ct, mask, marks if marks.is_file() else None)
    if not files:
        raise VerseError(
            f"{root}: no CT with a mask; expected rawdata/SUBJECT/*_ct.nii.gz beside "
            "derivatives/SUBJECT/*_seg-vert_msk.nii.gz, as VerSe is published by subject"
        )
    return files


def _split_of(top: Path) -> Split:
    found = _PART.search(top.name)
    if found is None:
        raise VerseError(f"{top}: expected training, validation or test in the name of the folder above rawdata")
    return _PARTS[found[1].lower()]


def centroids(path: Path, volume: Volume) -> LandmarkSet:
    """The vertebrae's centroids of a centroid file as landmarks, world mm.

    Args:
        path: ``*_ctd.json``.
        volume: The CT that the voxel coordinates belong to.

    Raises:
        VerseError: No list of centroids in voxels with a direction.
    """
    directions, entries = _read(path)
    names = {number: name for name, number in scheme(_SCHEME).items()}
    indices = np.array([[entry[axis] for axis in "XYZ"] for entry in entries], dtype=np.float64)
    points = transform_points(volume.affine, _on_grid(indices, directions, volume, path))
    labels = tuple(names.get(entry["label"], f"label {entry['label']}") for entry in entries)
    return LandmarkSet("centroids", points, labels)


def axis_directions(affine: Matrix) -> str:
    """Towards which side of the patient each axis of a grid runs: three of L, R, P, A, S, I."""
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    nearest = [int(np.argmax(np.abs(unit[:, axis]))) for axis in range(3)]
    return "".join(_LETTERS[row][int(unit[row, axis] > 0)] for axis, row in enumerate(nearest))


def _on_grid(indices: Matrix, directions: Sequence[str], volume: Volume, path: Path) -> Matrix:
    """Voxel coordinates along the volume's own axes."""
    own = axis_directions(volume.affine)
    moved = np.empty_like(indices)
    for axis, letter in enumerate(own):
        pair = next(each for each in _LETTERS if letter in each)
        source = [n for n, each in enumerate(directions) if each in pair]
        if len(source) != 1:
            raise VerseError(f"{path}: its direction {list(directions)} has no single axis along {pair[0]}-{pair[1]}")
        along = indices[:, source[0]]
        moved[:, axis] = along if directions[source[0]] == letter else volume.shape[axis] - 1 - along
    return moved


def _read(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    try:
        content: Any = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise VerseError(f"{path}: not a centroid file: {' '.join(str(error).split())}") from None
    try:
        directions = [str(letter).upper() for letter in content[0]["direction"]]
        entries = [
            {"label": _number(each["label"]), **{axis: float(each[axis]) for axis in "XYZ"}} for each in content[1:]
        ]
    except (TypeError, KeyError, IndexError, ValueError, OverflowError, AttributeError):
        raise VerseError(
            f'{path}: expected [{{"direction": [three letters]}}, {{"label": n, "X": x, "Y": y, "Z": z}}, ...] in '
            "voxels of the image; the challenge's iso-ctd files are not read"
        ) from None
    if len(directions) != 3 or not entries:
        raise VerseError(f"{path}: expected a direction of three letters and at least one centroid")
    if not np.isfinite([entry[axis] for entry in entries for axis in "XYZ"]).all():
        raise VerseError(f"{path}: expected finite centroids; got NaN or infinity; get the file again")
    return directions, entries


def _number(label: Any) -> int:
    """A label's number, which some files hold as 20.0.

    Raises:
        ValueError: No whole number.
    """
    if int(label) != float(label):
        raise ValueError(f"no whole number: {label}")
    return int(label)


def _labels_of(files: _Files) -> set[int]:
    return set() if files.centroids is None else {int(entry["label"]) for entry in _read(files.centroids)[1]}
