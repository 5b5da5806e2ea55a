"""Whether an image file is whole and agrees with itself, where its format's reader does not look.

Readers of these formats hand out unread memory for the part of a file that is missing.
"""

import gzip
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bench.geometry import Matrix
from bench.volume.volume import VolumeError

_RAW_FORMATS = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz", ".gipl", ".gipl.gz")
# DICOM transfer syntaxes that store plain pixels, so that their number tells the least size of the file.
_PLAIN_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
_TRANSFER_SYNTAX = b"\x02\x00\x10\x00UI"
_SPACING_TOLERANCE = 1e-3


def require_whole(path: Path, header: Mapping[str, str], voxels: int, voxel_bytes: int) -> None:
    """Refuse a file that is too short for its image.

    Args:
        path: The file that was named.
        header: Its header, keys as SimpleITK spells them.
        voxels: How many the header promises.
        voxel_bytes: Size of one; a NIfTI or DICOM header overrules it.

    Raises:
        VolumeError: The file is too short, or its compression is damaged.
    """
    if "bitpix" in header:  # NIfTI: the stored type, before the slope is applied
        _require_bytes(path, voxels * int(header["bitpix"]) // 8 + int(float(header["vox_offset"])))
    elif "0028|0100" in header:
        if _transfer_syntax(path) in _PLAIN_SYNTAXES:
            _require_bytes(path, voxels * int(header["0028|0100"]) // 8)
    elif path.name.lower().endswith(_RAW_FORMATS):
        _require_bytes(path, voxels * voxel_bytes)


def require_one_geometry(path: Path, header: Mapping[str, str], spacing_mm: Matrix) -> None:
    """Refuse a NIfTI file that states no orientation, or one spacing in its sform and another in pixdim.

    Raises:
        VolumeError: Either.
    """
    if "sform_code" not in header or "qform_code" not in header:
        return
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        raise VolumeError(
            f"{path}: its header states no orientation (sform and qform code 0); write the right one first"
        )
    if int(header["sform_code"]) > 0:
        rows = [[float(number) for number in header[f"srow_{axis}"].split()[:3]] for axis in "xyz"]
        scales = np.linalg.norm(np.array(rows), axis=0)
        if not np.allclose(scales, spacing_mm, rtol=_SPACING_TOLERANCE):
            raise VolumeError(
                f"{path}: its header contradicts itself: voxels of {scales.round(4).tolist()} mm by sform, of "
                f"{spacing_mm.round(4).tolist()} mm by pixdim; correct the header"
            )


def _require_bytes(path: Path, needed: int) -> None:
    data = _data_file(path)
    length = _length(data)
    if length < needed:
        raise VolumeError(
            f"{path}: cut short: the image takes {needed} bytes, {data.name} holds {length}; copy it again"
        )


def _data_file(path: Path) -> Path:
    """The file that holds the voxels: of a header/image pair, the image."""
    pair = path.with_name(re.sub(r"\.hdr(\.gz)?$", r".img\1", path.name, flags=re.IGNORECASE))
    return pair if pair.is_file() else path


def _length(path: Path) -> int:
    """Bytes of a file once decompressed."""
    if path.suffix.lower() != ".gz":
        return path.stat().st_size
    try:
        with gzip.open(path) as stream:
            return sum(len(block) for block in iter(lambda: stream.read(1 << 22), b""))
    except (EOFError, OSError, zlib.error) as error:
        raise VolumeError(f"{path}: cut short or damaged: {error}; copy it again") from None


def _transfer_syntax(path: Path) -> str | None:
    """How a DICOM file stores its pixels; None where its first bytes do not say."""
    with path.open("rb") as stream:
        head = stream.read(2048)
    at = head.find(_TRANSFER_SYNTAX)
    if at < 0:
        return None
    start = at + len(_TRANSFER_SYNTAX) + 2
    length = int.from_bytes(head[start - 2 : start], "little")
    return head[start : start + length].decode("ascii", errors="replace").rstrip("\0 ")
