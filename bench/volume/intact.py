"""Whether an image file is long enough for its image, where its format's reader does not check it."""

import re
from collections.abc import Iterator
from pathlib import Path

from bench.volume.volume import VolumeError
from bench.volume.whole import decompressed

# What may follow an image: padding of some writers.
_SLACK = 1 << 20


def require_bytes(path: Path, needed: int) -> None:
    """Refuse a file that is too short for its image, before memory is taken for it.

    Args:
        path: The file that was named; of a header/image pair either.
        needed: Bytes of header and voxels, uncompressed.

    Raises:
        VolumeError: The file is too short, or its compression is damaged.
    """
    data = _data_file(path)
    length = _length(data, needed)
    if length < needed:
        raise VolumeError(
            f"{path}: cut short: the image takes {needed} bytes, {data.name} holds {length}; copy it again"
        )


def _data_file(path: Path) -> Path:
    """The file that holds the voxels: of a header/image pair, the image."""
    pair = path.with_name(re.sub(r"\.hdr(\.gz)?$", r".img\1", path.name, flags=re.IGNORECASE))
    return pair if pair.is_file() else path


def _length(path: Path, enough: int) -> int:
    """Bytes of a file once decompressed; a compressed one is read to its end, where its checksum is."""
    if path.suffix.lower() != ".gz":
        return path.stat().st_size
    length = 0
    for block in _blocks(path):
        length += len(block)
        if length > enough + _SLACK:
            raise VolumeError(f"{path}: it holds more than the {enough} bytes that its header states; copy it again")
    return length


def _blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a compressed file, a megabyte at a time."""
    with path.open("rb") as stream:
        yield from decompressed(stream, path)
