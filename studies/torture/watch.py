"""Start commands under a mark that all their processes inherit, and find what is left of them.

Commands are forked from a process that has imported the program: 100 kills would else be mostly imports.
"""

import json
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from studies.torture.places import PLUGINS, ROOT

_MARK = "FLUOROBENCH_TORTURE"


class Command:
    """A command that was started; its process leads a group and a session of its own."""

    def __init__(self, pid: int, end: socket.socket) -> None:
        self.pid, self._end = pid, end
        self._status: int | None = None

    def poll(self, seconds: float = 0.0) -> int | None:
        """Its status, negative for a signal; None while it runs."""
        if self._status is None:
            self._end.settimeout(max(seconds, 1e-6))
            with suppress(TimeoutError, BlockingIOError):
                self._status = int(json.loads(_line(self._end)))
        return self._status

    def wait(self, seconds: float) -> int:
        """Its status at its end; a command that takes longer is killed."""
        if (status := self.poll(seconds)) is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.poll(60.0)
            raise TimeoutError(f"a command took longer than {seconds:g} s")
        return status


class Commands:
    """Starts one command after the other; use as a context manager, before threads or kernels are used.

    Args:
        imported: Modules that a command should find imported.
    """

    def __init__(self, *imported: str) -> None:
        self._imported = imported

    def __enter__(self) -> "Commands":
        if os.geteuid() != 0:
            raise PermissionError("run this as root: processes of fluorobench hide their environment from others")
        for name in ("bench.cli.main", *self._imported):
            import_module(name)
        self._end, theirs = socket.socketpair()
        self._pid = os.fork()
        if not self._pid:
            self._end.close()
            _serve(theirs)
        theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()
        os.waitpid(self._pid, 0)

    def start(self, words: Sequence[str], mark: str, folder: Path) -> Command:
        """Start ``fluorobench WORDS`` in a folder; what it says goes to ``said.txt``, what is temporary to ``tmp``."""
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        self._end.settimeout(None)
        self._end.sendall(json.dumps([list(words), mark, str(folder)]).encode() + b"\n")
        return Command(int(json.loads(_line(self._end))), self._end)


def _line(end: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"\n"):
        if not (byte := end.recv(1)):
            return b"null\n"
        found += byte
    return found


def _serve(end: socket.socket) -> None:
    """Fork a command for every request, and tell its process and its status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while (request := json.loads(_line(end))) is not None:
        pid = os.fork()
        if not pid:
            end.close()
            _run(*request)
        end.sendall(f"{pid}\n".encode())
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        end.sendall(f"{status}\n".encode())
    os._exit(0)


def _run(words: list[str], mark: str, folder: str) -> None:
    """Be the command."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream, number in ((said, 1), (said, 2), (os.open(os.devnull, os.O_RDONLY), 0)):
        os.dup2(stream, number)
    own = {_MARK: mark, "TMPDIR": str(Path(folder) / "tmp"), "FLUOROBENCH_PLUGINS": str(PLUGINS)}
    os.environ.update({**own, "PYTHONPATH": str(ROOT)})
    sys.argv = ["fluorobench", *words]
    status: Any = 0
    try:
        import_module("bench.cli.main").main()
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    # As an interpreter does that ends.
    import_module("atexit")._run_exitfuncs()
    os._exit(status if isinstance(status, int) else int(status is not None))


def marked(mark: str) -> list[int]:
    """Processes that a marked command started and that have not ended; root alone sees all of them."""
    found: list[int] = []
    for each in Path("/proc").iterdir():
        if each.name.isdecimal():
            with suppress(OSError):
                given = (each / "environ").read_bytes().split(b"\0")
                if f"{_MARK}={mark}".encode() in given and _runs(each):
                    found.append(int(each.name))
    return found


def _runs(process: Path) -> bool:
    return (process / "stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"


def left(mark: str, seconds: float = 60.0) -> list[int]:
    """Processes with a mark that still run after some seconds; one that imports notices an end only when it is done."""
    deadline = time.monotonic() + seconds
    while (found := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def end_all(pids: Iterable[int]) -> None:
    """Kill what was left, so that a trial leaves nothing to the next one."""
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def said(folder: Path) -> str:
    """What the commands in a folder said."""
    return (folder / "said.txt").read_text(encoding="utf-8", errors="replace")


def workers(mark: str) -> list[int]:
    """Processes of methods: spawned ones, or those that a server of forks made."""
    found: dict[int, int] = {}
    spawned: list[int] = []
    for pid in marked(mark):
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"forkserver" in words:
                found[pid] = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            elif b"spawn_main" in words:
                spawned.append(pid)
    return [pid for pid, parent in found.items() if parent in found] or spawned


def temporary_files(folder: Path) -> list[str]:
    """Names of files that somebody began to write, below a folder, and what lies in its folder for such."""
    parts = [path for path in folder.rglob("*") if ".part" in path.name or path.name.startswith(".latest-")]
    # PyTorch keeps one for all its processes.
    given = [path for path in (folder / "tmp").glob("*") if not path.name.startswith("torchinductor_")]
    return sorted(str(path.relative_to(folder)) for path in (*parts, *given))
