"""``fluorobench download`` against a server of our own: whole files or none, resumed, checked, never overwritten."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bench.cli import main as cli
from bench.cli.fetch import FetchError, fetch
from bench.cli.sources import SOURCES, read_sources

CONTENT = bytes(range(256)) * 9000  # more than two blocks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Site:
    """What the server does and what it was asked."""

    content: bytes = CONTENT
    etag: str | None = '"first"'
    breaks_after: int | None = None
    kind: str = "application/octet-stream"
    status: int | None = None
    url: str = ""
    ranges: list[str | None] = field(default_factory=list[str | None])


class Handler(BaseHTTPRequestHandler):
    def __init__(self, site: Site, *args: object) -> None:
        self.site = site
        super().__init__(*args)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silence."""

    def do_GET(self) -> None:
        site, asked = self.site, self.headers.get("Range")
        site.ranges.append(asked)
        if site.status is not None:
            self.send_error(site.status)
            return
        begin = int(match[1]) if (match := re.match(r"bytes=(\d+)-", asked or "")) else 0
        if self.headers.get("If-Range") != site.etag:
            begin = 0
        total = len(site.content)
        if begin and begin >= total:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{total}")
            self.end_headers()
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Type", site.kind)
        self.send_header("Content-Length", str(total - begin))
        if site.etag:
            self.send_header("ETag", site.etag)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        self.end_headers()
        self.wfile.write(site.content[begin : site.breaks_after])


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, site))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}/hips.bin"
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


def get(site: Site, folder: Path, sha256: str | None = SHA256, seen: list[int] | None = None) -> Path:
    told = [] if seen is None else seen
    return fetch(
        site.url, folder / "hips.bin", sha256=sha256, report=lambda done, total: told.append(done if total else -1)
    ).path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_and_its_progress_is_told(site: Site, tmp_path: Path) -> None:
    seen: list[int] = []
    path = get(site, tmp_path, seen=seen)
    assert path.read_bytes() == CONTENT
    assert (seen[0], seen[-1], len(seen) > 2) == (0, len(CONTENT), True)
    assert names(tmp_path) == ["hips.bin", "hips.bin.sha256"]
    assert (tmp_path / "hips.bin.sha256").read_text() == f"{SHA256}  hips.bin\n"


def test_a_broken_connection_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.breaks_after = 700_000
    with pytest.raises(FetchError, match=r"(ended at|fetched).*same command"):
        get(site, tmp_path)
    assert names(tmp_path) == ["hips.bin.part", "hips.bin.part.tag"]
    site.breaks_after = None
    seen: list[int] = []
    assert get(site, tmp_path, seen=seen).read_bytes() == CONTENT
    assert site.ranges == [None, "bytes=700000-"]
    assert seen[0] == 700_000


def test_a_part_of_another_version_is_not_continued(site: Site, tmp_path: Path) -> None:
    site.breaks_after = 700_000
    with pytest.raises(FetchError):
        get(site, tmp_path)
    site.breaks_after, site.etag, site.content = None, '"second"', CONTENT[::-1]
    path = get(site, tmp_path, sha256=None)
    assert path.read_bytes() == CONTENT[::-1]


def test_without_a_version_a_part_is_not_continued(site: Site, tmp_path: Path) -> None:
    site.etag, site.breaks_after = None, 700_000
    with pytest.raises(FetchError):
        get(site, tmp_path)
    site.breaks_after = None
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.ranges == [None, None]


def test_a_whole_part_only_takes_its_name(site: Site, tmp_path: Path) -> None:
    (tmp_path / "hips.bin.part").write_bytes(CONTENT)
    (tmp_path / "hips.bin.part.tag").write_text('"first"')
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert names(tmp_path) == ["hips.bin", "hips.bin.sha256"]


def test_a_part_longer_than_the_file_is_thrown_away(site: Site, tmp_path: Path) -> None:
    (tmp_path / "hips.bin.part").write_bytes(CONTENT + b"more")
    (tmp_path / "hips.bin.part.tag").write_text('"first"')
    with pytest.raises(FetchError, match="belongs to another file"):
        get(site, tmp_path)
    assert get(site, tmp_path).read_bytes() == CONTENT


def test_another_checksum_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.content = CONTENT[:-1]
    with pytest.raises(FetchError, match="not the published"):
        get(site, tmp_path)
    assert names(tmp_path) == []


