"""Descent on a learnt distance by its pose gradient, with momentum; the rotation is frozen once it has converged.

The inference of SOPI and ProST. The direction of the gradient is learnt, its length is not: a network brings the
mean length, measured in training, of the way to the truth per length of the gradient.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from bench.contract import Outcome
from bench.errors import FluorobenchError
from bench.geometry import Matrix
from bench.learn.errors import WeightsError
from bench.learn.pose_gradient import PoseChart

Distance: TypeAlias = Callable[[Tensor], Tensor]
"""Poses (1, 4, 4) to a number, differentiable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """Step sizes and stopping criteria.

    Attributes:
        rate: Step as a share of the calibrated way to the truth.
        momentum: Of the steps.
        joint: Iterations at most with rotation and translation together.
        iterations: Iterations at most altogether.
        freeze: Stop the rotation once it has converged (SOPI section 2.4).
        settled: Rotation has converged when the last distances' relative standard deviation is below this.
        ended: So has the whole.
        window: Number of last distances.
        seconds: Processor time of the calling thread at most; None = no limit. A faster machine then goes farther:
            ``Outcome.SECONDS`` states where it ended the search, and no shipped row sets it.
        turn_deg: Longest step of the rotation.
        shift: Longest step of the translation, in the chart's units (mm across the beam).
    """

    rate: float = 0.15
    momentum: float = 0.6
    joint: int = 40
    iterations: int = 70
    freeze: bool = True
    settled: float = 3e-3
    ended: float = 1e-3
    window: int = 10
    seconds: float | None = None
    turn_deg: float = 1.5
    shift: float = 3.0

    def __post_init__(self) -> None:
        whole = min(self.joint, self.iterations, self.window) >= 1
        if not whole or not 0 <= self.momentum < 1 or min(self.rate, self.turn_deg, self.shift) <= 0:
            raise WeightsError(
                "a descent needs iterations, joint and window of at least 1, 0 <= momentum < 1 and positive steps; "
                f"got {self}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Descended:
    """Where a descent ended.

    Attributes:
        pose: That of the smallest distance, camera_from_world, 4x4, mm.
        outcome: Converged, stopped at its budget or at its limit in seconds, or diverged.
        distances: One an iteration.
        frozen: At which iteration the rotation was frozen; None = never.
        seconds: Altogether.
    """

    pose: Matrix
    outcome: Outcome
    distances: tuple[float, ...]
    frozen: int | None
    seconds: float


@dataclass(slots=True, eq=False)
class _State:
    pose: Matrix
    best: Matrix
    velocity: Matrix = field(default_factory=lambda: np.zeros(6))
    distances: list[float] = field(default_factory=lambda: list[float]())
    frozen: int | None = None


def descend(distance: Distance, chart: PoseChart, gain: Matrix, settings: Descent) -> Descended:
    """Descend from the chart's base.

    Args:
        distance: Of the pose; asked with a gradient at every iteration.
        chart: Start (one pose), rotation centre and units.
        gain: (2,): way to the truth per gradient, of rotation (radians) and translation (units).
        settings: Step sizes and stopping criteria.
    """
    began, worked, outcome = time.perf_counter(), time.thread_time(), Outcome.BUDGET
    state = _State(chart.base[0], chart.base[0])
    while len(state.distances) < settings.iterations:
        here = PoseChart(state.pose[None], chart.centre, chart.depth_scale)
        try:
            value, slope = _slope(distance, here)
        except FluorobenchError:  # the volume left the place where it can be seen
            outcome = Outcome.DIVERGED
            break
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            outcome = Outcome.DIVERGED
            break
        if value < min(state.distances, default=np.inf):
            state.best = state.pose
        state.distances.append(value)
        if _converged(state, settings):
            outcome = Outcome.CONVERGED
            break
        if settings.seconds is not None and time.thread_time() - worked > settings.seconds:
            outcome = Outcome.SECONDS
            break
        _step(state, here, slope, gain, settings)
    return Descended(state.best, outcome, tuple(state.distances), state.frozen, time.perf_counter() - began)


def _slope(distance: Distance, here: PoseChart) -> tuple[float, Matrix]:
    vector = torch.zeros(1, 6, dtype=torch.float64, requires_grad=True)
    value = distance(here.pose(vector))
    (slope,) = torch.autograd.grad(value.sum(), [vector])
    return float(value.detach().sum()), slope[0].numpy()


def _converged(state: _State, settings: Descent) -> bool:
    """Whether the descent has ended; freezes the rotation once it has converged over a full window of distances."""
    count = len(state.distances)
    since = count - (state.frozen or 0)
    last = np.array(state.distances[-settings.window :])
    spread = float(last.std() / max(abs(last.mean()), 1e-12)) if since >= settings.window else np.inf
    if not settings.freeze:
        return spread < settings.ended
    if state.frozen is None:
        if spread < settings.settled or count >= settings.joint:
            state.frozen = count
            state.pose, state.velocity = state.best, np.zeros(6)
        return False
    return spread < settings.ended


def _step(state: _State, here: PoseChart, slope: Matrix, gain: Matrix, settings: Descent) -> None:
    state.velocity = settings.momentum * state.velocity - settings.rate * np.repeat(gain, 3) * slope
    if state.frozen is not None:
        state.velocity[:3] = 0
    for at, most in ((slice(0, 3), np.radians(settings.turn_deg)), (slice(3, 6), settings.shift)):
        length = float(np.linalg.norm(state.velocity[at]))
        if length > most:
            state.velocity[at] *= most / length
    state.pose = here.pose(torch.as_tensor(state.velocity)[None])[0].numpy()
