"""A method of no use whose answer depends on every input, and that works for a while."""

import hashlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.contract import Card, Estimate, Outcome, Problem, View
from bench.volume import Volume

card = Card(title="Steady", source="made here", citation="none", licence="none")


@dataclass(frozen=True)
class Steady:
    """Moves the start by what a checksum of its inputs says.

    Attributes:
        seconds: Of each registration.
    """

    seconds: float = 0.15

    def prepare(self, volume: Volume, views: Sequence[View]) -> str:
        """The checksum of the volume."""
        time.sleep(self.seconds)
        return volume.fingerprint()

    def register(self, problem: Problem, prepared: str) -> Estimate:
        """The moved start."""
        time.sleep(self.seconds)
        digest = hashlib.sha256(prepared.encode() + str(problem.seed).encode() + problem.start.tobytes())
        for view in problem.views:
            digest.update(np.ascontiguousarray(view.image).tobytes())
        pose = problem.start.copy()
        pose[:3, 3] += np.frombuffer(digest.digest()[:3], dtype=np.uint8) / 100
        sys.stdout.write(f"moved {problem.case_id}\n")
        return Estimate(pose, Outcome.CONVERGED, drr_evaluations=digest.digest()[3])

    def skip(self, problem: Problem) -> None:
        """Takes every problem."""


plugin = Steady
