"""Checksums of a finished run's files and when it ended, written with its last row: what changed since is told."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from bench.files import sha256_of, write_text

SEALS = "seals.json"
_FINISHED = "finished"
SEALED = ("protocol.toml", "environment.json", "patients.jsonl", "problems.jsonl", "estimates.jsonl", "truth.jsonl")


def write_seals(folder: Path, truth: str) -> None:
    """Seal a run.

    Args:
        folder: With all sealed files but ``truth.jsonl``.
        truth: What will be written to that.
    """
    seals = {name: sha256_of(folder / name) for name in SEALED if name != "truth.jsonl"}
    seals["truth.jsonl"] = hashlib.sha256(truth.encode()).hexdigest()
    seals[_FINISHED] = datetime.now(UTC).isoformat(timespec="seconds")
    write_text(folder / SEALS, json.dumps(seals, indent=1) + "\n", durable=True)


def is_sealed(folder: Path) -> bool:
    """Whether the run was sealed; runs of earlier versions were not."""
    return (folder / SEALS).is_file()


def broken_seals(folder: Path) -> list[str]:
    """Names of files that are not what the run left, ``seals.json`` where that is damaged; none without seals."""
    if not is_sealed(folder):
        return []
    known = _read(folder)
    if set(known) - {_FINISHED} != set(SEALED):
        return [SEALS]
    return [name for name in SEALED if not _matches(folder / name, known[name])]


def same_seals(one: Path, other: Path) -> bool:
    """Whether two finished runs hold the same files, whenever they ended."""
    first, second = ({name: _read(each).get(name) for name in SEALED} for each in (one, other))
    return is_sealed(other) and None not in first.values() and first == second


def finished_at(folder: Path) -> datetime:
    """When a sealed run ended (UTC); by the time of its file where an earlier version sealed it."""
    with suppress(ValueError, OverflowError):
        return datetime.fromisoformat(str(_read(folder).get(_FINISHED))).astimezone(UTC)
    return datetime.fromtimestamp((folder / SEALS).stat().st_mtime, UTC)


def _read(folder: Path) -> Mapping[str, object]:
    """Seals by name; none where the file is damaged."""
    try:
        seals: object = json.loads((folder / SEALS).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", seals) if isinstance(seals, dict) else {}


def _matches(path: Path, digest: object) -> bool:
    return path.is_file() and sha256_of(path) == digest
