"""Rows of a study on the disk, one JSON line each: an interrupted one goes on where it was stopped."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]


class Rows:
    """Finished trials of one campaign; the same command does only those that are missing.

    Args:
        folder: Of all campaigns.
        name: Of this one; its rows are in ``NAME.jsonl``.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}.jsonl"
        lines = self._path.read_text(encoding="utf-8").split("\n")[:-1] if self._path.is_file() else []
        self.found: dict[str, Row] = {row["name"]: row for row in map(json.loads, lines)}

    def once(self, name: str, trial: Callable[[], Row]) -> Row:
        """The row of a trial, which is made unless it is there."""
        if name not in self.found:
            row = {"name": name, **trial()}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            self.found[name] = row
        return self.found[name]
