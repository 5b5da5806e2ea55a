"""Which part of its geometry a volume file states, of the formats that SimpleITK reads.

SimpleITK fills in spacing 1, origin 0 and the identity for values that a header lacks, without notice. These are
never used: a file that does not state its geometry is refused, or its voxel spacing is given by hand.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from bench.cells import plain_number
from bench.volume.volume import VolumeError

_NRRD, _META = (".nrrd", ".nhdr"), (".mha", ".mhd")
# Formats whose files always hold spacing, origin and direction in a frame that ITK turns into LPS.
_WHOLE = (".h5", ".hdf5", ".hdf", ".mnc", ".mnc.gz")
_HEADER_BYTES = 1 << 16
_SPACES = ("left-posterior-superior", "right-anterior-superior", "left-anterior-superior", "lps", "ras", "las")
_MM = {"mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "µm": 0.001,
       "micron": 0.001, "micrometer": 0.001, "micrometre": 0.001}  # fmt: skip
_META_FIELDS = {
    "spacing": ("elementspacing",),
    "origin": ("offset", "position", "origin"),
    "direction": ("transformmatrix", "rotation", "orientation"),
}


def not_stated(path: Path) -> tuple[str, ...]:
    """What of spacing, origin and direction a file does not state.

    Args:
        path: Any file but DICOM and NIfTI.

    Raises:
        VolumeError: The axes of an NRRD file have a unit or a space that is not known.
    """
    name = path.name.lower()
    if name.endswith(_NRRD):
        return _nrrd(path)
    if name.endswith(_META):
        fields = _fields(path, "=")
        return tuple(what for what, keys in _META_FIELDS.items() if not any(key in fields for key in keys))
    if name.endswith(_WHOLE):
        return ()
    return ("direction",) if name.endswith((".vtk", ".gipl", ".gipl.gz")) else ("spacing", "origin", "direction")


def mm_per_unit(path: Path) -> float:
    """Millimetres of the unit in which a file states lengths.

    Raises:
        VolumeError: An NRRD file with another unit, or several.
    """
    text = _fields(path, ":").get("space units") if path.name.lower().endswith(_NRRD) else None
    if text is None:
        return 1.0
    units = {unit.strip().lower() for unit in re.findall(r'"([^"]*)"', text)} or {text.strip().lower()}
    factors = {_MM.get(unit) for unit in units - {""}}
    if len(factors) > 1 or None in factors:
        raise VolumeError(f"{path}: space units are {text}; expected mm, cm, m or um along all axes; correct them")
    return next((factor for factor in factors if factor is not None), 1.0)


def require_sound(path: Path) -> None:
    """Refuse fields of a MetaImage that ITK reads otherwise than written, without notice.

    Raises:
        VolumeError: Such a field, by its name.
    """
    if not path.name.lower().endswith(_META):
        return
    fields = _fields(path, "=")
    spacing = fields.get("elementspacing", "")
    if any(not _positive(cell) for cell in spacing.split()):
        raise VolumeError(f"{path}: ElementSpacing must be positive numbers; got {spacing.strip()!r}; correct it")
    if path.suffix.lower() == ".mha" and fields.get("headersize", "0").strip() not in ("0", "-1"):
        raise VolumeError(
            f"{path}: its header states a HeaderSize, which is not followed within one file; write it again without"
        )


def _positive(cell: str) -> bool:
    try:
        return plain_number(cell) > 0
    except ValueError:
        return False


def _nrrd(path: Path) -> tuple[str, ...]:
    fields = _fields(path, ":")
    missing: list[str] = []
    if "space directions" not in fields:
        missing += [] if "spacings" in fields else ["spacing"]
        missing.append("direction")
    elif "space" not in fields:
        missing.append("direction (space)")
    elif fields["space"].strip().lower() not in _SPACES:
        raise VolumeError(
            f"{path}: its space is {fields['space'].strip()!r}; expected left-posterior-superior or another frame of "
            "the patient; correct it"
        )
    return (*missing, *(() if "space origin" in fields else ("origin",)))


def _fields(path: Path, separator: str) -> Mapping[str, str]:
    """The fields of a text header, names in lower case; what follows the header adds none that matters."""
    with path.open("rb") as stream:
        head = stream.read(_HEADER_BYTES)
    text = re.split(rb"\r?\n\r?\n|ElementDataFile", head, maxsplit=1)[0].decode("latin-1")
    pairs = (line.split(separator, 1) for line in text.splitlines() if separator in line and not line.startswith("#"))
    return {name.strip().lower(): value.lstrip("=") for name, value in pairs}
