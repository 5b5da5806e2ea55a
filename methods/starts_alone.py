"""A control: the pose as estimated from the starts and nominal poses of all cases so far, without any pixel.

Were starts drawn about the truth that cases of an image share, this row would approach it from case to case.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from bench.contract import Card, Estimate, Outcome, PoseDistribution, Problem, View
from bench.geometry import Matrix
from bench.perturb import posterior_mean
from bench.volume import Volume

# Problems of each image so far.
Seen: TypeAlias = dict[str, list[Problem]]


@dataclass(frozen=True, kw_only=True)
class StartsAlone:
    """``Prior`` given every start and nominal pose of the image so far, starts taken as drawn about the truth."""

    def prepare(self, volume: Volume, views: Sequence[View]) -> Seen:
        """Nothing is known yet."""
        return {}

    def register(self, problem: Problem, prepared: Seen) -> Estimate:
        """Combine this and all earlier problems of the image."""
        seen = prepared.setdefault(_image(problem), [])
        seen.append(replace(problem, views=()))
        poses = [(problem.frame.parameters(each.nominal), problem.frame.parameters(each.start)) for each in seen]
        theta = [posterior_mean(_known(problem, poses, number), number, problem.search[number]) for number in range(6)]
        return Estimate(pose=problem.frame.pose(theta), outcome=Outcome.CONVERGED)

    def skip(self, problem: Problem) -> str | None:
        """Why nothing can be combined, or None."""
        if problem.truth_distribution is None or problem.start_distribution is None:
            return "the problem does not state the distributions of pose and start for each parameter"
        return None


def _known(
    problem: Problem, poses: Sequence[tuple[Matrix, Matrix]], number: int
) -> list[tuple[PoseDistribution, float]]:
    """Parameter ``number`` of every nominal pose and start, with the distribution of its difference from the truth."""
    truth, start = problem.truth_distribution, problem.start_distribution
    if truth is None or start is None:
        return []
    nominals = [(truth, float(nominal[number])) for nominal, _ in poses]
    return [*nominals, *((start, float(begin[number])) for _, begin in poses)]


def _image(problem: Problem) -> str:
    """Identifies an image; its content is not used."""
    digest = hashlib.sha256()
    for view in problem.views:
        digest.update(b"" if view.image is None else np.ascontiguousarray(view.image).tobytes())
    return digest.hexdigest()


plugin = StartsAlone
card = Card(
    title="Starts alone (control: the starts of all cases of an image, no pixel)",
    source="ours",
    citation="none",
    licence="Apache-2.0",
    deviations=("It keeps data between cases, which a method should not.",),
    uses_start=True,
)
