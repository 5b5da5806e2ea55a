"""Writing files whole or not at all, and names that any file system takes."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Have ``write`` fill a neighbour of ``path``, then put it in place: a reader never sees half a file.

    Args:
        path: Where the file belongs; missing folders are made.
        write: Called with the path to fill, of the same suffix.

    Returns:
        ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text, whole or not at all."""
    return write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def slug(label: str) -> str:
    """A file name for any label: plain labels stay readable, changed ones get a hash so that two never collide."""
    plain = re.sub(r"[^A-Za-z0-9+.-]+", "-", label).strip("-.")
    return plain if plain == label else f"{plain or 'label'}-{hashlib.sha256(label.encode()).hexdigest()[:6]}"
