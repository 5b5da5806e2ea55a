"""Ctrl-C of a terminal reaches every process of a command; only the first one has to answer it."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def without_interrupt() -> Generator[None]:
    """Start a process within: an interrupt of the terminal waits for this process and never reaches that one.

    It would come while that one imports, before ``ignore_interrupts``, and print a traceback.
    """
    # Its own start would let interrupts through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_interrupts() -> None:
    """Called first in a process that was started ``without_interrupt``: the one that started it ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
