"""Whether an image file is whole and agrees with itself, where its format's reader does not look.

Readers of these formats hand out unread memory for the part of a file that is missing.
"""

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from bench.geometry import Matrix
from bench.volume.volume import VolumeError

_RAW_FORMATS = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz", ".gipl", ".gipl.gz")
# DICOM transfer syntaxes that store plain pixels, so that their number tells the least size of the file.
_PLAIN_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
_TRANSFER_SYNTAX = b"\x02\x00\x10\x00UI"
_SPACING_TOLERANCE = 1e-3
_BLOCK = 1 << 22
# NIfTI datatype codes of floating point numbers.
_FLOATS = {"16": "f4", "64": "f8"}


def require_whole(path: Path, header: Mapping[str, str], voxels: int, voxel_bytes: int) -> None:
    """Refuse a file that is too short for its image.

    Args:
        path: The file that was named.
        header: Its header, keys as SimpleITK spells them.
        voxels: How many the header promises.
        voxel_bytes: Size of one; a NIfTI or DICOM header overrules it.

    Raises:
        VolumeError: The file is too short, its compression is damaged, or it is a NIfTI file with voxels that are no
            numbers (the reader would make them 0, which is water).
    """
    if "bitpix" in header:  # NIfTI: the stored type, before the slope is applied
        _require_bytes(path, voxels * int(header["bitpix"]) // 8 + int(float(header["vox_offset"])))
        _require_finite(path, header, voxels)
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
    return _sibling(path, "hdr", "img")


def _header_file(path: Path) -> Path:
    return _sibling(path, "img", "hdr")


def _sibling(path: Path, suffix: str, other: str) -> Path:
    pair = path.with_name(re.sub(rf"\.{suffix}(\.gz)?$", rf".{other}\1", path.name, flags=re.IGNORECASE))
    return pair if pair.is_file() else path


def _length(path: Path) -> int:
    """Bytes of a file once decompressed."""
    if path.suffix.lower() != ".gz":
        return path.stat().st_size
    return sum(len(block) for block in _blocks(path))


def _blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, decompressed, a few megabytes at a time."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            yield from iter(lambda: stream.read(_BLOCK), b"")
    except (EOFError, OSError, zlib.error) as error:
        raise VolumeError(f"{path}: cut short or damaged: {error}; copy it again") from None


def _require_finite(path: Path, header: Mapping[str, str], voxels: int) -> None:
    kind = _FLOATS.get(header.get("datatype", ""))
    if kind is None:
        return
    # The first number of a NIfTI or Analyze header is its size, 348 or 540, in the file's byte order.
    order = "<" if int.from_bytes(next(_blocks(_header_file(path)))[:4], "little") in (348, 540) else ">"
    values = np.dtype(order + kind)
    raw = b"".join(_blocks(_data_file(path)))
    grid = np.frombuffer(raw, dtype=values, count=voxels, offset=int(float(header["vox_offset"])))
    bad = voxels - int(np.count_nonzero(np.isfinite(grid)))
    if bad:
        raise VolumeError(f"{path}: {bad} of {voxels} voxels are NaN or infinite; expected finite numbers, repair them")


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
