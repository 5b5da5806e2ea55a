"""One command at a time writes into a run's folder."""

from pathlib import Path

from bench.lock import FolderLock
from bench.run.journal import RunError


class RunLock(FolderLock):
    """The right to write into a run's folder; raises ``RunError`` where another process has it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "double its rows", RunError)
