"""The document of both papers: what is run, what is named as missing, and that it compiles."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.errors import FluorobenchError
from bench.report.tables import Table, TableRow
from bench.score.column import Column
from studies.paper import __main__ as command
from studies.paper import runs
from studies.paper.document import content, write_document
from studies.paper.items import ITEMS, PROTOCOLS, Item
from studies.paper.runs import Clock, Made, made, within

ITEM = Item("SOPI (2024)", "Table 1", "sopi-sim", ("wide", "tall"), "Comparable: 50 % & the order_of methods.")


def test_every_table_and_figure_of_both_papers_has_a_run_that_makes_it() -> None:
    numbers = [(each.paper[:4], each.number) for each in ITEMS]
    assert len(set(numbers)) == len(numbers) == 13
    assert [number for paper, number in numbers if paper == "SOPI"][:3] == ["Table 1", "Table 2", "Table 3"]
    assert PROTOCOLS.index("sopi-sim") < PROTOCOLS.index("sopi-xray"), "which draws the other's rows beside its own"
    assert all(each.said for each in ITEMS)


def test_time_that_is_used_up_ends_a_command_and_is_said(tmp_path: Path) -> None:
    assert within(("-c", "pass"), Clock(60.0)) == ""
    assert within(("-c", "raise SystemExit(3)"), Clock(60.0)) == "its command ended with status 3"
    sleeping = "import time, pathlib\ntry: time.sleep(60)\nexcept KeyboardInterrupt: pathlib.Path('ended').touch()"
    monkey = f"import os; os.chdir({str(tmp_path)!r})\n{sleeping}"
    assert "used up; the same command goes on" in within(("-c", monkey), Clock(1.5))
    assert (tmp_path / "ended").is_file(), "it was interrupted, not killed"
    assert "used up before" in within(("-c", "raise SystemExit(3)"), Clock(0.0))


def test_a_finished_run_is_kept_and_a_missing_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = list[Any]()

    def no_time(arguments: object, clock: Clock) -> str:
        given.append(arguments)
        return "no time"

    monkeypatch.setattr(runs, "within", no_time)
    first = made("sopi-sim", "smoke", tmp_path, Clock(60.0))
    assert first.lacking == "no time"
    assert given[0][:6] == ("-m", "bench", "run", "sopi-sim", "--profile", "smoke")
    first.folder.mkdir()
    for name in ("protocol.toml", "problems.jsonl", "truth.jsonl", "report.html"):
        (first.folder / name).touch()
    assert made("sopi-sim", "smoke", tmp_path, Clock(60.0)) == Made(first.folder)
    assert len(given) == 1


def _table(columns: int, rows: int) -> Table[Any]:
    made_of: tuple[Column[Any], ...] = tuple(
        Column(name=f"c{each}", heading=f"A long heading {each}", compute=lambda row: float(row))
        for each in range(columns)
    )
    return Table(
        columns=made_of,
        rows=tuple(TableRow(context=each, ranked=False) for each in range(rows)),
        caption="A caption. " * 30,
        notes=("A note. " * 40,),
    )


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_wide_and_tall_tables_stay_on_their_pages(tmp_path: Path) -> None:
    folder, out = tmp_path / "run", tmp_path / "out"
    out.mkdir()
    _table(22, 4).write(folder / "tables", "wide")
    _table(4, 90).write(folder / "tables", "tall")
    lacking = Item("LGFF-Reg (2025)", "Figure 9", "none", (), "Nothing.")
    found = {"sopi-sim": Made(folder), "none": Made(folder, "the time budget was used up; the same command goes on")}
    contents = content([ITEM, lacking, Item("SOPI (2024)", "Figure 8", None, (), "Nothing.")], found)
    assert [len(each.files) for each in contents] == [2, 0, 0]
    tex = write_document(contents, {"none": found["none"]} | {"sopi-sim": Made(folder, "not asked here")}, out)
    text = tex.read_text()
    assert r"50 \% \& the order\_of methods" in text
    assert "Not in this document: the time budget was used up" in text
    tex.write_text(text.replace(r"\begin{document}", r"\begin{document}\hbadness=10000"))
    log = command.compile_pdf(tex)
    assert (out / "paper.pdf").is_file()
    assert "Overfull" not in log


def test_a_document_that_does_not_compile_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    with pytest.raises(FluorobenchError, match="install texlive"):
        command.compile_pdf(tmp_path / "paper.tex")


def test_what_is_no_paper_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(FluorobenchError, match="is no paper"):
        command.Paper(out=tmp_path)()
    with pytest.raises(FluorobenchError, match="a time budget reads"):
        command.Paper(out=tmp_path / "new", budget="soon")()
