"""What stands between the harness and a method: a process that ends all that the method leaves when it dies.

What a method started and then left to itself descends from it as long as it lives. When it dies, Linux gives such
processes to the nearest ancestor that adopts orphans, which is this one: it kills them, and ends as the method did.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterable
from multiprocessing.connection import Connection
from socket import socket

from bench.interrupts import ignore_interrupts
from bench.run import tree

_PR_SET_PDEATHSIG = 1


def under_supervision(not_shared: Iterable[socket | Connection]) -> None:
    """Return in a child of this process, which is the leader of a session of its own; end with the child.

    Args:
        not_shared: Open files that are the child's alone: who reads from them must notice its end.
    """
    os.setsid()
    ignore_interrupts()
    tree.adopt_orphans()
    own, child = os.getpid(), os.fork()
    if child == 0:
        _die_with(own)
        return
    for each in not_shared:
        each.close()
    _end_as(_waited_for(child))


def _die_with(parent: int) -> None:
    """Have this process killed when its parent ends, as Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _waited_for(child: int) -> int:
    """The exit code of the child, as ``multiprocessing`` states it; orphans that end meanwhile are reaped."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            tree.kill_descendants(os.getpid())
            return os.waitstatus_to_exitcode(status)


def _end_as(code: int) -> None:
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(abs(code))
