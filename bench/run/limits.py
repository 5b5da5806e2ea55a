"""Limits of a method's process, and what ends it with everything that it started when its harness is gone."""

import ctypes
import multiprocessing
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from multiprocessing import util

from bench.run import tree

_MIB = 1 << 20
_PR_SET_DUMPABLE = 4
# Of one file that a method writes, its output included; beyond it writing raises an error in the method.
_FILE_BYTES = 1 << 30

# Waits for its input to end, which happens when the harness ends, however it does; then removes the folder of the
# sockets that processes are started through.
_TIDY = "import shutil, sys; sys.stdin.buffer.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"


@dataclass(frozen=True, slots=True)
class Limits:
    """Enforced by the kernel.

    Attributes:
        memory_mib: Memory that the process may allocate, MiB: private writable pages (RLIMIT_DATA), those of Python and
            its libraries included; each child has the same limit for itself. None = no limit.
    """

    memory_mib: int | None = None


def hide() -> None:
    """Keep this process's memory, environment and open files from other processes of the same user, as Linux can.

    Those of a method could else read the truth from ``/proc/PID``. A process of root still can.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def confine(limits: Limits) -> None:
    """Limit this process; what it starts and leaves to itself stays its descendant."""
    tree.adopt_orphans()
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, _FILE_BYTES)
    if limits.memory_mib is not None:
        # RLIMIT_AS would count what is only reserved: a CUDA context reserves more than any machine has.
        _lower(resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS, limits.memory_mib * _MIB)


def _lower(what: int, to: int) -> None:
    """Lower a limit for good; one that is lower already stays."""
    _, hard = resource.getrlimit(what)
    most = to if hard == resource.RLIM_INFINITY else min(to, hard)
    resource.setrlimit(what, (most, most))


@cache
def leave_no_folder() -> None:
    """Have the temporary folder of multiprocessing removed when this process ends, even by SIGKILL.

    A process that was given its parent's folder leaves it: others use it, too.
    """
    # No public function tells; without the attribute the folder counts as this process's own.
    given = getattr(multiprocessing.current_process(), "_config", {}).get("tempdir")
    if multiprocessing.parent_process() is not None and given is not None:
        return
    words = [sys.executable, "-I", "-S", "-c", _TIDY, util.get_temp_dir()]
    nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
    _KEPT.append(subprocess.Popen(words, stdin=pipe, stdout=nothing, stderr=nothing, start_new_session=True))


# Their input is open as long as this process lives.
_KEPT: list["subprocess.Popen[bytes]"] = []


class Guard:
    """A small process that kills another with all its descendants when this process ends, even by SIGKILL.

    Args:
        pid: Of the process to guard against outliving this one.
    """

    def __init__(self, pid: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", tree.__file__, str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """End it without a kill."""
        self._process.kill()
        self._process.communicate()


def death(exit_code: int | None) -> str:
    """How a process ended, in words."""
    if exit_code is None or exit_code >= 0:
        return f"the process ended with exit code {exit_code}"
    number = -exit_code
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    hint = ", as the system does when memory runs out" if number == signal.SIGKILL else ""
    return f"the process was ended by signal {number} ({name}){hint}"