def test_a_file_that_is_there_is_checked_and_kept(site: Site, tmp_path: Path) -> None:
    (tmp_path / "hips.bin").write_bytes(b"mine")
    with pytest.raises(FetchError, match="move it away"):
        get(site, tmp_path)
    assert get(site, tmp_path, sha256=None).read_bytes() == b"mine"
    (tmp_path / "hips.bin.sha256").write_text(f"{SHA256}  hips.bin\n")
    with pytest.raises(FetchError, match="move it away"):
        get(site, tmp_path, sha256=None)
    assert (tmp_path / "hips.bin").read_bytes() == b"mine"
    assert site.ranges == []


def test_pages_refusals_and_dead_servers_are_one_line(site: Site, tmp_path: Path) -> None:
    site.kind = "text/html; charset=utf-8"
    with pytest.raises(FetchError, match="got an HTML page"):
        get(site, tmp_path)
    site.status = 403
    with pytest.raises(FetchError, match="answered 403"):
        get(site, tmp_path)
    site.url = "http://127.0.0.1:9/hips.bin"
    with pytest.raises(FetchError, match="could not be fetched") as caught:
        get(site, tmp_path)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def table(folder: Path, site: Site, sha256: str | None) -> list[str]:
    known = f'sha256 = "{sha256}"' if sha256 else ""
    path = folder / "sources.toml"
    path.write_text(
        '[hips]\ntitle = "Hips"\nlicence = "CC BY 4.0"\npage = "https://example.org/hips"\nthen = "unpack it"\n'
        f'[[hips.files]]\nname = "hips.bin"\nurl = "{site.url}"\n{known}\n'
        '[asked]\ntitle = "Asked"\nlicence = "theirs"\npage = "https://example.org/form"\nthen = "put it there"\n'
    )
    return ["--sources", str(path)]


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["fluorobench", "download", *words])
    cli.main()


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *words)
    assert caught.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("fluorobench:")]
    assert len(lines) == 1
    return lines[0]


def test_the_command_says_licence_and_checksum(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    to = ["--to", str(tmp_path / "data")]
    unknown = table(tmp_path, site, None)
    run(monkeypatch, "hips", *to, *unknown)
    said = capsys.readouterr().out
    assert all(text in said for text in ("CC BY 4.0", "example.org/hips", SHA256, "not verified", "unpack it"))
    run(monkeypatch, "hips", *to, *unknown)
    assert "was there already" in (again := capsys.readouterr().out)
    assert "as recorded" in again
    run(monkeypatch, "hips", *to, *table(tmp_path, site, SHA256))
    assert "as published" in capsys.readouterr().out
    assert site.ranges == [None]


def test_the_command_asks_for_what_it_may_not_fetch(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "asked", "--to", str(tmp_path / "data"), *table(tmp_path, site, None))
    said = capsys.readouterr().out
    assert "https://example.org/form" in said
    assert "put it there" in said
    assert not (tmp_path / "data").exists()
    assert site.ranges == []


def test_mistakes_are_one_line_and_exit_status_2(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    to, own = ["--to", str(tmp_path / "data")], table(tmp_path, site, "0" * 64)
    assert "not the published" in refused(monkeypatch, capsys, "hips", *to, *own)
    assert names(tmp_path / "data") == []
    assert "did you mean 'hips'" in refused(monkeypatch, capsys, "hip", *to, *own)
    assert "--to FOLDER" in refused(monkeypatch, capsys, "hips", *own)
    assert "hips.bin" in refused(monkeypatch, capsys, "hips", *to, *own, "--only", "hips.bn")
    (tmp_path / "file").write_text("")
    assert "no folder" in refused(monkeypatch, capsys, "hips", "--to", str(tmp_path / "file"), *own)
    (tmp_path / "sources.toml").write_text('[hips]\ntitle = "Hips"\n')
    assert "licence" in refused(monkeypatch, capsys, "hips", *to, *own)


def test_our_own_table_names_sites_over_https_and_invents_no_checksum() -> None:
    sources = read_sources(SOURCES)
    assert {"deepfluoro", "ljubljana", "verse"} <= set(sources)
    for source in sources.values():
        assert source.page.startswith("https://")
        assert all(file.url.startswith("https://") and file.sha256 is None for file in source.files)


def test_without_a_name_it_lists_what_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch)
    said = capsys.readouterr().out
    assert all(name in said for name in read_sources(SOURCES))
