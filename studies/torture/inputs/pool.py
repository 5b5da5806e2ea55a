"""A process that reads, replaced when it dies or hangs."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

# Of processor time, the import of what a reader needs included.
SECONDS = 20.0
# Without any: it waits for something.
IDLE_SECONDS = 60.0


class Reader:
    """Use as a context manager.

    Args:
        scratch: Folder that the process works in.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def read(self, form: str, entry: Path) -> tuple[str, str]:
        """The outcome of a form's reader with an entry, and its message."""
        if self._process is None:
            self._start()
        assert self._process is not None
        self._requests.write(json.dumps([form, str(entry)]) + "\n")
        self._requests.flush()
        ready = self._answered()
        line = self._answers.readline() if ready else ""
        if line:
            outcome, text = json.loads(line)
            return outcome, text
        status = self._process.poll() if not ready else self._process.wait()
        self._stop()
        if not ready and status is None:
            return "hang", f"no answer within {SECONDS:g} s of processor time, or idle for {IDLE_SECONDS:g} s"
        return "crash", f"the process ended with status {status}"

    def _answered(self) -> bool:
        """Whether there is an answer, or an end, within the time; busy machines count by processor time."""
        assert self._process is not None
        began, (used, _) = time.monotonic(), _used(self._process.pid)
        at_first = used
        while not select.select([self._answers], [], [], 0.5)[0]:
            now, waiting = _used(self._process.pid)
            if now != used or not waiting:
                used, began = now, time.monotonic()
            if now - at_first > SECONDS or time.monotonic() - began > IDLE_SECONDS:
                return False
        return True

    def _start(self) -> None:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        words = [sys.executable, "-m", "studies.torture.inputs.reading", str(theirs_in), str(theirs_out)]
        with (self._scratch.parent / "said.txt").open("ab") as said:
            self._process = subprocess.Popen(
                [*words, str(self._scratch)],
                pass_fds=(theirs_in, theirs_out),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, "TMPDIR": str(self._scratch), "HOME": str(self._scratch)},
            )
        os.close(theirs_in)
        os.close(theirs_out)
        self._requests: Any = os.fdopen(ours_out, "w")
        self._answers: Any = os.fdopen(ours_in)

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._requests.close()
            self._answers.close()
        self._process = None


def _used(pid: int) -> tuple[float, bool]:
    """Processor seconds of a process, and whether it waits."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0, False
    return (int(fields[10]) + int(fields[11])) / os.sysconf("SC_CLK_TCK"), state in "SZ"
