"""Files are written whole or not at all, and links that others planted are not followed."""

import errno
import os
from pathlib import Path

import pytest

from bench.errors import FluorobenchError
from bench.files import at_home, cache_folder, open_no_link, sweep, write_bytes, write_text, write_whole


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The temporary names that ``tempfile`` takes next, last one first."""
    planned: list[str] = []
    monkeypatch.setattr("tempfile._get_candidate_names", lambda: iter(planned))
    return planned


@pytest.mark.parametrize("durable", [False, True])
def test_what_is_written_is_there_and_nothing_else(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "new" / "scores.nii.gz"
    seen: list[Path] = []

    def fill(part: Path) -> None:
        seen.append(part)
        part.write_bytes(b"data")

    assert write_whole(path, fill, durable=durable) == path
    assert path.read_bytes() == b"data"
    assert seen[0].parent == path.parent
    assert seen[0].name.endswith("scores.nii.gz")
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_old_file_stays_where_writing_fails(tmp_path: Path) -> None:
    path = write_text(tmp_path / "table.csv", "old")

    def fail(part: Path) -> None:
        part.write_text("half")
        raise OSError(errno.ENOSPC, "disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    def interrupted(part: Path) -> None:
        part.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "table.csv", interrupted)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_the_end_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_bytes(tmp_path / "weights", b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_bytes(path, b"new", durable=True)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_planted_link_is_not_followed(tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / ".guessed.part-table.csv").symlink_to(tmp_path / "victim")
    names.extend(["guessed", "other"])
    write_text(tmp_path / "table.csv", "data")
    assert (tmp_path / "victim").read_text() == "precious"
    assert (tmp_path / "table.csv").read_text() == "data"


def test_a_file_whose_name_is_known_is_not_opened_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "file.part").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic link"), open(tmp_path / "file.part", "wb", opener=open_no_link):
        pass
    assert (tmp_path / "victim").read_text() == "precious"


def test_what_killed_processes_began_to_write_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    for name in ("tables/.a1b2c3d4.part-order.csv", ".z_9876ab.part-scores.parquet"):
        (tmp_path / name).write_text("half")
    for name in (".part-mine", "a1b2c3d4.part-x", ".short.part-x"):
        (tmp_path / name).write_text("of others")
    (tmp_path / ".a1b2c3d4.part-link").symlink_to(tmp_path / ".part-mine")

    def write(part: Path) -> None:
        part.write_text("being written")
        sweep(tmp_path)

    write_whole(tmp_path / "tables" / "order.csv", write)
    assert (tmp_path / "tables" / "order.csv").read_text() == "being written"
    found = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"order.csv", ".part-mine", "a1b2c3d4.part-x", ".short.part-x", ".a1b2c3d4.part-link"}


def test_a_user_without_a_home_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: object) -> str:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: unknown(None))
    with pytest.raises(FluorobenchError, match="set HOME or XDG_CACHE_HOME"):
        cache_folder("patients")
    with pytest.raises(FluorobenchError, match="write the path in full"):
        at_home("~nobody-of-this-name/ct.nii.gz")
