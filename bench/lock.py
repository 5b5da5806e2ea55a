"""One command at a time writes into a folder."""

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from bench.errors import FluorobenchError
from bench.files import sweep, write_text
from bench.text import one_line

# Names that begin so are the lock's.
LOCK = ".lock"
_HOLDER = f"{LOCK}-holder"


class FolderLock:
    """The right to write into a folder, given up at the end of a ``with`` block and when the process dies.

    Args:
        folder: It is made when the lock is taken.
        otherwise: What two commands would do to it, for the message.
        error: To raise where another process has it.
    """

    def __init__(self, folder: Path, otherwise: str, error: type[FluorobenchError]) -> None:
        self._folder, self._otherwise, self._error = folder, otherwise, error
        self._lock = FileLock(folder / LOCK)

    def __enter__(self) -> "FolderLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock.is_locked:
            (self._folder / _HOLDER).unlink(missing_ok=True)
            self._lock.release()

    def take(self) -> None:
        """Take the lock, unless this object has it already; what a killed command began to write is removed.

        Raises:
            FluorobenchError: Another process has it; names that process.
        """
        if self._lock.is_locked:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise self._error(
                f"{self._folder} is in use by {self._holder()}: two commands would {self._otherwise}; wait for that "
                "one or end it"
            ) from None
        sweep(self._folder)
        began = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        command = " ".join(sys.argv)
        write_text(
            self._folder / _HOLDER,
            one_line(f"process {os.getpid()} on {platform.node()} since {began}: {command}", 300) + "\n",
        )

    def _holder(self) -> str:
        try:
            return one_line((self._folder / _HOLDER).read_text(encoding="utf-8", errors="replace"), 300)
        except OSError:
            return "another process"
