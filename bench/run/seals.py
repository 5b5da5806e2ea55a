"""Checksums of a finished run's files, written with its last row: what changed since is told."""

import hashlib
import json
from pathlib import Path
from typing import Any, cast

from bench.files import sha256_of, write_text

SEALS = "seals.json"
SEALED = ("protocol.toml", "environment.json", "patients.jsonl", "problems.jsonl", "estimates.jsonl", "truth.jsonl")


def write_seals(folder: Path, truth: str) -> None:
    """Seal a run.

    Args:
        folder: With all sealed files but ``truth.jsonl``.
        truth: What will be written to that.
    """
    seals = {name: sha256_of(folder / name) for name in SEALED if name != "truth.jsonl"}
    seals["truth.jsonl"] = hashlib.sha256(truth.encode()).hexdigest()
    write_text(folder / SEALS, json.dumps(seals, indent=1) + "\n", durable=True)


def is_sealed(folder: Path) -> bool:
    """Whether the run was sealed; runs of earlier versions were not."""
    return (folder / SEALS).is_file()


def broken_seals(folder: Path) -> list[str]:
    """Names of files that are not what the run left, ``seals.json`` where that is damaged; none without seals."""
    if not is_sealed(folder):
        return []
    try:
        seals: object = json.loads((folder / SEALS).read_bytes())
    except (ValueError, RecursionError):
        return [SEALS]
    if not isinstance(seals, dict) or set(cast("dict[str, Any]", seals)) != set(SEALED):
        return [SEALS]
    known = cast("dict[str, object]", seals)
    return [name for name in SEALED if not _matches(folder / name, known[name])]


def _matches(path: Path, digest: object) -> bool:
    return path.is_file() and sha256_of(path) == digest
