"""A run's folder: what is lost or damaged is told by name and done again, the rest stays; one command at a time."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.cases.records import EstimateRecord
from bench.errors import FluorobenchError
from bench.run.execute import RunProgress
from bench.run.journal import Journal, RunError
from bench.run.lock import RunLock
from bench.run.resume import run_or_resume
from bench.run.verify import verify
from bench.score.finished import open_run

from .toy_run import ANSWER, on_the_path, protocol

CHOSEN = ("answers",)


@pytest.fixture(scope="module", autouse=True)
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with on_the_path(tmp_path_factory.mktemp("plugins"), {"answers": (ANSWER, "None")}):
        yield


def run(out: Path, *, fresh: bool = False) -> tuple[Journal, list[str]]:
    """Run or resume; with the lines that were printed."""
    told = list[str]()

    def show(steps: Iterator[RunProgress]) -> None:
        told.extend(f"{step.phase} {step.what}" for step in steps if step.phase == "registering" and step.what)

    return run_or_resume(protocol(*CHOSEN), out, fresh=fresh, show=show, report=told.append), told


@pytest.fixture(scope="module")
def finished(toys: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    journal, _ = run(tmp_path_factory.mktemp("finished"))
    return journal.folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, which a test may change."""
    return Path(shutil.copytree(finished, tmp_path / finished.name))


def lines(folder: Path) -> list[str]:
    return (folder / "estimates.jsonl").read_text().splitlines()


def damage(folder: Path, change: Callable[[list[str]], None]) -> None:
    """Change the lines of the estimates."""
    found = lines(folder)
    change(found)
    (folder / "estimates.jsonl").write_text("".join(f"{line}\n" for line in found))


def swap(found: list[str]) -> None:
    """A digit of a pose: still a number, still a record."""
    found[1] = found[1].replace("9", "8", 1)


