"""Temporary folders that are removed also where the process that made them was killed."""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX, _LOCK = "fluorobench-external-", ".lock"
# A younger folder may be about to be locked.
_YOUNG_S = 60.0


class Scratch:
    """A temporary folder of this process; those of killed processes with the same prefix are removed as it is made.

    Args:
        place: Folder to make it in; the system's for temporary files if not given.
        prefix: Of its name.
    """

    def __init__(self, place: Path | None = None, prefix: str = _PREFIX) -> None:
        _remove_abandoned(Path(tempfile.gettempdir()) if place is None else place, prefix)
        self._folder = tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True)
        self.path = Path(self._folder.name).resolve()
        # Given up when this process ends, however it does.
        self._lock = FileLock(self.path / _LOCK)
        self._lock.acquire(blocking=False)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *error: object) -> None:
        self._lock.release()
        self._folder.cleanup()


def _remove_abandoned(place: Path, prefix: str) -> None:
    for folder in [each for each in place.iterdir() if each.name.startswith(prefix) and not each.is_symlink()]:
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _YOUNG_S and _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    lock.release()
    return True
