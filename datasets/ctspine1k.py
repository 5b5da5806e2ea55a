"""CTSpine1K: about a thousand CTs with labelled vertebrae, from four public collections.

::

    folder/**/NAME.nii.gz        a CT
    folder/**/NAME_seg.nii.gz    its label map, anywhere under folder
    folder/**/data_split.txt     the authors' split: lines "trainset:", "test_public:", "test_private:", then file names

Names are unique across the collection. ``test_public`` serves for validation, ``test_private`` for testing. Names of
the split that are not there are passed over; CTs that the split does not name are no patients. Labels count as in VerSe
(1 to 7 C1 to C7, 8 to 19 T1 to T12, 20 to 25 L1 to L6).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.contract import Card, Patient, Split
from bench.errors import FluorobenchError
from bench.files import at_home

_SCHEME = "verse"
_SECTIONS = {"trainset:": Split.TRAIN, "test_public:": Split.VALIDATION, "test_private:": Split.TEST}
_ENDING = ".nii.gz"


class CtSpine1kError(FluorobenchError):
    """A folder without the layout of CTSpine1K."""


@dataclass(frozen=True, slots=True)
class _Files:
    """One CT: its split and files."""

    split: Split
    ct: Path
    labels: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CtSpine1k:
    """CTSpine1K with its authors' split.

    Attributes:
        folder: Holds CTs, label maps and ``data_split.txt``, at any depth.
    """

    folder: str

    def patient_ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, by name.

        Raises:
            CtSpine1kError: No split file, or no CT with labels that it names.
        """
        files = self._files()
        return tuple(name for name in sorted(files) if files[name].split is split)

    def patient(self, patient_id: str) -> Patient:
        """Read a CT and its labels.

        Raises:
            CtSpine1kError: No such id.
            VolumeError: Images that cannot be used.
        """
        # SimpleITK is loaded only where a file is read.
        from bench.volume.read import read_volume

        files = self._files().get(patient_id)
        if files is None:
            raise CtSpine1kError(f"no CT {patient_id!r} with labels in {self.folder} that data_split.txt names")
        volume = read_volume(files.ct, labels=files.labels, label_scheme=_SCHEME)
        return Patient(patient_id, volume.fingerprint(), volume)

    def _files(self) -> Mapping[str, _Files]:
        root = at_home(self.folder)
        if not root.is_dir():
            raise CtSpine1kError(f"no such folder: {root}; expected the unpacked CTSpine1K")
        return _found(root.resolve())


@lru_cache(maxsize=4)
def _found(root: Path) -> Mapping[str, _Files]:
    images = {path.name.removesuffix(_ENDING): path for path in sorted(root.rglob(f"*{_ENDING}"))}
    files: dict[str, _Files] = {}
    for name, split in _splits(root).items():
        ct, labels = images.get(name), images.get(f"{name}_seg")
        if ct is not None and labels is not None:
            files[name] = _Files(split, ct, labels)
    if not files:
        raise CtSpine1kError(
            f"{root}: none of the CTs that data_split.txt names is there with its labels; expected NAME{_ENDING} and "
            f"NAME_seg{_ENDING}"
        )
    return files


def _splits(root: Path) -> Mapping[str, Split]:
    """Split by name."""
    lists = sorted(root.rglob("data_split.txt"))
    if len(lists) != 1:
        raise CtSpine1kError(f"{root}: expected one data_split.txt, as its authors publish it; found {len(lists)}")
    section: Split | None = None
    splits: dict[str, Split] = {}
    for line in (each.strip() for each in lists[0].read_text(encoding="utf-8").splitlines()):
        if line.endswith(":"):
            section = _SECTIONS.get(line)
        # The published file once holds two names without a line break between them.
        for name in filter(None, line.split(_ENDING)) if _ENDING in line else ():
            if section is None:
                raise CtSpine1kError(f"{lists[0]}: {name!r} stands under none of {', '.join(_SECTIONS)}")
            if splits.setdefault(name, section) is not section:
                raise CtSpine1kError(f"{lists[0]}: {name!r} stands in two splits")
    return splits


def miniature(folder: Path) -> Mapping[str, Any]:
    """Write one CT with labels a split and the split file; returns the settings that open them."""
    from bench.volume.miniature import bone_blocks
    from bench.volume.write import write_image

    hu, labels, affine = bone_blocks((20, 21, 22))
    lines: list[str] = []
    for section, split in _SECTIONS.items():
        name = f"volume-{split}"
        write_image(folder / f"{name}{_ENDING}", hu, affine)
        write_image(folder / f"{name}_seg{_ENDING}", labels, affine)
        lines += [section, f"{name}{_ENDING}"]
    (folder / "data_split.txt").write_text("\n".join(lines), encoding="utf-8")
    return {"folder": str(folder)}


plugin = CtSpine1k

card = Card(
    title="CTSpine1K: CTs with labelled vertebrae",
    source="CTSpine1K (COLONOG, HNSCC-3DCT-RT, MSD liver, COVID-19) with its data_split.txt",
    citation="Deng et al., CTSpine1K: A Large-Scale Dataset for Spinal Vertebrae Segmentation, arXiv:2105.14711, 2021",
    licence="those of its four sources; annotations CC BY-NC-SA as a mirror states (not shipped)",
    deviations=(
        "Written from the published description and split file; not tested on a CT of CTSpine1K.",
        "HNSCC holds several scans of one patient under different names: the authors' split is taken as it is.",
        "Sacrum, ribs and pelvis are not labelled, so content 'bone' holds vertebrae alone.",
    ),
)