def to_truth(found: list[str]) -> None:
    """A pose without error, and no checksum that would tell."""
    record = json.loads(found[1])
    record["pose"], record["seal"] = [[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], None
    found[1] = json.dumps(record)


def bad_text(found: list[str]) -> None:
    found[1] = found[1][:40] + "\x00" * 30


def lose_first(found: list[str]) -> None:
    del found[0]


def lose_last(found: list[str]) -> None:
    del found[-1]


def double(found: list[str]) -> None:
    found.append(found[0])


def foreign(found: list[str]) -> None:
    found.append(found[0].replace("toy-0", "toy-7"))


@pytest.mark.parametrize(
    ("change", "word", "again"),
    [
        (swap, "line 2 is not what was written", 1),
        (to_truth, "line 2 is not what was written", 1),
        (bad_text, "line 2 is no record", 1),
        (lose_first, "1 registrations are missing", 1),
        (lose_last, "1 registrations are missing", 1),
        (double, "line 5 is a second answer", 0),
        (foreign, "line 5 is not what was written", 0),
    ],
)
def test_a_damaged_row_is_named_and_done_again(
    change: Callable[[list[str]], None], word: str, again: int, folder: Path
) -> None:
    before = {(row.label, row.case_id): row.pose for row in Journal(folder).estimates()}
    damage(folder, change)
    with pytest.raises(FluorobenchError, match="estimates"):
        _ = open_run(folder).scores
    assert any(
        word.split(" registrations")[0][-20:] in found.what or "lacks" in found.what
        for found in verify(folder).findings
    )
    journal, told = run(folder.parent)
    assert any(word in line for line in told), told
    assert sum(line.startswith("registering") for line in told) == again
    assert {(row.label, row.case_id): row.pose for row in journal.estimates()} == before
    assert verify(folder).findings == []
    assert len(open_run(folder).scores) == 4


def test_rows_with_new_checksums_do_not_pass_for_the_runs_own(folder: Path) -> None:
    def forge(found: list[str]) -> None:
        record = EstimateRecord.model_validate_json(found[1])
        found[1] = record.model_copy(update={"seconds": 0.0}).sealed().model_dump_json()

    damage(folder, forge)
    for act in (lambda: open_run(folder), lambda: run(folder.parent)):
        with pytest.raises(RunError, match=r"estimates.jsonl was altered or damaged"):
            act()
    assert [found.file for found in verify(folder).findings] == ["estimates.jsonl"]


@pytest.mark.parametrize("name", ["protocol.toml", "patients.jsonl", "problems.jsonl", "truth.jsonl", "seals.json"])
@pytest.mark.parametrize("lost", [True, False])
def test_what_can_be_made_again_is_made_again(name: str, lost: bool, folder: Path) -> None:
    """The cases are drawn from the protocol, which the command gives; the rows are not touched."""
    path, rows = folder / name, lines(folder)
    before = path.read_bytes()
    if lost:
        path.unlink()
    else:
        path.write_bytes(before[: len(before) // 2])
    if name != "truth.jsonl":
        # An interrupted run: of a finished one the damage is told, and nothing is overwritten without --fresh.
        (folder / "truth.jsonl").unlink()
    elif not lost:
        with pytest.raises(RunError, match="altered"):
            run(folder.parent)
        return
    run(folder.parent)
    assert lines(folder) == rows
    # The new seals state when the run ended now.
    ended = re.compile(rb'"finished": ".*?"')
    assert ended.sub(b"", path.read_bytes()) == ended.sub(b"", before)
    assert verify(folder).findings == []


def test_rows_of_nobody_knows_what_code_are_not_continued(folder: Path) -> None:
    for name in ("environment.json", "truth.jsonl"):
        (folder / name).unlink()
    with pytest.raises(RunError, match="--fresh"):
        run(folder.parent)


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_in_use_is_refused_with_the_name_of_its_user(fresh: bool, folder: Path) -> None:
    before = lines(folder)
    with RunLock(folder) as held:
        held.take()
        with pytest.raises(RunError, match=rf"in use by process {os.getpid()} on .* since"):
            run(folder.parent, fresh=fresh)
    assert lines(folder) == before
    run(folder.parent)


def test_what_a_killed_command_began_to_write_is_removed(folder: Path) -> None:
    (folder / "tables").mkdir(exist_ok=True)
    for place in (folder / "tables" / ".a1b2c3d4.part-order.csv", folder / ".a1b2c3d4.part-protocol.toml"):
        place.write_text("half")
    (folder.parent / ".latest-1").symlink_to(folder.name)
    (folder / "truth.jsonl").unlink()
    run(folder.parent)
    assert not [path for path in folder.parent.rglob(".*") if not path.name.startswith(".lock")]


def test_fresh_starts_over_and_leaves_nothing_old(folder: Path) -> None:
    (folder / "tables").mkdir()
    (folder / "tables" / "old.md").write_text("old")
    _, told = run(folder.parent, fresh=True)
    assert sum(line.startswith("registering") for line in told) == 4
    assert not (folder / "tables").exists()


def test_a_kill_while_a_run_is_discarded_does_not_mix_its_rows_into_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink, calls = Path.unlink, list[Path]()

    def killed(path: Path, missing_ok: bool = False) -> None:
        if calls:
            raise KeyboardInterrupt
        calls.append(path)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        Journal(folder).clear()
    monkeypatch.undo()
    assert [path.name for path in calls] == ["estimates.jsonl"]
    assert (folder / "environment.json").is_file()


def test_a_row_is_on_the_disk_before_the_next_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, fsync = list[int](), os.fsync

    def count(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").readlink().name == "estimates.jsonl":
            sizes.append(os.fstat(handle).st_size)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", count)
    journal, _ = run(tmp_path)
    assert len(sizes) == 4
    assert sizes[-1] == (journal.folder / "estimates.jsonl").stat().st_size


def test_verify_tells_an_unfinished_run_from_a_damaged_one(folder: Path) -> None:
    assert verify(folder).findings == []
    assert (verify(folder).rows, verify(folder).expected, verify(folder).sealed) == (4, 4, True)
    for name in ("truth.jsonl", "seals.json"):
        (folder / name).unlink()
    damage(folder, lose_last)
    found = verify(folder)
    assert (found.rows, found.expected, found.finished, found.findings) == (3, 4, False, [])


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("problems.jsonl", '"seed":', '"seed":1'),
        ("patients.jsonl", '"points":[[', '"points":[[1'),
        ("truth.jsonl", '"truth":[[', '"truth":[[1'),
        ("protocol.toml", "seed = 3", "seed = 4"),
        ("environment.json", '"cores": ', '"cores": 1'),
    ],
)
def test_verify_names_the_file_that_was_altered(name: str, old: str, new: str, folder: Path) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    assert any(name in found.file for found in verify(folder).findings)


def test_what_methods_print_is_kept_to_its_last_mebibyte(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(3):
        journal.keep_output("A", f"{number}" + "\u00e9" * 400_000 + "\x1b[2J")
    kept = (tmp_path / "output" / "A.txt").read_bytes()
    assert (1 << 20) - 4 < len(kept) <= 1 << 20
    text = kept.decode()
    assert text.endswith("\u00e9[2J\n")
    assert "\n2\u00e9" in text
    journal.keep_output("A", "")
    assert (tmp_path / "output" / "A.txt").read_bytes() == kept


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(folder)]


def test_every_row_is_sealed(folder: Path) -> None:
    assert all(len(record["seal"]) == 16 for record in records(folder))
