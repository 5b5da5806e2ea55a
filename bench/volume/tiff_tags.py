"""Whether a TIFF file can hold what its tags promise: libtiff takes memory for it first, gigabytes of a few bytes."""

import math
import struct
from pathlib import Path
from typing import BinaryIO

from bench.volume.volume import VolumeError

# Bytes of a value by its type's number.
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_SIDES = (256, 257)
_MAX_DIRECTORIES = 100_000
# Pixels a byte that compressions reach at most: 1365 by LZW, 1032 by deflate; of 8 pixels each.
_MAX_PACKED = 8 * 1400


def require_tags(path: Path) -> None:
    """Refuse a TIFF file with a directory or tag that reaches beyond its end.

    Raises:
        VolumeError: It has one.
    """
    length = path.stat().st_size
    with path.open("rb") as stream:
        try:
            _walk(stream, length)
        except (struct.error, KeyError, ValueError):
            raise VolumeError(
                f"{path}: damaged or cut short: a tag promises more than the file can hold; copy it again"
            ) from None


def _walk(stream: BinaryIO, length: int) -> None:
    head = stream.read(4)
    order = {b"II": "<", b"MM": ">"}[head[:2]]
    (version,) = struct.unpack(f"{order}H", head[2:])
    # BigTIFF counts in eight bytes; its offset size and a zero come first.
    large = {42: False, 43: True}[version]
    word, counter, entry = ("Q", "Q", 20) if large else ("I", "H", 12)
    stream.seek(8 if large else 4)
    offset, seen = _number(stream, order + word), set[int]()
    while offset:
        if offset in seen or len(seen) > _MAX_DIRECTORIES:
            raise ValueError("directories in a circle")
        seen.add(offset)
        stream.seek(offset)
        sides = [_side(stream.read(entry), f"{order}HH{word}", length) for _ in range(_number(stream, order + counter))]
        if math.prod(side for side in sides if side) > _MAX_PACKED * length:
            raise ValueError("more pixels than any compression makes of the file")
        offset = _number(stream, order + word)


def _side(entry: bytes, form: str, length: int) -> int | None:
    """Width or height that a tag states; None for other tags, whose values must lie within the file."""
    begin = struct.calcsize(form)
    name, kind, count = struct.unpack(form, entry[:begin])
    size, room = count * _BYTES.get(kind, 1), entry[begin:]
    if name in _SIDES and count == 1 and size <= len(room):
        return int.from_bytes(room[:size], "little" if form.startswith("<") else "big")
    place = int.from_bytes(room, "little" if form.startswith("<") else "big")
    if size > len(room) and place + size > length:
        raise ValueError("values beyond the end")
    return None


def _number(stream: BinaryIO, form: str) -> int:
    data = stream.read(struct.calcsize(form))
    number: int = struct.unpack(form, data)[0]
    return number
