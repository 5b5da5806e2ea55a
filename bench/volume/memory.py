"""Refuse images that cannot fit, by what their headers promise, before anything is allocated for them."""

import math
from collections.abc import Sequence
from pathlib import Path

from bench.volume.volume import VolumeError

MAX_VALUES = 1 << 30
# A volume is held as it is stored, as float32 and as its attenuation while it is prepared.
_BYTES_PER_VALUE = 12
_LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def require_memory(path: Path, shape: Sequence[int], *, most: int = MAX_VALUES) -> None:
    """Refuse an image that is larger than any that is used, or than the memory that is free.

    Args:
        path: Of its file, for the message.
        shape: Values along each axis, as the header promises.
        most: Values that an image of its kind has at most.

    Raises:
        VolumeError: The image is too large.
    """
    count = math.prod(int(size) for size in shape)
    size = " x ".join(str(each) for each in shape)
    if count > most:
        raise VolumeError(f"{path}: its header promises {size} values, expected at most {most}; crop or bin it")
    free = free_bytes()
    if free is not None and count * _BYTES_PER_VALUE > free:
        raise VolumeError(
            f"{path}: {size} values take {count * _BYTES_PER_VALUE / 2**30:.1f} GiB while they are prepared, "
            f"{free / 2**30:.1f} GiB of memory are free; crop or bin it, or end other programs"
        )


def free_bytes() -> int | None:
    """Memory that is free, within the limit of the container too; None where the system does not say."""
    found = [free for free in (_of_machine(), *(_of_group(*each) for each in _LIMITS)) if free is not None]
    return min(found, default=None)


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    kib = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return kib[0] * 1024 if kib else None


def _of_group(limit: Path, used: Path) -> int | None:
    try:
        return max(0, int(limit.read_text()) - int(used.read_text()))
    except (OSError, ValueError):  # no such group, or no limit ("max")
        return None
