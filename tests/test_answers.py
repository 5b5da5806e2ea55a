"""Tables of answers: scored right whatever program wrote them, or refused in one line that names the mistake."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from bench import registry
from bench.cli.score import Score
from bench.exchange.answered import AnsweredError, run_with_truth, write_answered
from bench.exchange.answers import AnswersError, read_answers
from bench.exchange.summary import summary_lines
from bench.geometry import Matrix
from bench.run.journal import Journal
from bench.run.verify import verify
from bench.score.baseline import freeze
from bench.score.finished import ScoredRun
from bench.score.statistics import of_label

from .toy_export import Exported, exported, table

Change: TypeAlias = Callable[[Matrix], Matrix]


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    with exported(tmp_path_factory.mktemp("answers")) as made:
        yield made


def rows(run: ScoredRun, label: str, name: str) -> list[float]:
    return [float(each) for each in of_label(run.scores, label)[name]]


def written(folder: Path, text: str) -> Path:
    path = folder / "answers.csv"
    path.write_bytes(text.encode())
    return path


def test_truth_as_answer_scores_zero_and_start_as_recorded(toys: Exported, tmp_path: Path) -> None:
    truths, starts = table(toys.poses("truth"), label="T"), table(toys.poses("start"), label="S")
    run = toys.scored(written(tmp_path, truths + starts.partition("\n")[2]))
    assert run.labels == ("Initial", "Nominal", "T", "S")
    for metric in ("rotation_error_deg", "translation_error_mm", "mtre_mm"):
        assert max(rows(run, "T", metric)) < 1e-9
        assert rows(run, "S", metric) == rows(run, "Initial", metric)
    assert rows(run, "S", "mtre_mm") == pytest.approx(rows(run, "S", "initial_mtre_mm"), abs=1e-12)
    assert rows(run, "S", "seconds") == [2.5, 2.5]
    assert verify(run.folder).findings == []
    assert len(freeze(run).rows) == 8
    assert run_with_truth(toys.problems, toys.runs).folder == toys.truth.folder, "not the run of answers"


def test_the_command_scores_the_table_that_the_export_holds(
    toys: Exported, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Score(toys.problems, toys.problems / "start.csv", out=toys.runs)()
    Score(
        toys.truth.folder, written(tmp_path, table(toys.poses("start")).replace(",Other,", ",Second,")), out=toys.runs
    )()
    printed = capsys.readouterr().out
    assert "Start" in printed
    assert "Second" in printed
    assert (toys.runs / "latest" / "scores.parquet").is_file()


def test_a_case_without_a_pose_is_a_failure_with_its_reason(toys: Exported, tmp_path: Path) -> None:
    first, second = toys.cases
    text = f'case,label,R,t,error\n{first.case_id},F,,,"lost, <b>it</b>"\n{second.case_id},F,,,\n'
    run = toys.scored(written(tmp_path, text))
    assert not any(of_label(run.scores, "F")["success_strict"])
    reasons = [each.error for each in run.journal.estimates() if each.label == "F"]
    assert reasons == ["lost, <b>it</b>", "the table of answers has no pose for it"]


def flipped(*signs: float) -> Change:
    return lambda pose: np.diag([*signs, 1.0]) @ pose


def ras(pose: Matrix) -> Matrix:
    return pose @ np.diag([-1.0, -1, 1, 1])


def inverse(pose: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(pose), dtype=np.float64)


def metres(pose: Matrix) -> Matrix:
    return np.block([[pose[:3, :3], pose[:3, 3:] / 1000], [pose[3:]]])


def with_rotation(change: Change) -> Change:
    return lambda pose: np.block([[change(pose[:3, :3]), pose[:3, 3:]], [pose[3:]]])


MISTAKES: dict[str, tuple[Change, str]] = {
    "inverse": (inverse, "are camera-to-world (world_from_camera)"),
    "metres": (metres, "are metres"),
    "inverse in metres": (lambda pose: metres(inverse(pose)), "are metres and camera-to-world"),
    "RAS": (ras, "of a world in RAS"),
    "OpenGL": (flipped(1, -1, -1), "OpenGL"),
    "to the source": (flipped(-1, 1, -1), "z leads to the source"),
    "OpenGL in RAS": (lambda pose: flipped(1, -1, -1)(ras(pose)), "OpenGL) and of a world in RAS"),
    "transposed": (with_rotation(np.transpose), "column by column"),
    "mirrored": (flipped(-1, 1, 1), "are mirrored"),
    "scaled": (with_rotation(lambda R: 1.5 * R), "are scaled"),
    "sheared": (with_rotation(lambda R: R + np.eye(3)[[1, 2, 0]] * 0.1), "are not rigid"),
    "far": (lambda pose: pose + np.eye(4)[:, [3, 3, 3, 0]] * 1e9, "lie beyond"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_known_mistake_is_named(name: str, toys: Exported, tmp_path: Path) -> None:
    change, said = MISTAKES[name]
    poses = {case: change(pose) for case, pose in toys.poses("start").items()}
    with pytest.raises(AnswersError) as refused:
        read_answers(written(tmp_path, table(poses)), toys.cases)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_matrix_written_by_columns_is_named(toys: Exported, tmp_path: Path) -> None:
    lines = [f"{case},X,{' '.join(map(repr, pose.T.ravel().tolist()))}" for case, pose in toys.poses("start").items()]
    with pytest.raises(AnswersError, match="transposed"):
        read_answers(written(tmp_path, "\n".join(["case,label,pose", *lines])), toys.cases)


def test_a_poor_method_is_no_mistake(toys: Exported, tmp_path: Path) -> None:
    """Half of the poses anywhere: the row is scored as it is."""
    first, second = toys.poses("start").items()
    poses = {first[0]: first[1], second[0]: ras(second[1])}
    assert len(read_answers(written(tmp_path, table(poses)), toys.cases).by_label["Other"]) == 2


LINE = "{case},L,1 0 0 0 1 0 0 0 1,1 2 3,1"
FAULTS = {
    "": "expected answers below a title line",
    "case,label,R,t,seconds\n": "expected answers below a title line",
    "<html><body>no table</body></html>": "expected answers below a title line",
    "case,label,R,t,seconds\n" + LINE.replace("{case}", "nowhere/1"): "no case named 'nowhere/1'",
    f"case,label,R,t,seconds\n{LINE}\n{LINE}": "answer a case twice",
    f"case,label,R,t,seconds\n{LINE}": "lacks 1 of 2 cases",
    f"case,R,t,seconds\n{LINE.replace(',L', '')}": "no column label",
    f"case,label,R,t,seconds\n{LINE.replace(',1 2 3', ',nan 2 3')}": "not a number: 'nan'",
    f"case,label,R,t,seconds\n{LINE.replace(',1 2 3', ',inf 2 3')}": "not a number: 'inf'",
    f"case,label,R,t,seconds\n{LINE.replace(',1 2 3', ',1 2')}": "t has 2 numbers; expected 3",
    f"case,label,R,t,seconds\n{LINE.replace(',1 2 3', ',')}": "one of R and t alone",
    f"case,label,R,t,seconds\n{LINE[:-1]}-1": "expected seconds, not negative",
    f"case,label,R,t,seconds\n{LINE},0,5": "expected 5 cells",
    f"case,label,R,t,seconds\n{LINE.replace('L', 'x' * 10_000)}": "1 to 60 characters",
    f"case,label,R,t,seconds\n{LINE.replace('L', 'x' * 200_000)}": "cannot be read",
    f"case,label,R,t,seconds\n{LINE.replace('L', 'a' + chr(0x202E) + 'b')}": "control characters",
    f"case,label,R,t,seconds\n{LINE.replace('L', chr(27) + '[2J')}": "control characters",
    f"case,label,R,t,seconds\n{LINE.replace('L', '(truth)')}": "reserved",
    f"case,label,R,t,t\n{LINE}": "'t' twice",
    f"case,label,R,t,problems\n{LINE[:-1]}0123456789": "its answers are to the problems 0123456789",
}


@pytest.mark.parametrize("text", FAULTS, ids=range(len(FAULTS)))
def test_a_faulty_table_is_one_clear_line(text: str, toys: Exported, tmp_path: Path) -> None:
    filled = text.replace("{case}", toys.cases[0].case_id)
    with pytest.raises(AnswersError) as refused:
        read_answers(written(tmp_path, filled), toys.cases)
    assert FAULTS[text] in str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 900


def test_what_is_no_text_is_refused(toys: Exported, tmp_path: Path) -> None:
    with pytest.raises(AnswersError, match="there is no such file"):
        read_answers(tmp_path / "none.csv", toys.cases)
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with pytest.raises(AnswersError, match="not a text file"):
        read_answers(tmp_path / "binary", toys.cases)


SPREADSHEETS: dict[str, Callable[[str], str]] = {
    "byte order mark": lambda text: "\ufeff" + text,
    "Windows": lambda text: text.replace("\n", "\r\n"),
    "semicolons and decimal commas": lambda text: text.replace(",", ";").replace(".", ","),
    "tabs": lambda text: text.replace(",", "\t"),
    "capitals, remarks, quotes": lambda text: '# made by hand\n"Case",LABEL,r,T,Seconds\n' + text.partition("\n")[2],
    "other names": lambda text: text.replace("case,label", "case_id,method").replace("seconds", "time"),
}


@pytest.mark.parametrize("name", SPREADSHEETS)
def test_any_spreadsheet_gives_the_same_answers(name: str, toys: Exported, tmp_path: Path) -> None:
    plain = table(toys.poses("start"))
    before = read_answers(written(tmp_path, plain), toys.cases).digest("Other")
    assert read_answers(written(tmp_path, SPREADSHEETS[name](plain)), toys.cases).digest("Other") == before


def test_arrays_as_numpy_prints_them_are_read(toys: Exported, tmp_path: Path) -> None:
    lines = ["case,label,R,t"]
    lines += [f'{case},N,"{pose[:3, :3]}","{pose[:3, 3].tolist()}"' for case, pose in toys.poses("start").items()]
    answers = read_answers(written(tmp_path, "\n".join(lines)), toys.cases)
    for each in answers.by_label["N"]:
        assert each.pose is not None
        np.testing.assert_allclose(each.pose, toys.poses("start")[each.case_id], atol=1e-5)


def test_rounded_rotations_are_made_rigid_and_said_so(toys: Exported, tmp_path: Path) -> None:
    answers = read_answers(written(tmp_path, table(toys.poses("start"), places=5)), toys.cases)
    assert "2 rotations are rounded" in answers.remarks[0]
    for each in answers.by_label["Other"]:
        assert each.pose is not None
        np.testing.assert_allclose(each.pose, toys.poses("start")[each.case_id], atol=1e-4)


def test_a_label_is_text_in_every_table_and_file(toys: Exported, tmp_path: Path) -> None:
    label = r"<script>x</script>\input{/etc/passwd}|../../up"
    run = toys.scored(written(tmp_path, table(toys.poses("start"), label=label)))
    before = set(toys.runs.parent.rglob("*"))
    paths = [path for name in ("ranking", "sopi_table1", "error_histogram") for path in _report(name, run)]
    made = set(toys.runs.parent.rglob("*")) - before
    assert {Path(each) for each in paths} <= made
    assert all(each.is_relative_to(run.folder) for each in made)
    texts = {
        path.suffix: path.read_text() for path in paths if path.suffix in (".md", ".tex") and "ranking" in path.name
    }
    assert "<script>" not in texts[".md"]
    assert r"\input{/etc" not in texts[".tex"]
    assert "textbackslash" in texts[".tex"]


def _report(name: str, run: ScoredRun) -> list[Path]:
    report: Any = registry.build("reports", name, {})
    return list(report.write(run))


def test_a_label_of_a_row_that_is_there_is_refused(toys: Exported, tmp_path: Path) -> None:
    with pytest.raises(AnsweredError, match="has a row 'Initial' of its own"):
        toys.scored(written(tmp_path, table(toys.poses("start"), label="Initial")))


def test_the_same_answers_beside_other_rows_are_scored_again(toys: Exported, tmp_path: Path) -> None:
    """As after ``run --fresh`` with other code."""
    runs = shutil.copytree(toys.runs, tmp_path / "runs", symlinks=True)
    answers = read_answers(written(tmp_path, table(toys.poses("start"))), toys.cases)

    def scored() -> ScoredRun:
        return write_answered(run_with_truth(toys.problems, runs), answers, runs)

    before = scored().folder / "truth.jsonl"
    inode = before.stat().st_ino
    assert scored().folder == before.parent
    assert before.stat().st_ino == inode, "nothing is new"
    journal = Journal(run_with_truth(toys.problems, runs).folder)
    changed = [each.model_copy(update={"seconds": 9.0}).sealed() for each in journal.estimates()]
    truths = journal.truths()
    (journal.folder / "estimates.jsonl").write_text("".join(f"{each.model_dump_json()}\n" for each in changed))
    journal.write_truth(truths)
    assert rows(scored(), "Initial", "seconds") == [9.0, 9.0]


def test_other_runs_may_be_damaged(toys: Exported, tmp_path: Path) -> None:
    runs = shutil.copytree(toys.runs, tmp_path / "runs", symlinks=True)
    damaged = shutil.copytree(toys.truth.folder, runs / f"{toys.truth.folder.name[:-8]}00000000")
    (damaged / "problems.jsonl").write_text("nothing\n")
    assert run_with_truth(toys.problems, runs).folder.name == toys.truth.folder.name


def test_the_summary_counts_failures_as_infinitely_far(toys: Exported, tmp_path: Path) -> None:
    first, second = toys.cases
    run = toys.scored(written(tmp_path, f"case,label,R,t\n{first.case_id},F,,\n{second.case_id},F,,\n"))
    line = next(each for each in summary_lines(run) if each[0] == "F")
    assert line == ("F", "2", "100", "∞", "∞", "∞", "–")


def test_problems_without_their_run_name_the_remedy(toys: Exported, tmp_path: Path) -> None:
    with pytest.raises(AnsweredError, match="fluorobench export toy --profile quick"):
        run_with_truth(toys.problems, tmp_path)
