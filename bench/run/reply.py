"""Replies of a method's process: JSON, checked in the process that holds the truth; nothing in it can be executed."""

from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from bench.cases.records import MatrixList
from bench.contract import Outcome
from bench.errors import FluorobenchError
from bench.geometry import require_rigid
from bench.text import one_line, printable, shortened

LONGEST = 1 << 20
_MAX_PHASES = 100
_MAX_COUNT = 2**53
_MAX_SECONDS = 1e9
# Of a trace: what a small picture shows.
_MAX_STEPS, _STEP_DIGITS = 24, 6
# A pose further away has lost the digits that errors are computed from.
_MAX_MM = 1e7
_REASON_LENGTH = 500
_TRACEBACK_LENGTH = 6000
# Of the largest entry: what rounding in float32 leaves of symmetry and of eigenvalues of zero.
_ROUNDING = 1e-5

Seconds = Annotated[float, Field(ge=0, le=_MAX_SECONDS, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=_MAX_COUNT), BeforeValidator(lambda given: _whole(given))]
Reason = Annotated[str, BeforeValidator(lambda text: one_line(str(text), _REASON_LENGTH) or "no reason was given")]

Traceback = Annotated[str, BeforeValidator(lambda text: shortened(printable(str(text)), _TRACEBACK_LENGTH))]


