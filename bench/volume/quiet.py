"""Run calls of C libraries that print errors to stderr instead of raising them."""

import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

_Answer = TypeVar("_Answer")
_lock = threading.Lock()


def quietly(call: Callable[[], _Answer], refuse: re.Pattern[str]) -> _Answer:
    """Run a call with the stderr output of its C libraries captured.

    Raises:
        RuntimeError: The call's own, or a printed line matches ``refuse``; that line is then the message.
    """
    answer: list[_Answer] = []
    failure: RuntimeError | None = None
    with _lock, tempfile.TemporaryFile() as sink:
        try:
            with _stderr_to(sink.fileno()):
                answer.append(call())
        except RuntimeError as error:
            failure = error
        sink.seek(0)
        printed = sink.read().decode(errors="replace").splitlines()
    complaint = next((line for line in printed if refuse.search(line)), None)
    if complaint is not None:
        raise RuntimeError(f"cut short or damaged ({complaint.strip()})")
    if failure is not None:
        raise failure
    return answer[0]


@contextmanager
def _stderr_to(target: int) -> Generator[None]:
    """Point the process's stderr, not only Python's, at a file descriptor for a while."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        os.dup2(target, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
