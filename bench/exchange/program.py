"""Run a program on the folder of a problem, and read the answer that it left there."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.cases.records import Matrix6, MatrixList
from bench.cells import table_of
from bench.contract import Estimate, Outcome
from bench.errors import FluorobenchError, describe_error, describe_validation
from bench.exchange.answers import pose_of
from bench.exchange.rigid import unrounded
from bench.geometry import Matrix
from bench.text import one_line, read_text

ANSWER_JSON, ANSWER_CSV = "answer.json", "answer.csv"
# In the environment of the program and of all that it starts, by which what it leaves behind is found.
_MARK = "FLUOROBENCH_PROGRAM"
_LOOKS, _BETWEEN_LOOKS_S = 3, 0.01
# Of what a program prints for one problem; the rest is read and dropped.
_PRINTED_BYTES = 1 << 20
_TAIL_BYTES = 2000
_LARGEST = 1 << 20
_POSED = {each.value: each for each in Outcome if not each.failed}


class ProgramError(FluorobenchError):
    """A program that cannot be run, fails, or leaves no answer."""


class AnswerFile(BaseModel):
    """``answer.json``: either ``pose`` (4x4) or ``R`` and ``t`` (mm), or an ``error``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pose: MatrixList | None = None
    R: MatrixList | None = None
    t: list[float] | None = None
    outcome: str = Outcome.CONVERGED.value
    drr_evaluations: int = Field(default=0, ge=0)
    covariance: Matrix6 | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    error: str | None = None


def run_program(command: Sequence[str], folder: Path) -> None:
    """Run a command in a folder to its end; what it prints goes to standard output.

    It stays in the process group of its caller, whose end is then its own too; what it leaves running is killed where
    the system lists processes (``/proc``).

    Raises:
        ProgramError: It cannot be started, or ends with another status than 0.
    """
    mark = uuid.uuid4().hex
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, _MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise ProgramError(f"{command[0]} cannot be run: {describe_error(error)}; give an absolute path") from None
    assert process.stdout is not None
    said = _Printed(process.stdout)
    said.start()
    try:
        code = process.wait()
    finally:
        _kill_marked(mark)
    said.join(timeout=1.0)
    if code:
        ending = f"exit status {code}" if code > 0 else f"signal {-code} ({signal.strsignal(-code)})"
        last = said.last_line
        raise ProgramError(f"{command[0]} ended with {ending}{f': {last}' if last else ''}")


class _Printed(Thread):
    """Passes on what a program prints, and keeps the end of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream, self._left, self._tail = stream, _PRINTED_BYTES, b""

    def run(self) -> None:
        while chunk := os.read(self._stream.fileno(), 1 << 16):
            self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
            with suppress(OSError):  # no room for it: the program's answer counts nevertheless
                os.write(1, chunk[: self._left])
            self._left = max(0, self._left - len(chunk))

    @property
    def last_line(self) -> str:
        """The last line that is not empty."""
        lines = [line for line in self._tail.decode(errors="replace").splitlines() if line.strip()]
        return one_line(lines[-1], 300) if lines else ""


def _kill_marked(mark: str) -> None:
    """Kill every process that inherited the mark.

    More than one look: a process that starts another program shows no environment meanwhile, and may start others.
    """
    entry = f"{_MARK}={mark}".encode()
    for look in range(_LOOKS):
        time.sleep(_BETWEEN_LOOKS_S if look else 0.0)
        for each in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if entry in (each / "environ").read_bytes().split(b"\0"):
                    os.kill(int(each.name), signal.SIGKILL)


def read_estimate(folder: Path, seconds: Mapping[str, float]) -> Estimate:
    """The answer in a folder: ``answer.json``, else the one line of ``answer.csv``.

    Args:
        folder: Of the problem.
        seconds: By phase, as measured.

    Raises:
        ProgramError: There is none, it cannot be read, or it states an error.
    """
    places = [folder / name for name in (ANSWER_JSON, ANSWER_CSV)]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise ProgramError(f"expected {ANSWER_JSON} or {ANSWER_CSV} in the folder of the problem; found neither")
    try:
        text = read_text(found, largest=_LARGEST)
        return _of_json(text, seconds) if found.name == ANSWER_JSON else _of_csv(text, seconds)
    except ValidationError as error:
        raise ProgramError(f"{found.name}: {describe_validation(error)}") from None
    except UnicodeDecodeError as error:
        raise ProgramError(f"{found.name}: {describe_error(error)}") from None


def _of_json(text: str, seconds: Mapping[str, float]) -> Estimate:
    given = AnswerFile.model_validate_json(text)
    if given.error is not None:
        raise ProgramError(f"its answer is an error: {one_line(given.error, 300)}")
    if given.outcome not in _POSED:
        raise ProgramError(f"outcome: expected one of {', '.join(_POSED)}; got {one_line(given.outcome, 60)!r}")
    covariance = None if given.covariance is None else np.array(given.covariance)
    pose, outcome = unrounded(_matrix(given)), _POSED[given.outcome]
    rendered = given.drr_evaluations
    return Estimate(pose, outcome, dict(seconds), rendered, covariance, confidence=given.confidence)


def _matrix(given: AnswerFile) -> Matrix:
    if given.pose is not None and (given.R is not None or given.t is not None):
        raise ProgramError("expected pose (4x4), or R (3x3) and t (3); got both")
    if given.pose is not None:
        return _shaped(given.pose, (4, 4), "pose")
    if given.R is None or given.t is None:
        raise ProgramError("expected pose (4x4), or R (3x3) and t (3); got neither")
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = _shaped(given.R, (3, 3), "R"), _shaped([given.t], (1, 3), "t")[0]
    return pose


def _shaped(rows: MatrixList, shape: tuple[int, int], name: str) -> Matrix:
    if len(rows) != shape[0] or any(len(row) != shape[1] for row in rows):
        raise ProgramError(f"{name}: expected {shape[0]} rows of {shape[1]} numbers")
    return np.array(rows, dtype=np.float64)


def _of_csv(text: str, seconds: Mapping[str, float]) -> Estimate:
    rows = table_of(text, ())
    if len(rows) != 1:
        raise ProgramError(f"{ANSWER_CSV}: expected a title line and one line below it; got {len(rows)}")
    pose = pose_of(rows[0], "the answer")
    if pose is None:
        raise ProgramError(f"its answer is an error: {one_line(rows[0].get('error', ''), 300) or 'no pose'}")
    return Estimate(unrounded(pose), Outcome.CONVERGED, dict(seconds))
