"""What a method does to its process, its children and its end of the channel ends with its budget and its process."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Outcome, Problem
from bench.protocol.model import BudgetTable, MethodTable
from bench.run.isolation import IsolatedMethod
from bench.run.reply import Answered, Cost, Done, Failed, Reply, answered, decode, encode

from .toy_case import make_case
from .toy_run import ANSWER, on_the_path

CHANNEL = (
    "import socket, stat; "
    "fds = [n for n in range(3, 64) if os.path.exists(f'/proc/self/fd/{n}') and stat.S_ISSOCK(os.fstat(n).st_mode)]; "
)
BOMB = """
        import fcntl
        def burst(count):
            fcntl.flock(count, fcntl.LOCK_EX)
            number = os.lseek(count, 0, 2) // 8
            if number < 40:
                os.write(count, f"{os.getpid():8}".encode())
            fcntl.flock(count, fcntl.LOCK_UN)
            if number >= 40:
                time.sleep(60)
                os._exit(0)
            if os.fork() == 0:
                if number % 3 == 0:
                    os.setsid()
                if number % 3 == 1 and os.fork():
                    os._exit(0)
                # A file of its own: locks belong to open files.
                burst(os.open(PLACE, os.O_RDWR | os.O_APPEND))
            burst(count)
"""
BODIES = {
    "answers": ANSWER,
    "half": CHANNEL + "[os.write(n, bytes(7) + b'\\x20half') for n in fds]; time.sleep(600)",
    "trickles": CHANNEL + "os.write(fds[0], bytes(6) + b'\\x20\\x00')\n        while True: os.write(fds[0], b'x'); "
    "time.sleep(0.05)",
    "boasts": CHANNEL + "os.write(fds[0], b'\\x7f' * 8); time.sleep(600)",
    "pickles": CHANNEL + "import pickle; p = pickle.dumps(time.sleep); os.write(fds[0], len(p).to_bytes(8) + p); "
    "time.sleep(600)",
    "dies_with_child": "\n        if os.fork() == 0: time.sleep(600)\n        os._exit(7)",
    "forks": f"os.fork(); {ANSWER}",
    # At most 40, by a count in a file: each third one leaves the session, each third one is an orphan.
    "multiplies": BOMB + "        burst(os.open(PLACE, os.O_RDWR | os.O_CREAT | os.O_APPEND))",
    "leaves": "import subprocess; child = subprocess.Popen(['sleep', '600'], start_new_session=True); "
    "open(PLACE, 'w').write(f'{os.getpid()} {child.pid}'); " + ANSWER,
    "has_child": "import subprocess; child = subprocess.Popen(['sleep', '600'], start_new_session=True); "
    "open(PLACE, 'w').write(f'{os.getpid()} {child.pid}'); time.sleep(600)",
    "dies_with_orphan": "import subprocess; subprocess.run(['sh', '-c', 'setsid sleep 601 & echo $! > ' + PLACE]); "
    "time.sleep(0.3); os.abort()",
    "takes_memory": "np.ones(2**29); " + ANSWER,
    "writes": "problem.volume.hu[0, 0, 0] = 1; " + ANSWER,
    "writes_start": "problem.start[0, 3] += 1; " + ANSWER,
    "prints": "print('hello from the method'); os.system('echo and its child'); " + ANSWER,
    "takes_signal": "os.kill(os.getpid(), 11)",
    "fills_disk": "import tempfile; f = tempfile.TemporaryFile(); f.seek(2**30); f.write(b'x'); f.flush(); " + ANSWER,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a method leaves the numbers of its processes."""
    return tmp_path_factory.mktemp("place") / "pids"


