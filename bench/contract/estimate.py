"""The estimate that a method returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bench.geometry import Matrix


class Outcome(StrEnum):
    """How a registration ended; the value is what the reports print.

    The first group is for methods to return; the second is written by the harness.
    """

    CONVERGED = "converged"
    BUDGET = "stopped at its budget"
    SECONDS = "stopped at its limit in seconds"
    DIVERGED = "diverged"
    LEFT_VIEW = "the volume left the field of view"

    SKIPPED = "skipped"
    RAISED = "raised an error"
    OUT_OF_MEMORY = "ran out of memory"
    TIMED_OUT = "took too long and was stopped"
    DIED = "its process died"
    INVALID = "returned something that is no rigid pose"

    @property
    def failed(self) -> bool:
        """Whether there is no usable pose: the harness's own outcomes."""
        return self in _NO_POSE


_NO_POSE = frozenset(
    {
        Outcome.SKIPPED,
        Outcome.RAISED,
        Outcome.OUT_OF_MEMORY,
        Outcome.TIMED_OUT,
        Outcome.DIED,
        Outcome.INVALID,
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Progress of a search: best value so far against the number of DRR evaluations (equal-length tuples)."""

    drr_evaluations: tuple[int, ...]
    best_value: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A method's answer to one problem.

    Attributes:
        pose: rig_from_world, 4x4, mm.
        outcome: How it ended.
        seconds: Time by phase, as the method counts it; the harness times the whole itself.
        drr_evaluations: Rendered images, summed over views and resolutions.
        covariance: 6x6 in (degrees, mm) of theta, the method's own error estimate: finite, symmetric, without negative
            eigenvalues; or None.
        trace: Or None.
        confidence: Probability, as the method states it, that the pose is in the right basin: turned by less than 3
            degrees, and moved by less than 3 mm in the image plane; or None.
    """

    pose: Matrix
    outcome: Outcome
    seconds: Mapping[str, float] = field(default_factory=lambda: dict[str, float]())
    drr_evaluations: int = 0
    covariance: Matrix | None = None
    trace: Trace | None = None
    confidence: float | None = None
