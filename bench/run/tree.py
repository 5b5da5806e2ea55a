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
_MOST_LOOKS = 100


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parents end, so that ``kill_tree`` finds them, as Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_tree(pid: int) -> None:
    """Kill a process, its descendants and its group; where the system does not list processes, its group alone."""
    _signal([pid], signal.SIGSTOP)
    kill_descendants(pid)
    kill_group(pid)
    _signal([pid], signal.SIGKILL)


def kill_group(pid: int) -> None:
    """Kill what is left of the group of a process."""
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def kill_descendants(pid: int) -> None:
    """Kill all that descend from a process; they are stopped first, so that none starts another one meanwhile."""
    stopped = set[int]()
    for _ in range(_MOST_LOOKS):
        found = _descendants(pid) - stopped
        if not found:
            break
        _signal(found, signal.SIGSTOP)
        stopped |= found
    _signal(stopped, signal.SIGKILL)


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
    sys.stdin.buffer.read()
    kill_tree(int(sys.argv[1]))
