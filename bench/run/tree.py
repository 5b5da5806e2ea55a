"""Kill a process with everything that descends from it, whatever group or session that has moved to.

As a program it waits for its input to end, which happens when the process that started it ends, however it does; then
it kills the process that it was given. It runs without site packages and imports nothing of the project.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
# One that a running process starts meanwhile is found in the next look.
_MOST_LOOKS, _FEW_LOOKS = 100, 5


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parents end, so that ``kill_tree`` finds them, as Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_tree(pid: int) -> None:
    """Kill a process, its descendants and its group; where the system does not list processes, its group alone.

    One that goes on starting others is stopped first. Others are not: if this process was killed meanwhile, they would
    stay so.
    """
    if not kill_descendants(pid, looks=_FEW_LOOKS):
        _signal([pid], signal.SIGSTOP)
        kill_descendants(pid)
    kill_group(pid)
    _signal([pid], signal.SIGKILL)


def kill_group(pid: int) -> None:
    """Kill what is left of the group of a process."""
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def kill_descendants(pid: int, *, looks: int = _MOST_LOOKS) -> bool:
    """Kill all that descend from a process, which adopts those whose parents end; returns whether none is left."""
    for _ in range(looks):
        found = _descendants(pid)
        if not found:
            return True
        _signal(found, signal.SIGKILL)
    return False


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, number)


def _descendants(pid: int) -> set[int]:
    children = dict[int, list[int]]()
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (each / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            if state not in "ZX":
                children.setdefault(int(parent), []).append(int(each.name))
    found, waiting = set[int](), [pid]
    while waiting:
        fresh = children.get(waiting.pop(), [])
        found.update(fresh)
        waiting.extend(fresh)
    return found


if __name__ == "__main__":
    # Batch systems end every process of a job in turn.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    kill_tree(int(sys.argv[1]))