@pytest.fixture(scope="module", autouse=True)
def methods(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    bodies = {name: (f"PLACE = {str(place)!r}; {body}", "None") for name, body in BODIES.items()}
    folder = tmp_path_factory.mktemp("plugins")
    with on_the_path(folder, bodies):
        yield folder


@pytest.fixture(scope="module")
def problem() -> Problem:
    return make_case().problem


def asked(
    name: str, problem: Problem, *, times: int = 1, seconds: float = 60.0, memory_mib: int | None = None
) -> list[Reply]:
    """The replies to one problem that is given so many times."""
    budget = BudgetTable(seconds_per_case=seconds, memory_mib=memory_mib)
    with IsolatedMethod(MethodTable(label=name, plugin=name), budget) as method:
        assert isinstance(method.prepare(problem.volume, problem.views), Done)
        return [method.register(problem) for _ in range(times)]


@pytest.mark.parametrize(
    ("name", "outcome", "word"),
    [
        ("trickles", Outcome.TIMED_OUT, "no answer within 2 s"),
        ("boasts", Outcome.INVALID, "message of"),
        ("pickles", Outcome.INVALID, "no reply that can be read"),
        ("dies_with_child", Outcome.DIED, "exit code 7"),
        ("takes_signal", Outcome.DIED, "SIGSEGV"),
    ],
)
def test_a_reply_that_is_none_holds_the_harness_no_longer_than_the_budget(
    name: str, outcome: Outcome, word: str, problem: Problem
) -> None:
    (reply,) = asked(name, problem, seconds=2.0)
    assert isinstance(reply, Failed)
    assert (reply.outcome, word in reply.reason) == (outcome, True), reply


def test_starting_and_preparing_again_is_no_time_of_a_problem(problem: Problem) -> None:
    replies = asked("half", problem, times=2, seconds=2.0)
    assert [isinstance(reply, Failed) and reply.outcome for reply in replies] == [Outcome.TIMED_OUT] * 2
    # A new process takes longer to start than that.
    assert [isinstance(reply, Failed) and reply.waited for reply in replies] == pytest.approx([2.0, 2.0], abs=0.5)


def test_a_child_that_comes_back_from_the_method_answers_nothing(problem: Problem) -> None:
    assert [type(reply) for reply in asked("forks", problem, times=2)] == [Answered, Answered]


def test_memory_beyond_the_limit_is_an_outcome(problem: Problem) -> None:
    (reply,) = asked("takes_memory", problem, memory_mib=2000)
    assert isinstance(reply, Failed)
    assert reply.outcome is Outcome.OUT_OF_MEMORY
    assert "allocate" in reply.reason


def test_a_file_beyond_the_limit_is_an_error_of_the_method(problem: Problem) -> None:
    (reply,) = asked("fills_disk", problem)
    assert isinstance(reply, Failed)
    assert reply.outcome is Outcome.RAISED
    assert "File too large" in reply.reason


@pytest.mark.parametrize("name", ["writes", "writes_start"])
def test_what_a_method_is_given_cannot_be_written_to(name: str, problem: Problem) -> None:
    (reply,) = asked(name, problem)
    assert isinstance(reply, Failed)
    assert "read-only" in reply.reason


def test_what_a_method_prints_is_kept_apart(problem: Problem, capfd: pytest.CaptureFixture[str]) -> None:
    with IsolatedMethod(MethodTable(label="prints", plugin="prints"), BudgetTable()) as method:
        method.prepare(problem.volume, problem.views)
        assert isinstance(method.register(problem), Answered)
        method.stop()
        assert method.printed().split("\n") == ["hello from the method", "and its child", ""]
    assert capfd.readouterr() == ("", "")


def gone(pid: int) -> bool:
    """Whether a process ends within ten seconds; one that nobody waited for counts as ended."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def test_a_method_that_takes_too_long_ends_with_its_children(problem: Problem, place: Path) -> None:
    asked("has_child", problem, seconds=3.0)
    method, child = map(int, place.read_text().split())
    assert gone(method)
    assert gone(child)


def test_a_method_that_multiplies_is_ended_with_all_that_descend_from_it(problem: Problem, place: Path) -> None:
    """Orphans, and those that left the session, too."""
    place.unlink(missing_ok=True)
    (reply,) = asked("multiplies", problem, seconds=4.0)
    assert isinstance(reply, Failed)
    assert reply.outcome is Outcome.TIMED_OUT
    pids = list(map(int, place.read_text().split()))
    assert len(pids) == 40
    assert all(gone(pid) for pid in pids)


def test_a_child_that_left_the_session_ends_with_the_method(problem: Problem, place: Path) -> None:
    (reply,) = asked("leaves", problem)
    assert isinstance(reply, Answered)
    _, child = map(int, place.read_text().split())
    assert gone(child)


def test_what_a_method_that_dies_left_in_a_session_of_its_own_is_ended(problem: Problem, place: Path) -> None:
    (reply,) = asked("dies_with_orphan", problem)
    assert isinstance(reply, Failed)
    assert (reply.outcome, "SIGABRT" in reply.reason) == (Outcome.DIED, True), reply
    (orphan,) = map(int, place.read_text().split())
    assert gone(orphan)


HARNESS = """
from tests.test_isolation import *
from tests.toy_case import make_case
if __name__ == "__main__":
    problem = make_case().problem
    with IsolatedMethod(MethodTable(label="has_child", plugin="has_child"), BudgetTable()) as method:
        method.prepare(problem.volume, problem.views)
        method.register(problem)
"""


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """For temporary files: names of sockets have at most 107 characters, and those of pytest's folders grow."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_harness_that_is_ended_leaves_no_process(
    number: signal.Signals, place: Path, methods: Path, tmp_path: Path, short_folder: Path
) -> None:
    place.unlink(missing_ok=True)
    (tmp_path / "harness.py").write_text(HARNESS)
    own = {"PYTHONPATH": str(Path(__file__).parents[1]), "FLUOROBENCH_PLUGINS": str(methods)}
    environment = {**os.environ, **own, "TMPDIR": str(short_folder)}
    with subprocess.Popen([sys.executable, str(tmp_path / "harness.py")], env=environment, stderr=-3) as harness:
        while not (place.is_file() and len(place.read_text().split()) == 2):
            assert harness.poll() is None
            time.sleep(0.1)
        harness.send_signal(number)
    method, child = map(int, place.read_text().split())
    assert gone(method)
    assert gone(child)
    for _ in range(100):
        if not list(short_folder.iterdir()):
            break
        time.sleep(0.1)
    assert [path.name for path in short_folder.iterdir()] == []


