"""Generated patients on disk: one npz a patient, written atomically, regenerated when damaged or of another recipe."""

import hashlib
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from bench.contract import LandmarkSet
from bench.files import sweep, write_whole
from bench.volume import Volume


def load(path: Path, recipe: str) -> tuple[Volume, LandmarkSet] | None:
    """The stored patient of a recipe (generator's revision, seed and options).

    None where there is no file, or where it is damaged, of another layout or of another recipe.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            volume = Volume(stored["hu"], stored["affine"], stored["labels"], "phantom")
            names = tuple(str(name) for name in stored["names"])
            landmarks = LandmarkSet("anatomical", stored["points"], names)
            if str(stored["recipe"]) != recipe or str(stored["checksum"]) != _checksum(volume, landmarks):
                return None
            return volume, landmarks
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def store(path: Path, recipe: str, volume: Volume, landmarks: LandmarkSet) -> None:
    """Write a patient; where the disk is full or read-only the patient stays uncached."""
    with suppress(OSError):
        sweep(path.parent)
        write_whole(path, lambda part: _write(part, recipe, volume, landmarks))


def _checksum(volume: Volume, landmarks: LandmarkSet) -> str:
    """Of everything that a patient is."""
    digest = hashlib.sha256(volume.fingerprint().encode())
    digest.update(repr(landmarks.point_names).encode())
    digest.update(np.ascontiguousarray(landmarks.points, dtype=np.float64).tobytes())
    return digest.hexdigest()[:16]


def _write(path: Path, recipe: str, volume: Volume, landmarks: LandmarkSet) -> None:
    labels = volume.labels if volume.labels is not None else np.zeros(volume.shape, dtype=np.uint16)
    with path.open("wb") as file:
        np.savez(
            file, hu=volume.hu, affine=volume.affine, labels=labels, points=landmarks.points,
            names=np.array(landmarks.point_names), recipe=np.array(recipe),
            checksum=np.array(_checksum(volume, landmarks)),
        )  # fmt: skip
