"""Programs in other languages as methods: their answers count like any, their failures are rows with a reason."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from bench import registry
from bench.contract import Case, Method, Outcome, Problem
from bench.errors import FluorobenchError
from bench.exchange.folder import write_case, write_volume
from bench.exchange.program import ProgramError, run_program
from bench.geometry import Matrix
from bench.protocol import Protocol
from bench.protocol.model import BudgetTable, MethodTable
from bench.run.isolation import IsolatedMethod
from bench.run.parts import weights_used
from bench.run.reply import Failed
from bench.score.finished import ScoredRun, open_run
from bench.score.statistics import of_label

from .toy_case import make_case
from .toy_export import Exported, exported
from .toy_run import execute, protocol

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples" / "external"
PROGRAM = Path(__file__).parent / "answering_program.py"
ERRORS = ("rotation_error_deg", "translation_error_mm", "mtre_mm")


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    with exported(tmp_path_factory.mktemp("external")) as made:
        yield made


@pytest.fixture(scope="module")
def case() -> Case:
    return make_case()


def shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def answer(command: Sequence[str], problem: Problem) -> Matrix:
    """The pose that a command finds, run in this process."""
    method: Method = registry.build("methods", "external", {"command": list(command)})
    prepared = method.prepare(problem.volume, problem.views)
    return method.register(problem, prepared).pose


def errors(run: ScoredRun, label: str) -> Matrix:
    return np.asarray(of_label(run.scores, label).sort_values("case_id")[list(ERRORS)], dtype=np.float64)


def test_our_own_method_outside_gives_its_own_row(toys: Exported, tmp_path: Path) -> None:
    """Opt-LM through files: as the command of a method, and through an export and a table of answers."""
    own = protocol(
        "opt_lm",
        methods=[
            {"label": "own", "plugin": "opt_lm"},
            {
                "label": "outside",
                "plugin": "external",
                "settings": {"command": [sys.executable, str(PROGRAM), "opt_lm"]},
            },
        ],
        budget={"seconds_per_case": 300.0},
    )
    run = open_run(execute(_of(own, toys), tmp_path / "runs").folder)
    table = tmp_path / "answers.csv"
    subprocess.run([sys.executable, str(PROGRAM), "opt_lm", str(toys.problems), str(table)], check=True, cwd=ROOT)
    through = toys.scored(table)
    assert through.journal.problems() == run.journal.problems()
    np.testing.assert_allclose(errors(run, "outside"), errors(run, "own"), atol=1e-9)
    np.testing.assert_allclose(errors(through, "Answered"), errors(run, "own"), atol=1e-9)
    outside = [each for each in run.journal.estimates() if each.label == "outside"]
    assert {each.drr_evaluations_stated for each in outside} == {7}
    assert all(set(each.seconds_by_phase) == {"write", "program"} for each in outside)
    assert all((each.processor_seconds or 0) > 0.2 for each in outside), (
        "starting Python and torch is the program's time"
    )


def _of(own: Protocol, toys: Exported) -> Protocol:
    """The protocol with the cases of the export."""
    shared = ("name", "title", "seed", "data", "camera", "target", "start")
    return own.model_copy(update={name: getattr(toys.truth.protocol, name) for name in shared})


FAILURES = {
    "exit 3": ("echo no luck >&2; exit 3", "ended with exit status 3: no luck"),
    "signal": ("kill -SEGV $$", "signal 11 (Segmentation fault)"),
    "nothing": ("true", "found neither"),
    "no JSON": ("echo hello > answer.json", "answer.json: Invalid JSON"),
    "NaN": ("echo '{\"pose\": [[NaN]]}' > answer.json", "answer.json: pose.0.0"),
    "both": ('echo \'{"pose": [], "R": []}\' > answer.json', "expected pose (4x4), or R (3x3) and t (3); got both"),
    "shape": ("echo '{\"pose\": [[1, 2]]}' > answer.json", "pose: expected 4 rows of 4 numbers"),
    "spread": ('echo \'{"R": [], "t": [], "covariance": [[1]]}\' > answer.json', "covariance.0: List should have"),
    "half": ("echo '{\"t\": [1, 2, 3]}' > answer.json", "expected pose (4x4), or R (3x3) and t (3)"),
    "error": ('echo \'{"error": "lost \\u001b[2J"}\' > answer.json', "its answer is an error: lost [2J"),
    "outcome": ('echo \'{"R": [], "t": [], "outcome": "won"}\' > answer.json', "outcome: expected one of"),
    "unknown": ("echo '{\"poze\": 1}' > answer.json", "answer.json: poze"),
    "pipe": ("mkfifo answer.json", "found neither"),
    "large": ("head -c 2000000 /dev/zero > answer.json", "expected a text file"),
    "table": ("printf 'R,t\\n1 0 0,1 2 3\\n' > answer.csv", "R has 3 numbers; expected 9"),
    "no pose": ("printf 'R,t,error\\n,,lost\\n' > answer.csv", "its answer is an error: lost"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_says_why(name: str, case: Case) -> None:
    script, said = FAILURES[name]
    with pytest.raises(FluorobenchError) as raised:
        answer(shell(script), case.problem)
    assert said in str(raised.value)
    assert str(raised.value).isprintable()


def test_a_program_that_is_not_there_is_named(case: Case) -> None:
    with pytest.raises(ProgramError, match="/nowhere/program cannot be run: there is no such file"):
        answer(["/nowhere/program"], case.problem)
    with pytest.raises(registry.SettingsError, match="expected an absolute path"):
        registry.build("methods", "external", {"command": ["./program"]})


def test_a_pose_that_is_none_is_for_the_harness_to_refuse(case: Case) -> None:
    """Zeros, by which programs say that they failed, have no inverse that could be a known mistake."""
    rows = [[0.0] * 4] * 4
    np.testing.assert_array_equal(answer(shell(f"echo '{{\"pose\": {rows}}}' > answer.json"), case.problem), rows)


def test_a_prefix_is_found_from_anywhere(case: Case) -> None:
    with pytest.raises(registry.SettingsError, match="setting 'prefix' of external: expected an absolute path"):
        registry.build("methods", "external", {"prefix": ["./wrap"], "command": ["program"]})


def test_a_table_of_one_answer_will_do(case: Case) -> None:
    script = "printf 'case;R;t\\nx;1 0 0 0 1 0 0 0 1;1,5 2 3\\n' > answer.csv"
    expected = np.eye(4)
    expected[:3, 3] = 1.5, 2, 3
    np.testing.assert_array_equal(answer(shell(script), case.problem), expected)


def test_what_a_program_leaves_running_ends_with_it(tmp_path: Path) -> None:
    run_program(shell("setsid sleep 600 >/dev/null 2>&1 & echo $! > pid"), tmp_path)
    assert _ends(int((tmp_path / "pid").read_text()))


def _ends(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_a_program_is_limited_and_killed_with_its_children_and_its_words_are_kept(case: Case, tmp_path: Path) -> None:
    script = (
        f"[ -e {tmp_path}/pid ] && exit 4; echo started; echo trouble >&2; sleep 600 & echo $! > {tmp_path}/pid; wait"
    )
    choice = MethodTable(label="slow", plugin="external", settings={"command": shell(script)})
    with IsolatedMethod(choice, BudgetTable(seconds_per_case=20.0)) as method:
        method.prepare(case.problem.volume, case.problem.views)
        slow, failed = method.register(case.problem), method.register(case.problem)
        printed = method.printed()
    assert isinstance(slow, Failed)
    assert isinstance(failed, Failed)
    assert slow.outcome is Outcome.TIMED_OUT
    assert (failed.outcome, "exit status 4" in failed.reason) == (Outcome.RAISED, True)
    assert _ends(int((tmp_path / "pid").read_text()))
    assert "started\ntrouble" in printed


def test_the_docker_preset_mounts_the_problem(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for docker on the search path writes down its words and answers in the mounted folder."""
    fake = tmp_path / "docker"
    fake.write_text(
        f"#!{sys.executable}\nimport json, sys\nfrom pathlib import Path\nfolder = Path(sys.argv[6].split(':')[0])\n"
        f"Path({str(tmp_path / 'words')!r}).write_text(json.dumps(sys.argv[1:]))\n"
        "start = json.loads((folder / 'case.json').read_text())['start']\n"
        "(folder / 'answer.json').write_text(json.dumps({'pose': start}))\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    method: Method = registry.build("methods", "external", {"command": ["image:1", "--fast"]}, "docker")
    pose = method.register(case.problem, method.prepare(case.problem.volume, case.problem.views)).pose
    np.testing.assert_array_equal(pose, case.problem.start)
    words = json.loads((tmp_path / "words").read_text())
    assert words[:5] == ["run", "--rm", "--network", "none", "--volume"]
    assert words[5].endswith(":/problem")
    assert words[6:] == ["image:1", "--fast", "/problem"]


def test_another_program_is_another_method(tmp_path: Path) -> None:
    """A run is not continued after its program has changed."""
    path = tmp_path / "program"
    path.write_text("one")
    rows = [{"label": "P", "plugin": "external", "settings": {"command": [str(path), "--fast"]}}]
    before = weights_used(protocol("external", methods=rows))
    assert list(before) == [str(path)]
    path.write_text("two")
    assert weights_used(protocol("external", methods=rows)) != before


def distance(problem: Problem, pose: Matrix, truth: Matrix) -> float:
    """Of the corners of the volume, mean, mm."""
    corners = np.concatenate([problem.volume.content_corners(), np.ones((8, 1))], axis=1)
    return float(np.linalg.norm((corners @ (pose - truth).T)[:, :3], axis=1).mean())


def test_the_numpy_example_registers_an_export(toys: Exported, tmp_path: Path) -> None:
    table = tmp_path / "answers.csv"
    subprocess.run([sys.executable, str(EXAMPLES / "register.py"), str(toys.problems), str(table)], check=True)
    run = toys.scored(table)
    assert (errors(run, "numpy example") < 0.5 * errors(run, "Initial")).all()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C++ example, built as its CMakeLists.txt says."""
    folder = tmp_path_factory.mktemp("build")
    if shutil.which("cmake") is None or not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("no cmake or no C++ compiler on this machine")
    for command in (["cmake", "-S", str(EXAMPLES), "-B", str(folder)], ["cmake", "--build", str(folder)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stderr
    return folder / "register"


def test_the_cpp_example_registers_a_case(compiled: Path, case: Case) -> None:
    problem = case.problem
    found = answer([str(compiled)], problem)
    assert distance(problem, found, case.truth) < 0.2 * distance(problem, problem.start, case.truth)


def test_the_cpp_example_says_what_it_cannot_read(compiled: Path, case: Case, tmp_path: Path) -> None:
    write_case(tmp_path, case.problem, write_volume(tmp_path, case.problem.volume))
    (tmp_path / "ct.nii").unlink()
    with pytest.raises(ProgramError, match=r"exit status 1: cannot read ct\.nii"):
        run_program([str(compiled), str(tmp_path)], tmp_path)
