"""What reaches the terminal and the exit status: no control characters of others, no tracebacks of their input."""

import errno
import io
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli.columns import parts
from bench.cli.console import PlainConsole, print_markdown, print_table
from bench.cli.execute import execute
from bench.cli.report import Report
from bench.errors import FluorobenchError
from bench.text import one_line, printable

from .toy_run import ANSWER, on_the_path, protocol
from .toy_run import execute as run

HOSTILE = "a\x1b[2J\x07\x08b\x9b31m\u202ec\ud800d"


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    PlainConsole(file=stream, width=80).print(HOSTILE, markup=False)
    print_table("title", ("column",), [(HOSTILE,)])
    print_markdown(f"# {HOSTILE}")
    shown = stream.getvalue() + capsys.readouterr().out
    assert all(each.isprintable() or each == "\n" for each in shown)
    assert "a[2Jb31mcd" in stream.getvalue()


def test_texts_of_others() -> None:
    assert printable("line\n\tnext\x1b") == "line\n\tnext"
    assert one_line(" a \n b\x00 ", 100) == "a b"
    assert one_line("x" * 99, 10) == "xxxxxxx..."


def nested() -> None:
    tomllib.loads("a = " + "[" * 100_000)


def name_of_other_bytes() -> None:
    "CT of M\udcfcller".encode()


def full_in_between() -> None:
    """As a library that closes what it could not write."""
    try:
        raise OSError(errno.ENOSPC, "No space left on device")
    finally:
        raise AttributeError("no attribute 'pos'")


def test_an_error_behind_a_full_disk_is_that_of_the_disk(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        execute(full_in_between, "fluorobench")
    assert caught.value.code == 2
    assert "make room" in capsys.readouterr().err
    with pytest.raises(AttributeError):
        execute(lambda: None.pos, "fluorobench")  # type: ignore[attr-defined]  # pyright: ignore


def endless() -> None:
    raise FluorobenchError(f"ct.nii.gz: expected numbers; got {'x' * 10**6}; give numbers")


def test_a_name_that_is_not_utf_8_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        execute(name_of_other_bytes, "fluorobench")
    assert caught.value.code == 2
    assert "CT of M?ller: a name that is not UTF-8" in capsys.readouterr().err


def latin() -> None:
    "\u03bc".encode("latin-1")


def test_an_output_that_takes_no_greek_is_no_name_that_is_not_utf_8(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))

    def greek() -> None:
        PlainConsole(file=sys.stdout).print("5 \u00b5m")

    with pytest.raises(SystemExit) as caught:
        execute(greek, "fluorobench")
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "the output's encoding, ascii, has no '\\xb5'; set the environment variable PYTHONIOENCODING" in said
    with pytest.raises(UnicodeEncodeError):
        execute(latin, "fluorobench")


def test_a_message_that_quotes_a_whole_file_keeps_its_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        execute(endless, "fluorobench")
    said = capsys.readouterr().err.strip()
    assert len(said) < 2100
    assert said.startswith("fluorobench: ct.nii.gz: expected numbers")
    assert said.endswith("x; give numbers")


def huge() -> None:
    raise MemoryError


@pytest.mark.parametrize(("act", "word"), [(nested, "nested too deeply"), (huge, "not enough memory")])
def test_inputs_that_are_too_deep_or_too_large(
    act: Callable[[], None], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        execute(act, "fluorobench")
    assert caught.value.code == 2
    assert word in capsys.readouterr().err


def test_strict_ends_with_a_status_where_a_method_failed_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bodies = {"answers": (ANSWER, "None"), "raises": ("raise ValueError('no idea')", "None")}
    (tmp_path / "plugins").mkdir()
    with on_the_path(tmp_path / "plugins", bodies):
        good = run(protocol("answers"), tmp_path / "runs").folder
        bad = run(protocol("answers", "raises"), tmp_path / "runs").folder
        Report(run=good, strict=True)()
        Report(run=bad)()
        with pytest.raises(SystemExit) as caught:
            Report(run=bad, strict=True)()
    assert caught.value.code == 1
    assert "no pose in 4 of 4 cases; the first reason: ValueError: no idea" in capsys.readouterr().out


WIDE_TABLE = """Caption of the table.

| Method | Cases | Rotation (deg) | Ours: Translation (mm) | Published: Rotation (deg) | Time (s) | A remark |
| :-- | --: | --: | --: | --: | --: | --: |
| Initial | 20 | 6.45 ± 0.25 | **15.06 ± 1.25** | 6.40 ± 3.77 | 15.08 | a\\|b and so on |
| Nelder-Mead, wide start | 20 | 5.45 ± 0.25 | 12.06 ± 1.25 | – | – | \\*none\\* |

* A note.
"""


def test_a_wide_table_is_printed_in_parts_of_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_markdown(WIDE_TABLE)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 100
    assert "…" not in "".join(lines)
    for cell in ("6.45 ± 0.25", "15.06 ± 1.25", "6.40 ± 3.77", "a|b", "*none*", "Nelder-Mead, wide start"):
        assert any(cell in line for line in lines), cell
    assert sum("Initial" in line for line in lines) == 2, "each part names its rows"
    assert "Caption of the table." in lines


def test_columns_are_split_and_widened_within_the_width() -> None:
    found = parts(["Method", "A", "B"], [["x" * 20, "1" * 20, "2" * 20], ["y", "words " * 20, "3"]], 60)
    assert [[each.number for each in part] for part in found] == [[0, 1], [0, 2]]
    assert all(sum(each.width + 3 for each in part) <= 58 for part in found)
    assert found[0][1].width > 20, "what is left goes to the column that is wrapped"
    (one,) = parts(["Name"], [], 60)
    assert [each.number for each in one] == [0]
