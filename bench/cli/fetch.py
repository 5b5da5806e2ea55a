"""Download a file over HTTP: resumable, checked, complete or absent.

Bytes go to ``NAME.part``; only a whole file with the right checksum takes its name. ``NAME.part.tag`` holds the
version that the server stated, so that a part of another version is never continued.
"""

import http.client
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from bench.errors import FluorobenchError
from bench.files import open_no_link, sha256_of, write_text

Report: TypeAlias = Callable[[int, int | None], None]
"""Called with the number of bytes received, and the total where the server states it."""

_BLOCK = 1 << 20
_TIMEOUT_S = 60.0
_AGAIN = "run the same command again to continue"


class FetchError(FluorobenchError):
    """A file that could not be fetched, or is not the one expected."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete file.

    Attributes:
        path: Its path.
        sha256: Of its content.
        agrees_with: What the checksum was compared with: the published one, or that recorded in ``NAME.sha256`` when
            the file was fetched; None = nothing to compare with.
        fresh: Whether it was downloaded now, not found on the disk.
    """

    path: Path
    sha256: str
    agrees_with: Literal["published", "recorded"] | None
    fresh: bool


def fetch(url: str, target: Path, *, sha256: str | None, report: Report) -> Fetched:
    """Fetch a file unless it is there; a file that is there is checked and never written to.

    Args:
        url: http or https.
        target: Where the file is written; its folder exists.
        sha256: Published checksum; None = none is published; the checksum received is then recorded beside the file.
        report: Called with the progress.

    Raises:
        FetchError: No connection, a response that is not the file, a full disk, or another checksum.
    """
    if target.exists():
        return _present(target, sha256)
    part = target.with_name(target.name + ".part")
    _transfer(url, part, report)
    digest = sha256_of(part)
    if sha256 is not None and digest != sha256:
        _discard(part)
        raise FetchError(
            f"{target.name}: checksum {digest[:16]}... is not the published {sha256[:16]}...; not kept: try again"
        )
    part.rename(target)
    _tag(part).unlink(missing_ok=True)
    write_text(_record(target), f"{digest}  {target.name}\n")
    return Fetched(target, digest, None if sha256 is None else "published", fresh=True)


def _present(target: Path, sha256: str | None) -> Fetched:
    """A file that is there already: compared with the published checksum, else with the one recorded."""
    if not target.is_file():
        raise FetchError(f"{target} exists and is not a file; choose another folder")
    recorded = _record(target).read_text(encoding="utf-8").split() if _record(target).is_file() else []
    expected = sha256 or (recorded[0] if recorded else None)
    digest = sha256_of(target)
    if expected is not None and digest != expected:
        raise FetchError(
            f"{target} exists with checksum {digest[:16]}..., not {expected[:16]}...; move it away to fetch it again"
        )
    if sha256 is not None:
        return Fetched(target, digest, "published", fresh=False)
    return Fetched(target, digest, "recorded" if recorded else None, fresh=False)


def _transfer(url: str, part: Path, report: Report) -> None:
    """Download what the part lacks."""
    try:
        with _open(url, part) as response:
            _receive(response, part, report)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise FetchError(f"{url}: the server answered {error.code} {error.reason}") from None
        _settle_range(error, part)
    except (OSError, http.client.HTTPException) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split())
        raise FetchError(f"{url}: could not be fetched: {reason}; {_AGAIN}") from None


def _open(url: str, part: Path) -> Any:
    headers = {"User-Agent": "fluorobench", "Accept-Encoding": "identity"}
    if part.is_file() and _tag(part).is_file():
        headers["Range"] = f"bytes={part.stat().st_size}-"
        headers["If-Range"] = _tag(part).read_text(encoding="utf-8").strip()
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S)


def _receive(response: Any, part: Path, report: Report) -> None:
    if response.headers.get_content_type() == "text/html":
        raise FetchError(f"{response.url}: expected a file, got an HTML page; open the address in a browser")
    start = _start(response, part)
    length = response.headers.get("Content-Length")
    total = None if length is None else start + int(length)
    _require_room(part, 0 if total is None else total - start)
    done = start
    with open(part, "ab" if start else "wb", opener=open_no_link) as file:  # its name can be guessed
        if start == 0:
            # Only now is nothing of another version left in the part.
            _keep_tag(response, part)
        report(done, total)
        while block := response.read(_BLOCK):
            file.write(block)
            done += len(block)
            report(done, total)
    if total is not None and done != total:
        raise FetchError(f"{response.url}: the connection ended at {done} of {total} bytes; {_AGAIN}")


def _start(response: Any, part: Path) -> int:
    """Offset of the response's first byte: the end of the part, or 0 where the server sends the whole file."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    begins = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if begins is None or int(begins[1]) != part.stat().st_size:
        _discard(part)
        raise FetchError(f"{response.url}: the server sent another range than requested; {_AGAIN}")
    return int(begins[1])


def _settle_range(error: urllib.error.HTTPError, part: Path) -> None:
    """The server has no bytes beyond the part: it is complete already, or longer than the file."""
    total = re.match(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
    if total is None or int(total[1]) != part.stat().st_size:
        _discard(part)
        raise FetchError(f"{error.url}: the part on the disk belongs to another file; it was removed; {_AGAIN}")


def _keep_tag(response: Any, part: Path) -> None:
    """Record the version; without one the next attempt starts from the beginning."""
    strong = response.headers.get("ETag", "")
    version = strong if strong.startswith('"') else response.headers.get("Last-Modified", "")
    if version:
        write_text(_tag(part), version)
    else:
        _tag(part).unlink(missing_ok=True)


def _require_room(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise FetchError(f"{part.parent} has {free / 1e9:.1f} GB free; {needed / 1e9:.1f} GB are needed; make room")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag(part).unlink(missing_ok=True)


def _tag(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def _record(target: Path) -> Path:
    return target.with_name(target.name + ".sha256")