class Message(BaseModel):
    """Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Cost(Message):
    """Of one request, measured in the method's process.

    Attributes:
        seconds: Wall time from the request to the answer.
        processor_seconds: Of all threads of the process, and of children that have ended, since the answer before: work
            between two requests counts for the second one.
        rendered: Images, likewise.
        threads: That kernels and torch may use; the larger number.
    """

    seconds: Seconds
    processor_seconds: Seconds
    rendered: Count
    threads: Count


def _rigid(pose: Any) -> MatrixList:
    matrix = require_rigid(_numbers(pose, "the pose", (4, 4)), "the pose")
    if np.abs(matrix).max() > _MAX_MM:
        raise ValueError(f"the pose must lie within {_MAX_MM:g} mm; got {np.abs(matrix).max():g}")
    rows: MatrixList = matrix.tolist()
    return rows


def _covariance(given: Any) -> MatrixList | None:
    if given is None:
        return None
    matrix = _numbers(given, "the covariance", (6, 6))
    scale = float(np.abs(matrix).max())
    if not np.isfinite(scale):
        raise ValueError("the covariance must be finite, or None; got NaN or infinity")
    lopsided = float(np.abs(matrix - matrix.T).max())
    if lopsided > _ROUNDING * scale:
        raise ValueError(f"the covariance must be symmetric; entries differ by {lopsided:g}")
    if np.diagonal(matrix).min() < 0 or np.linalg.eigvalsh(matrix).min() < -_ROUNDING * scale:
        raise ValueError("the covariance must not have negative eigenvalues")
    rows: MatrixList = matrix.tolist()
    return rows


def _numbers(given: Any, what: str, shape: tuple[int, int]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    array = np.asarray(given)
    if array.dtype.kind not in "fiu" or array.shape != shape:
        raise ValueError(f"{what} must be {shape[0]}x{shape[1]} real numbers; got {array.dtype} of shape {array.shape}")
    return array.astype(np.float64)


def _whole(given: Any) -> int:
    number = int(given)
    if number != given:
        raise ValueError(f"expected a whole number; got {given}")
    return number


def _phases(given: Any) -> dict[str, float]:
    phases = {one_line(str(name), 60): float(seconds) for name, seconds in dict(given).items()}
    if len(phases) > _MAX_PHASES:
        raise ValueError(f"expected seconds of at most {_MAX_PHASES} phases; got {len(phases)}")
    return phases


def _trace(given: Any) -> list[tuple[int, float]] | None:
    """A few steps of a search, first and last among them; None of what is no trace, for it is no part of the answer."""
    try:
        counts = np.asarray(given.drr_evaluations, dtype=np.int64)
        best = np.asarray(given.best_value, dtype=np.float64)
        steps = np.flatnonzero(np.isfinite(best))
        chosen = steps[np.unique(np.linspace(0, steps.size - 1, min(steps.size, _MAX_STEPS)).round().astype(int))]
        return [(int(counts[step]), float(f"{best[step]:.{_STEP_DIGITS}g}")) for step in chosen] or None
    except Exception:  # whatever the method gave
        return None


class Done(Message):
    """The method is built, or prepared; ``cost`` is None when it was built."""

    kind: Literal["done"] = "done"
    cost: Cost | None = None


class Answered(Message):
    """An estimate, as ``bench.contract.Estimate``; of its trace a few steps."""

    kind: Literal["answered"] = "answered"
    cost: Cost
    pose: Annotated[MatrixList, BeforeValidator(_rigid)]
    outcome: Outcome
    seconds: Annotated[dict[str, Seconds], BeforeValidator(_phases)] = {}
    drr_evaluations: Count = 0
    covariance: Annotated[MatrixList | None, BeforeValidator(_covariance)] = None
    trace: list[tuple[int, float]] | None = None
    confidence: Probability | None = None


class Failed(Message):
    """No estimate.

    Attributes:
        outcome: One of those without a pose.
        reason: In one line; whatever was sent, without characters that no terminal or table can show.
        cost: None where the process was stopped or died, or the method could not be built.
        waited: Seconds from the request to the failure, by the harness's clock; None where the request was not made.
        traceback: Of an error, several lines; empty where there is none.
    """

    kind: Literal["failed"] = "failed"
    outcome: Literal[
        Outcome.SKIPPED,
        Outcome.RAISED,
        Outcome.INVALID,
        Outcome.OUT_OF_MEMORY,
        Outcome.TIMED_OUT,
        Outcome.DIED,
    ]
    reason: Reason
    cost: Cost | None = None
    waited: Seconds | None = None
    traceback: Traceback = ""


Reply: TypeAlias = Done | Answered | Failed


class _Envelope(Message):
    """A reply with the number of the request that it answers: a stray second one is no answer to the next."""

    number: int
    reply: Annotated[Reply, Field(discriminator="kind")]


_ENVELOPE: TypeAdapter[_Envelope] = TypeAdapter(_Envelope)


def answered(cost: Cost, *, trace: Any = None, **given: Any) -> Reply:
    """An answer of these fields of an estimate; ``Failed`` where they are none."""
    try:
        reply = Answered(cost=cost, trace=_trace(trace), **given)
        if reply.outcome.failed:
            raise ValueError(f"outcome {reply.outcome.name} is reserved to the harness")
    except Exception as error:  # whatever the method gave, it is no estimate
        return Failed(outcome=Outcome.INVALID, reason=f"expected an Estimate; {_said(error)}", cost=cost)
    return reply


def encode(number: int, reply: Reply) -> bytes:
    """For ``decode``."""
    return _Envelope(number=number, reply=reply).model_dump_json().encode()


def decode(message: bytes, number: int) -> Reply:
    """The reply to a request; ``Failed`` where the message is none."""
    try:
        envelope = _ENVELOPE.validate_json(message)
        if envelope.number != number:
            raise ValueError(f"a reply to request {envelope.number} came for request {number}")
        reply = envelope.reply
        if isinstance(reply, Answered) and reply.outcome.failed:
            raise ValueError(f"outcome {reply.outcome.name} is reserved to the harness")
    except Exception as error:  # a method can write what it likes to its end of the channel
        return Failed(outcome=Outcome.INVALID, reason=f"its process sent no reply that can be read: {_said(error)}")
    return reply


def _said(error: Exception) -> str:
    """The first mistake, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        cause = first.get("ctx", {}).get("error")
        return f"{place}: {cause or first['msg']}" if place else str(cause or first["msg"])
    return str(error) if isinstance(error, (ValueError, FluorobenchError)) else f"{type(error).__name__}: {error}"
