"""Folders for programs: temporary, and removed also where the process that made them was killed."""

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
    """A temporary folder of this process; folders that killed processes left behind are removed as one is made."""

    def __init__(self) -> None:
        _remove_abandoned()
        self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
        self.path = Path(self._folder.name).resolve()
        # Given up when this process ends, however it does.
        self._lock = FileLock(self.path / _LOCK)
        self._lock.acquire(blocking=False)


def _remove_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
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
