"""Write a file whole or not at all: what every other module writes results through.

The content goes to a temporary file in the same folder, which then replaces the target in one step. A reader never sees
half a file; an error, a full disk or an interruption leaves the old file, or none, and no temporary one. The temporary
name is random and its file is created exclusively, so that a link planted under a guessed name is never followed.
"""

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import FluorobenchError

_MODE = 0o644
# As ``tempfile.mkstemp`` makes them in ``write_whole``.
_PART = re.compile(r"\.[a-z0-9_]{8}\.part-.")


def write_whole(path: Path, write: Callable[[Path], object], *, durable: bool = False) -> Path:
    """Have ``write`` fill a temporary neighbour of ``path``, then put it in its place.

    Args:
        path: Where the file belongs; missing folders are made.
        write: Called with the path of an empty file that it fills; its name ends as ``path``'s does.
        durable: Also survive a power cut: the content is on the disk before the name changes.

    Returns:
        ``path``.

    Raises:
        OSError: No such file can be made there, or the disk is full; an existing file is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=f".part-{path.name}")
    part = Path(name)
    try:
        with suppress(OSError):
            _hold(handle)
        write(part)
        part.chmod(_MODE)
        if durable:
            _flush(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
        os.close(handle)
    if durable:
        _flush(path.parent)
    return path


@contextmanager
def fresh_folder(path: Path) -> Generator[Path]:
    """A folder to be filled that takes the place of ``path`` at the end, whole or not at all.

    What lies there stays until then, and where the filling fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.part-", dir=path.parent) as place:
        new, old = Path(place) / "new", Path(place) / "old"
        new.mkdir()
        yield new
        if path.exists():
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise


def sweep(folder: Path) -> None:
    """Remove the temporary files of ``write_whole`` that killed processes left below a folder.

    Those that a living process still writes stay: it holds a lock on them.
    """
    for part in folder.rglob(".*.part-*"):
        if _PART.match(part.name) and not part.is_symlink():
            with suppress(OSError), part.open("rb") as file:
                _hold(file.fileno())
                part.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, durable: bool = False) -> Path:
    """Write UTF-8 text, whole or not at all; see ``write_whole``."""
    return write_bytes(path, text.encode(), durable=durable)


def write_bytes(path: Path, data: bytes, *, durable: bool = False) -> Path:
    """Write bytes, whole or not at all; see ``write_whole``."""
    return write_whole(path, lambda part: part.write_bytes(data), durable=durable)


def expanded_path(text: str) -> Path:
    """A path with its environment variables and ``~`` expanded.

    Raises:
        FluorobenchError: A variable is not set.
    """
    expanded = os.path.expandvars(text)
    if unset := re.search(r"\$\{?(\w+)", expanded):
        raise FluorobenchError(
            f"the data of {text} needs the environment variable {unset[1]}, which is not set; set it to your folder"
        )
    return at_home(expanded)


def at_home(path: str | Path) -> Path:
    """A path with a leading ``~`` or ``~NAME`` expanded.

    Raises:
        FluorobenchError: There is no such user, or nobody knows this user's home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise FluorobenchError(f"{path}: no home folder is known for its ~; write the path in full") from None


def slug(label: str) -> str:
    """A file name for any label: plain labels stay readable, changed ones get a hash so that two never collide."""
    plain = re.sub(r"[^A-Za-z0-9+.-]+", "-", label).strip("-.")
    return plain if plain == label else f"{plain or 'label'}-{hashlib.sha256(label.encode()).hexdigest()[:6]}"


def cache_folder(name: str) -> Path:
    """A folder of the user's cache: ``$XDG_CACHE_HOME/fluorobench/NAME``, else under ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "fluorobench" / name
    try:
        return Path.home() / ".cache" / "fluorobench" / name
    except RuntimeError:
        raise FluorobenchError("this user has no home folder for caches; set HOME or XDG_CACHE_HOME to one") from None


def open_no_link(path: str, flags: int) -> int:
    """An ``opener`` for ``open`` that refuses a symbolic link, for files whose names others can guess."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), _MODE)


def _hold(handle: int) -> None:
    """Lock a file until it is closed or this process ends.

    Raises:
        OSError: Another process holds it; on a disk that knows no locks, too, where ``sweep`` then removes nothing.
    """
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _flush(path: Path) -> None:
    """Have the system write a file, or the names of a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """Checksum of a file (64 hex digits), read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
