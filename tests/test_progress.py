"""How far a command is, as a log tells it."""

import itertools

import pytest

from bench.cli.progress import LogLines, progress_bar, tracked


class Told:
    """Lines of a run of even steps, and the seconds at which they came."""

    def __init__(self, seconds_a_step: float, steps: int, *, had: int = 0, total: int | None = -1) -> None:
        self.now = 100.0
        self.lines: list[str] = []
        self.at: list[float] = []
        bar = LogLines(self._write, clock=lambda: self.now)
        for done in range(had, steps + 1):
            bar.show("registering", done, steps if total == -1 else total, f"case {done}")
            self.now += seconds_a_step

    def _write(self, line: str) -> None:
        self.lines.append(line)
        self.at.append(self.now - 100.0)


def test_quick_work_is_two_lines() -> None:
    assert Told(0.01, 300).lines == ["registering: 0 of 300 (case 0)", "registering: 300 of 300, 3 s"]


def test_slow_work_is_told_by_tenths_with_the_time_left() -> None:
    told = Told(1.0, 200)
    assert told.at == [20.0 * number for number in range(11)]
    assert told.lines[5] == "registering: 100 of 200, about 1 min 40 s left (case 100)"
    assert told.lines[-1] == "registering: 200 of 200, 3 min 20 s"


def test_very_slow_work_is_told_every_half_minute() -> None:
    assert Told(10.0, 300).at[:4] == [0.0, 30.0, 60.0, 90.0]
    assert Told(60.0, 300).lines[1] == "registering: 1 of 300, about 4 h 59 min left (case 1)"


def test_what_an_earlier_run_did_took_no_time() -> None:
    assert Told(10.0, 100, had=90).lines[1] == "registering: 93 of 100, about 1 min 10 s left (case 93)"


def test_work_of_no_known_end_is_told_too() -> None:
    told = Told(10.0, 6, total=None)
    assert told.lines == [f"registering: {done} (case {done})" for done in (0, 3, 6)]


def test_every_phase_begins_with_a_line() -> None:
    lines: list[str] = []
    bar = LogLines(lines.append, clock=itertools.repeat(0.0).__next__)
    for phase, done in itertools.product(("preparing", "registering"), range(3)):
        bar.show(phase, done, 2, "somebody")
    assert lines == [
        "preparing: 0 of 2 (somebody)", "preparing: 2 of 2, 0 s",
        "registering: 0 of 2 (somebody)", "registering: 2 of 2, 0 s",
    ]  # fmt: skip


def test_a_pipe_gets_lines_on_standard_error_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(tracked("ab", "looking [at] patients")) == ["a", "b"]
    with progress_bar() as bar:
        bar.show("preparing", 1, 3, "patient [bold]x")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "looking [at] patients: 0 of 2\nlooking [at] patients: 2 of 2, 0 s\npreparing: 1 of 3 (patient [bold]x)\n"
    )
