"""Whoever develops a method: rows added on the command line, one case with a debugger or drawn, the version."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from bench.cli.added import AddedRowError, with_added
from bench.cli.debug import debug_case
from bench.cli.report import write_report
from bench.cli.run import CommandError, Run
from bench.cli.show import Show
from bench.errors import FluorobenchError
from bench.registry import UnknownNameError
from bench.run.journal import Journal, RunError
from bench.score.finished import open_run
from bench.score.statistics import of_label, text_column, values

from .toy_run import ANSWER, execute, on_the_path, protocol

BREAKS = "breakpoint()\n        " + ANSWER
RAISES = "raise ValueError('no luck')"
CARD = 'card = Card(title="answers", source="test", citation="none", licence="none"'
PROVENANCE = (
    "PROVENANCE = dict(what='trained', dataset='toys', split='test', patients=('toy-0',), trials=1, hardware='none', "
    "note='all of it')\n"
)
TRAINED = ", provenance=(TrainingProvenance(**PROVENANCE),))"


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("developing")
    with on_the_path(folder, {"answers": (ANSWER, "None"), "raises": (RAISES, "None"), "breaks": (BREAKS, "None")}):
        place = folder / "methods" / "answers.py"
        text = place.read_text().replace(CARD + ")", CARD + TRAINED)
        text = text.replace("import Card, ", "import Card, TrainingProvenance, ")
        place.write_text(PROVENANCE + text + "\nToy.max_evaluations = 7\n")
        yield folder


@pytest.fixture(scope="module")
def folder(plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return execute(protocol("answers", "raises"), tmp_path_factory.mktemp("runs")).folder


def test_the_module_runs_and_states_the_version() -> None:
    for words in (["-m", "bench"], ["-c", "from bench.cli.main import main; main()"]):
        done = subprocess.run([sys.executable, *words, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(f"fluorobench {metadata.version('fluorobench')} (Python 3.")


def test_rows_are_added_with_settings_and_labels() -> None:
    words = (("opt_gc",), ("opt_gc", "restarts=1"), ("opt_gc", "preset=paper", "restarts=2", "label=Mine"))
    rows = with_added(protocol("initial"), words).methods
    assert [each.label for each in rows] == ["M-initial", "opt_gc", "opt_gc restarts=1", "Mine"]
    assert [each.settings for each in rows[2:]] == [{"restarts": 1}, {"restarts": 2}]
    assert rows[3].preset == "paper"


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("initial", "label=M-initial"), r"has a row 'M-initial' already.*--add initial label=NAME"),
        (("initial", "sopi-sim"), r"expected settings as field=value; got 'sopi-sim' \(protocols stand before --add\)"),
        ((), "expected the name of a method"),
    ],
)
def test_words_that_make_no_row_are_one_line(words: tuple[str, ...], match: str) -> None:
    with pytest.raises(AddedRowError, match=match):
        with_added(protocol("initial"), [words])
    with pytest.raises(UnknownNameError, match="no_such"):
        with_added(protocol("initial"), [("opt_gc", "no_such=1")])


def test_a_run_is_taken_as_a_protocol(plugins: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[tuple[str, ...]]()

    def keep(protocols: list[object], case_id: str) -> bool:
        seen.extend(tuple(each.label for each in one.methods) for one in protocols)  # type: ignore[attr-defined]
        return case_id == "toy-0/000"

    monkeypatch.setattr("bench.cli.run.debug_case", keep)
    Run((str(folder),), add=(("breaks",),), debug="toy-0/000")()
    assert seen == [("M-answers", "M-raises", "breaks")]
    with pytest.raises(SystemExit) as ended:
        Run((str(folder),), debug="toy-0/001", strict=True)()
    assert ended.value.code == 1
    with pytest.raises(CommandError, match="states data and starts already"):
        Run((str(folder),), starts=3, debug="toy-0/000")()


def test_a_breakpoint_stops_in_the_same_process(
    plugins: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stops = list[str]()
    monkeypatch.setattr(sys, "breakpointhook", lambda: stops.append("stopped"))
    assert debug_case([protocol("breaks", "answers")], "toy-1/001")
    assert stops == ["stopped"]
    shown = capsys.readouterr().out
    assert "M-breaks: converged, mTRE" in shown
    assert "theta" in shown


def test_an_error_is_a_traceback_and_the_others_go_on(plugins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not debug_case([protocol("raises", "answers")], "toy-1/001")
    shown = capsys.readouterr()
    assert "ValueError: no luck" in " ".join(shown.err.split())
    assert "Traceback (most recent call last)" in shown.err
    assert "M-answers: converged" in shown.out
    with pytest.raises(UnknownNameError, match=r"case of toy.*toy-1/001"):
        debug_case([protocol("answers")], "toy-1/01")
    with pytest.raises(FluorobenchError, match="takes one protocol; got 2"):
        debug_case([protocol("answers")] * 2, "toy-1/001")


def test_a_case_is_drawn_with_every_answer(
    plugins: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Show("toy-0/001", folder)()
    shown = capsys.readouterr().out
    assert "raised an" in shown
    assert "ValueError: no" in shown
    (picture,) = (folder / "cases").iterdir()
    assert picture.read_bytes().startswith(b"\x89PNG")
    Show("worst", folder, only=("M-answers",), out=tmp_path / "w.png")()
    assert (tmp_path / "w.png").stat().st_size > 10_000
    scores = open_run(folder).scores
    own = of_label(scores, "M-answers")
    assert text_column(own, "case_id")[int(values(own, "mtre_mm").argmax())] in capsys.readouterr().out
    with pytest.raises(UnknownNameError, match="case of the run"):
        Show("toy-0/007", folder)()
    with pytest.raises(UnknownNameError, match="method label"):
        Show("worst", folder, only=("M-answer",))()


def test_a_run_is_reported_again_without_the_plug_ins_code(plugins: Path, tmp_path: Path) -> None:
    from bench.run.declared import DECLARED, write_declared

    journal = execute(protocol("answers", "initial"), tmp_path / "runs")
    write_declared(journal.folder, journal.protocol)
    before = open_run(journal.folder).scores
    assert write_report(open_run(journal.folder))
    place = plugins / "methods" / "answers.py"
    place.rename(tmp_path / "gone.py")
    try:
        again = open_run(journal.folder).scores
        assert again.equals(before)
        marked = again[again["label"] == "M-answers"]
        assert set(marked[marked["patient_id"] == "toy-0"]["training_provenance"]) == {
            "trained on toy-0 of toys: all of it"
        }
        assert set(marked["drr_most"]) == {7.0}
        (journal.folder / DECLARED).write_text("{")
        with pytest.raises(RunError, match=r"methods\.json is damaged.*install the plug-ins"):
            _ = open_run(journal.folder).scores
        (journal.folder / DECLARED).unlink()
        with pytest.raises(UnknownNameError, match="no method named 'answers'"):
            _ = open_run(journal.folder).scores
    finally:
        (tmp_path / "gone.py").rename(place)


def test_shipped_plug_ins_are_not_kept_with_a_run(tmp_path: Path) -> None:
    from bench.run.declared import DECLARED, write_declared

    write_declared(tmp_path, protocol("initial", "deep_reg"))
    assert not (tmp_path / DECLARED).exists()
    assert not Journal(tmp_path).begun
