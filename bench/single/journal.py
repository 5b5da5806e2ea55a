"""Finished searches of one problem, kept in a file so that an interrupted command goes on from them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract import Problem
from bench.files import write_text
from bench.single.opinion import Answer
from bench.single.problem import SingleError
from bench.text import parse_json

_LINE_BEGINS = '{"key": '


class Journal:
    """Registrations of one problem, run once and kept."""

    def __init__(self, path: Path | None, problem: Problem) -> None:
        self._path, self._problem, self._key = path, problem, _fingerprint(problem)
        self._known = dict[tuple[str, int], Answer]()
        for line in _whole_lines(path) if path is not None and path.is_file() else []:
            self._remember(line)

    def kept(self, name: str, number: int, search: Callable[[], Answer]) -> Answer:
        """The answer of the search that ``name`` and ``number`` stand for; it is run where it is not known."""
        if (name, number) not in self._known:
            self._known[name, number] = found = search()
            self._write({"key": self._key, "similarity": name, "start": number}, found)
        return self._known[name, number]

    def _write(self, head: dict[str, Any], found: Answer) -> None:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**head, "value": found.value, "rig_from_world": found.pose.tolist()}) + "\n")

    def _remember(self, line: str) -> None:
        try:
            entry: dict[str, Any] = parse_json(line)
            if entry["key"] == self._key:
                known = Answer(np.array(entry["rig_from_world"], dtype=np.float64), float(entry["value"]))
                self._known[str(entry["similarity"]), int(entry["start"])] = known
        except (ValueError, KeyError, TypeError, ArithmeticError):
            raise SingleError(
                f"{self._path}: not a journal of this command: delete it, or give another --out"
            ) from None


def _whole_lines(path: Path) -> list[str]:
    """The lines of a journal; one that was cut short in writing is removed, or the next one would be appended to it."""
    *lines, rest = path.read_text(encoding="utf-8", errors="replace").split("\n")
    # Nothing is taken out of a file that is no journal.
    if not rest.startswith(_LINE_BEGINS[: len(rest)]):
        return [*lines, rest]
    if rest:
        write_text(path, "".join(f"{line}\n" for line in lines))
    return lines


def _fingerprint(problem: Problem) -> str:
    digest = hashlib.sha256(problem.patient_hash.encode())
    for view in problem.views:
        for part in (view.image, view.valid, view.camera.K, view.camera_from_rig):
            digest.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
    for part in (problem.start, problem.nominal, problem.centre, problem.search):
        digest.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
    digest.update(str(problem.seed).encode())
    return digest.hexdigest()[:16]
