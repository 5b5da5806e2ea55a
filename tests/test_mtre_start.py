"""Starts at a stated distance."""

from typing import Any

import numpy as np
import pytest

from bench.geometry import PoseFrame, StandardView, nominal_pose, transform_points
from bench.perturb import MtreStartDistribution, MtreStartError, StartContext
from bench.protocol import ProtocolError, read_protocol

CENTRE = np.array([10.0, -20.0, 30.0])
FRAME = PoseFrame(nominal_pose(StandardView.AP, CENTRE, 700.0), CENTRE)
MARKS = CENTRE + np.random.default_rng(0).normal(scale=50.0, size=(60, 3))
TRUTH = np.array([3.0, -2.0, 5.0, 4.0, 1.0, -9.0])
WIDTH = (10.0, 10.0, 10.0, 10.0, 10.0, 20.0)


def mtre(theta: np.ndarray) -> float:
    moved = transform_points(FRAME.pose(theta), MARKS) - transform_points(FRAME.pose(TRUTH), MARKS)
    return float(np.linalg.norm(moved, axis=1).mean())


def test_every_bin_gets_its_share_and_every_start_lies_in_its_bin() -> None:
    starts, random = MtreStartDistribution(WIDTH, (2.0, 42.0), 4.0), np.random.default_rng(1)
    assert starts.bins == 10
    found = [mtre(starts.start(random, StartContext(TRUTH, FRAME, MARKS, index))) for index in range(40)]
    numbers = np.floor((np.array(found) - 2.0) / 4.0).astype(int)
    np.testing.assert_array_equal(numbers, np.arange(40) % 10)


def test_all_parameters_move_in_their_proportions() -> None:
    starts, random = MtreStartDistribution(WIDTH, (19.0, 20.0)), np.random.default_rng(2)
    moves = np.array([starts.start(random, StartContext(TRUTH, FRAME, MARKS, 0)) for _ in range(2000)]) - TRUTH
    spread = moves.std(axis=0)
    np.testing.assert_allclose(spread / spread[0], np.array(WIDTH) / WIDTH[0], rtol=0.2)
    np.testing.assert_allclose(moves.mean(axis=0), 0, atol=0.5)


def test_a_rotation_alone_cannot_reach_everywhere() -> None:
    starts = MtreStartDistribution((0.0, 0.0, 5.0, 0.0, 0.0, 0.0), (900.0, 901.0))
    with pytest.raises(MtreStartError, match="no start 900"):
        starts.start(np.random.default_rng(3), StartContext(TRUTH, FRAME, MARKS, 0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mtre_mm": (5.0, 5.0)}, "0 <= low < high"),
        ({"mtre_mm": (0.0, 10.0), "bin_mm": 3.0}, "must divide"),
        ({"width": (0.0,) * 6, "mtre_mm": (0.0, 10.0)}, "not zero"),
    ],
)
def test_distributions_that_cannot_be_drawn_from_are_refused(settings: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"width": WIDTH} | settings
    with pytest.raises(MtreStartError, match=message):
        MtreStartDistribution(**given)


def test_a_protocol_holds_such_a_distribution() -> None:
    table = {"kind": "mtre", "names": "sopi", "width": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "mtre_mm": [0.0, 20.0]}
    over: dict[str, Any] = {
        "start": {"distribution": "distance", "per_patient": 20, "distributions": {"distance": table}}
    }
    starts = read_protocol("sopi-sim", "quick", over).start.used
    assert starts == MtreStartDistribution((2.0, 1.0, 3.0, 5.0, 6.0, 4.0), (0.0, 20.0))
    over["start"]["distributions"]["distance"]["bin_mm"] = 3.0
    with pytest.raises(ProtocolError, match="bin_mm must divide"):
        read_protocol("sopi-sim", "quick", over)
