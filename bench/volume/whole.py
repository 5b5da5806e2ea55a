"""Whether an image file is whole, before a library in C++ reads it: lengths and checksums.

ITK's readers take damaged compressed numbers without notice. Files of the formats that are not parsed here are first
read by a process of their own.
"""

import math
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from bench.volume.memory import require_memory
from bench.volume.stored import Stored, stated_numbers
from bench.volume.tiff_tags import require_tags
from bench.volume.volume import VolumeError

_PNG, _TIFF = (".png",), (".tif", ".tiff")
_BLOCK = 1 << 20
_SECONDS = 300.0


def require_header(path: Path) -> None:
    """Refuse a file whose header is damaged, promises too much, or names files elsewhere.

    Args:
        path: An image file, not DICOM and not NIfTI.

    Raises:
        VolumeError: It is so.
    """
    stored = stated_numbers(path)
    if stored is not None:
        if not 1 <= len(stored.shape) <= 5 or min(stored.shape) < 1:
            raise VolumeError(f"{path}: expected 2 to 4 axes of at least 1 voxel; its header states {stored.shape}")
        require_memory(path, stored.shape)
    elif path.name.lower().endswith(_TIFF):
        require_tags(path)
    elif not path.name.lower().endswith(_PNG):
        _require_readable(path, "s.ImageFileReader(); r.SetFileName(sys.argv[1]); r.ReadImageInformation()")


def require_whole(path: Path) -> None:
    """Refuse a file whose numbers are damaged or cut short; after ``require_header``.

    Raises:
        VolumeError: They are.
    """
    stored = stated_numbers(path)
    if stored is not None:
        _require_numbers(stored, path)
    elif path.name.lower().endswith(_PNG):
        _require_chunks(path)
    elif not path.name.lower().endswith(_TIFF):
        _require_readable(path, "s.ReadImage(sys.argv[1])")


def decompressed(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """The bytes of a zlib or gzip stream, a megabyte at a time; its checksum is verified at the end.

    Raises:
        VolumeError: It is damaged or ends early.
    """
    unpack = zlib.decompressobj(wbits=47)
    data = stream.read(_BLOCK)
    while data:
        block = _unpacked(partial(unpack.decompress, data, _BLOCK), path)
        yield block
        data = unpack.unconsumed_tail
        if unpack.eof:
            # gzip files may hold several streams one after the other.
            rest = unpack.unused_data or stream.read(_BLOCK)
            if not rest.startswith(b"\x1f\x8b"):
                return
            unpack, data = zlib.decompressobj(wbits=47), rest
        elif not data:
            data = stream.read(_BLOCK)
    raise VolumeError(f"{path}: cut short: its compressed numbers end early; copy it again")


def _unpacked(call: Callable[[], bytes], path: Path) -> bytes:
    try:
        return call()
    except (zlib.error, OSError, ValueError) as error:
        raise VolumeError(
            f"{path}: damaged: its compressed numbers cannot be unpacked ({error}); copy it again"
        ) from None


def _require_numbers(stored: Stored, path: Path) -> None:
    count = math.prod(stored.shape)
    needed, held = count * stored.value_bytes + stored.before, _held(stored, path, count)
    if held < needed:
        raise VolumeError(
            f"{path}: cut short: the image takes {needed} bytes, {stored.file.name} holds {held}; copy it again"
        )
    if stored.encoding == "zlib" and held > needed:
        raise VolumeError(f"{path}: its header promises {needed} bytes of numbers; {stored.file.name} holds more")


def _held(stored: Stored, path: Path, count: int) -> int:
    """Bytes of numbers in the file; of compressed ones at most one block more than are needed."""
    length = stored.file.stat().st_size - (stored.offset or 0)
    if stored.encoding == "raw":
        return length
    needed, held = count * stored.value_bytes + stored.before, 0
    with stored.file.open("rb") as stream:
        stream.seek(stored.offset or 0)
        if stored.encoding == "text":
            return _words(stream) * stored.value_bytes
        for block in decompressed(stream, path):
            held += len(block)
            if held > needed:
                break
    return held


def _words(stream: BinaryIO) -> int:
    """Numbers of a text."""
    count, inside = 0, False
    while data := stream.read(_BLOCK):
        count += len(data.split()) - (inside and not data[:1].isspace())
        inside = not data[-1:].isspace()
    return count


def _require_chunks(path: Path) -> None:
    """The checksums of a PNG's chunks; pictures cut short end without IEND."""
    with path.open("rb") as stream:
        if stream.read(8) != b"\x89PNG\r\n\x1a\n":
            raise VolumeError(f"{path}: it is damaged, or not a PNG file; copy it again")
        kind = b""
        while kind != b"IEND":
            head = stream.read(8)
            if len(head) < 8:
                raise VolumeError(f"{path}: cut short: the picture does not end; copy it again")
            length, kind = struct.unpack(">I4s", head)
            checksum = zlib.crc32(kind)
            while length:
                data = stream.read(min(length, _BLOCK))
                if not data:
                    raise VolumeError(f"{path}: cut short: the picture does not end; copy it again")
                checksum, length = zlib.crc32(data, checksum), length - len(data)
            if stream.read(4) != checksum.to_bytes(4):
                raise VolumeError(f"{path}: damaged: the checksum of its part {kind!r} differs; copy it again")


def _require_readable(path: Path, how: str) -> None:
    """Have another process read the file first: a reader that crashes then takes nothing with it."""
    try:
        done: Any = subprocess.run(
            [sys.executable, "-I", "-c", f"import sys, SimpleITK as s; r = {how}", str(path.absolute())],
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise VolumeError(f"{path}: reading it takes longer than {_SECONDS:g} s; write it as NIfTI or NRRD") from None
    if done.returncode < 0:
        raise VolumeError(f"{path}: it is damaged: its reader ends with signal {-done.returncode}; copy it again")