COST = Cost(seconds=1.0, processor_seconds=2.0, rendered=3, threads=4)


def test_a_reply_comes_through_bit_for_bit() -> None:
    random = np.random.default_rng(0)
    root = random.normal(size=(6, 6))
    pose = np.eye(4)
    pose[:3, 3] = random.normal(size=3) * 1e-7 + 1 / 3
    given = answered(COST, pose=pose, outcome=Outcome.BUDGET, covariance=root @ root.T, seconds={"a": 0.1})
    assert decode(encode(5, given), 5) == given
    assert isinstance(given, Answered)
    assert np.array_equal(given.pose, pose)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"{" * 5000,
        b'{"number": 5, "reply": {"kind": "other"}}',
        b'{"number": 5, "reply": {"kind": "failed", "outcome": "converged", "reason": "x"}}',
        encode(4, Done()),
        encode(5, Answered(cost=COST, pose=np.eye(4), outcome=Outcome.BUDGET)).replace(  # type: ignore[arg-type]
            b"stopped at its budget", b"its process died"
        ),
        encode(5, Answered(cost=COST, pose=np.eye(4), outcome=Outcome.BUDGET)).replace(  # type: ignore[arg-type]
            b"[1.0,", b"[NaN,"
        ),
    ],
)
def test_any_other_message_is_an_invalid_reply(message: bytes) -> None:
    reply = decode(message, 5)
    assert isinstance(reply, Failed)
    assert reply.outcome is Outcome.INVALID
    assert reply.reason.isprintable()
