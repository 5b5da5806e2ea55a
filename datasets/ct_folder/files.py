"""Which CTs a folder holds, with their label maps; ambiguous files are refused by name."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

from bench.errors import FluorobenchError
from bench.files import at_home

ENDINGS = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd")
LABEL_SUFFIXES = ("_labels", "_label", "_mask", "_seg", "_segmentation")
_ENDING = re.compile(r"(\.nii\.gz|\.nii|\.mha|\.mhd|\.nrrd)$", re.IGNORECASE)


class CtFolderError(FluorobenchError):
    """An invalid folder, name or setting of a population."""


@dataclass(frozen=True, slots=True)
class Source:
    """A CT that was found.

    Attributes:
        name: Its path within the folder without ending, dots for slashes.
        group: First component of that path: CTs that share a split.
        path: Image file or folder of DICOM slices.
        labels: Its label map, or None.
    """

    name: str
    group: str
    path: Path
    labels: Path | None


def find_sources(folder: str, exclude: Sequence[str]) -> tuple[Source, ...]:
    """All CTs of a folder, by name.

    Args:
        folder: Searched at any depth; hidden files and folders are passed over.
        exclude: Patterns, such as ``scout*``, of file and folder names to leave out.

    Raises:
        CtFolderError: No folder, no readable CT, two CTs of one name, two label maps of one CT, or one without a CT.
        VolumeError: A file or series that is no CT, with the reason.
    """
    root = at_home(folder)
    if not root.is_dir():
        raise CtFolderError(f"no such folder: {root}; expected a folder of CTs (image files or DICOM series)")
    return _found(root.resolve(), tuple(exclude))


@lru_cache(maxsize=16)
def _found(root: Path, exclude: tuple[str, ...]) -> tuple[Source, ...]:
    images, slices = _walk(root, exclude)
    maps = {path: stem for path in images if (stem := _labelled(path)) is not None}
    cts = [path for path in images if path not in maps]
    cts += [folder for folder in sorted(slices) if _series(folder)]
    if not cts:
        looked = len(images) + sum(len(files) for files in slices.values())
        raise CtFolderError(
            f"{root}: no readable CT among {looked} files; expected image files ({', '.join(ENDINGS)}) or folders of "
            "DICOM slices"
        )
    _require_headers(path for path in cts if path.is_file())
    labels = _by_stem(maps)
    sources = [_source(path, root, labels) for path in cts]
    if labels:
        stray = next(iter(labels.values()))
        raise CtFolderError(f"{stray}: a label map without a CT of that name beside it; rename or exclude it")
    names = [source.name for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CtFolderError(f"{root}: two CTs would be called {twice[0]!r}; rename or exclude one")
    return tuple(sorted(sources, key=lambda source: source.name))


def _walk(root: Path, exclude: tuple[str, ...]) -> tuple[list[Path], dict[Path, list[Path]]]:
    """Image files, and folders with other files."""
    images: list[Path] = []
    slices: dict[Path, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        passed = any(part.startswith(".") or any(fnmatch(part, each) for each in exclude) for part in parts)
        if passed or not path.is_file():
            continue
        if _ENDING.search(path.name):
            images.append(path)
        else:
            slices.setdefault(path.parent, []).append(path)
    return images, slices


def _stem(path: Path) -> Path:
    return path if path.is_dir() else path.with_name(_ENDING.sub("", path.name))


def _labelled(path: Path) -> Path | None:
    """The CT's path without ending, of a label map; None for anything else."""
    stem = _stem(path)
    suffix = next((each for each in LABEL_SUFFIXES if stem.name.endswith(each)), None)
    return None if suffix is None else stem.with_name(stem.name.removesuffix(suffix))


def _by_stem(maps: dict[Path, Path]) -> dict[Path, Path]:
    found: dict[Path, Path] = {}
    for path, stem in maps.items():
        if stem in found:
            raise CtFolderError(f"{found[stem]} and {path}: two label maps of one CT; exclude one")
        found[stem] = path
    return found


def _source(path: Path, root: Path, labels: dict[Path, Path]) -> Source:
    """The CT of a path; its label map is taken out of ``labels``."""
    stem = _stem(path)
    parts = stem.relative_to(root).parts or (root.name,)
    return Source(".".join(parts), parts[0], path, labels.pop(stem, None))


def _series(folder: Path) -> bool:
    """Whether a folder holds a DICOM series; several are refused."""
    from bench.volume.read import dicom_series

    series = dicom_series(folder)
    if len(series) > 1:
        listed = "; ".join(f"{uid}: {text}" for uid, text in series.items())
        raise CtFolderError(f"{folder}: {len(series)} DICOM series; put each into a folder of its own: {listed}")
    return bool(series)


def _require_headers(paths: Iterable[Path]) -> None:
    from bench.volume.read import require_image

    for path in paths:
        require_image(path)
