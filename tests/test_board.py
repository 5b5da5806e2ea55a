"""A board: verified runs of the same cases merged; the newest rows of a label ranked, the earlier ones its history."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.cases.records import ProblemRecord, TruthRecord
from bench.cli.board import Board
from bench.report.board import build
from bench.report.board.build import PAGE, require_free, write_board
from bench.report.board.entries import BoardError, board_entries, verdict
from bench.run.seals import SEALS, finished_at
from bench.score.compared import ComparisonError

from .browser import CONTRASTS, find, headless, texts
from .page_run import HOSTILE, Answer, labelled, near, nothing, start, toy_patients, write_run


def nearer(problem: ProblemRecord, truth: TruthRecord, number: int) -> dict[str, Any]:
    """The truth."""
    del problem, number
    return {"pose": truth.truth, "processor": "Quick processor"}


def ended(folder: Path, when: str) -> Path:
    """Date a run."""
    seals = json.loads((folder / SEALS).read_text())
    (folder / SEALS).write_text(json.dumps(seals | {"finished": when}))
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Two runs of the same cases: the later one has a better method of the same name, rows it took over, a new row."""
    folder = tmp_path_factory.mktemp("board")
    with toy_patients(folder):
        first = write_run(folder / "a", labelled(["Near", HOSTILE]), {"Near": near, HOSTILE: start})
        later: dict[str, Answer] = {"Near": nearer, HOSTILE: start, "Nothing": nothing}
        second = write_run(folder / "b", labelled(list(later)), later)
        yield [
            ended(first.folder, "2026-01-02T03:04:05+00:00"),
            ended(second.folder, "2026-02-03T04:05:06+00:00"),
        ]


def test_the_newest_rows_are_ranked_and_the_earlier_ones_are_history(runs: list[Path], tmp_path: Path) -> None:
    entries = board_entries([runs[1], runs[0], runs[0]])
    assert [each.name for each in entries.runs] == [runs[0].name, runs[1].name], "the oldest first, each once"
    assert {label: len(each) for label, each in entries.histories.items()} == {"Near": 2, HOSTILE: 1, "Nothing": 1}
    newest = {each.label: each for each in entries.newest}
    assert newest["Near"].summary.median("mtre_mm") == pytest.approx(0.0, abs=1e-9)
    assert newest["Near"].processors == ("Quick processor",)
    assert newest[HOSTILE].of.name == runs[0].name, "rows that were taken over are of the run that made them"
    assert len(entries.scores) == 12
    told = verdict(*entries.histories["Near"])
    assert told == "mTRE not tested", "two patients; times of another processor are not compared"
    table = write_board(entries, tmp_path / "site")[2].read_text().splitlines()
    assert table[0].startswith("method,ended,ranked,failure_strict_percent")
    assert [line.split(",")[:3] for line in table[1:3]] == [
        ["Near", "2026-02-03 04:05", "yes"],
        ["Near", "2026-01-02 03:04", "earlier"],
    ]


def test_the_command_writes_all_files_and_replaces_its_own_board(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "site"
    out.mkdir()
    Board((runs[0],), out=out)()
    (out / "stale").write_text("of the earlier board")
    Board(tuple(runs), out=out)()
    assert "4 submissions of 3 methods" in capsys.readouterr().out
    assert sorted(each.name for each in out.iterdir()) == ["board.json", "index.html", "plotly.js", "submissions.csv"]
    assert [each.name for each in tmp_path.iterdir()] == ["site"]
    text = (out / PAGE).read_text()
    assert text.startswith("<!doctype html>")
    assert "<img src=x" not in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    index = json.loads((out / "board.json").read_text())
    assert index["cases"] == board_entries(runs).cases_hash
    assert [each["finished"] for each in index["runs"]] == ["2026-01-02T03:04:05+00:00", "2026-02-03T04:05:06+00:00"]


def test_runs_of_other_cases_are_refused_by_what_differs(runs: list[Path], tmp_path: Path) -> None:
    other = write_run(tmp_path, labelled(["Near"], seed=5), {"Near": near})
    with pytest.raises(ComparisonError, match=r"are not of the same cases: 4 cases differ \(toy-0/000: .*start"):
        board_entries([runs[0], other.folder])


def test_runs_that_are_unfinished_altered_or_without_seals_are_refused(runs: list[Path], tmp_path: Path) -> None:
    part = write_run(tmp_path / "part", labelled(["Near"]), {"Near": near}, of=2)
    with pytest.raises(BoardError, match=r"is not finished \(2 of 4 registrations\)"):
        board_entries([runs[0], part.folder])
    altered = tmp_path / runs[0].name
    shutil.copytree(runs[0], altered)
    (altered / "environment.json").write_text((altered / "environment.json").read_text() + " ")
    with pytest.raises(BoardError, match=r"environment\.json: is not as the run left it"):
        board_entries([altered])
    (altered / SEALS).unlink()
    with pytest.raises(BoardError, match="has no seals"):
        board_entries([altered])
    with pytest.raises(BoardError, match="at least one run"):
        board_entries([])


def test_what_is_no_board_stays_as_it_is(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(BoardError, match="is no board"):
            Board((runs[0],), out=place)()
    (tmp_path / "board.json").write_text("[" * 100_000)
    with pytest.raises(BoardError, match="is no board"):
        require_free(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_error_leaves_the_earlier_board(runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(entries: object) -> Any:
        raise OSError("no space left")

    write_board(board_entries(runs[:1]), tmp_path / "site")
    before = (tmp_path / "site" / PAGE).read_bytes()
    monkeypatch.setattr(build, "_index", full)
    with pytest.raises(OSError, match="no space"):
        write_board(board_entries(runs), tmp_path / "site")
    assert (tmp_path / "site" / PAGE).read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["site"]


def test_a_run_that_an_earlier_version_sealed_has_the_time_of_its_file(runs: list[Path], tmp_path: Path) -> None:
    assert finished_at(runs[0]).isoformat() == "2026-01-02T03:04:05+00:00"
    (tmp_path / SEALS).write_text("{}")
    assert finished_at(tmp_path).timestamp() == pytest.approx((tmp_path / SEALS).stat().st_mtime)


def test_the_page_works_from_the_disk_in_a_browser(runs: list[Path], tmp_path: Path) -> None:
    page = write_board(board_entries(runs), tmp_path / "site")[0]
    with headless() as browser:
        browser.get(page.as_uri())
        for name in ("light", "dark"):
            browser.execute_script(f"theme.set('{name}')")
            assert browser.execute_script(CONTRASTS) == []
        assert texts(browser, "#figures h3")[0] == "History of the methods"
        drawn = "return document.querySelectorAll('#figure-history .scatterlayer .trace').length"
        assert browser.execute_script(drawn) == 2, "a method without a pose is no point"
        find(browser, "#none").click()
        assert browser.execute_script(drawn) == 0
        assert HOSTILE in texts(browser, "#submissions td")
        summary = find(browser, "#cards summary")
        summary.send_keys("\n")
        assert find(browser, "#cards details").get_property("open")
        (page.parent / "plotly.js").unlink()
        assert browser.get_log("browser") == []
        browser.get(page.as_uri())
        find(browser, "#theme").click()
        assert browser.execute_script("return document.documentElement.dataset.theme") == "dark", "without figures"
