"""Verdict and reference on two X-rays of a real wrist, whose pose is known to 0.6 mm."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import registry
from bench.contract import Case, Estimate, Outcome, Patient, Problem
from bench.geometry import Matrix, PoseFrame, compose, invert
from bench.single import reference
from bench.single.opinion import Answer, apart
from bench.single.reference import find_reference
from bench.single.trust import Trust
from bench.single.turned import turned
from bench.single.verdict import assess
from bench.volume import Volume

FRAME = "0099"
SPIN_DEG = 31.0
BACK = ("30 degrees", "-30 degrees")


@pytest.fixture(scope="module")
def wrist(real_data: Path) -> Case:
    """Both cameras, from 9 degrees and 10 mm off."""
    settings = {"folder": str(real_data / "wrist-biplane"), "voxel_spacing_mm": (0.39625, 0.39625, 0.625)}
    patient: Patient = registry.build("datasets", "autoscoper", settings).patient("wrist-biplane")
    taken = next(each for each in patient.acquisitions if each.id == FRAME)
    assert taken.reference is not None
    first = taken.views[0].camera_from_rig
    views = tuple(replace(each, camera_from_rig=each.camera_from_rig @ invert(first)) for each in taken.views)
    truth, centre = first @ taken.reference, np.asarray(patient.volume.content_centre())
    start = PoseFrame(truth, centre).pose([9, 0, 0, 0, 10, 0])
    search = np.array([15.0, 15.0, 15.0, 30.0, 30.0, 60.0])
    problem = Problem(FRAME, "wrist", "", patient.volume, views, start, start, centre, search, seed=0)
    return Case(problem, truth)


def spun(volume: Volume, pose: Matrix, degrees: float = SPIN_DEG) -> Matrix:
    """A pose turned about the bone's long axis."""
    words, quarter = next((words, each) for words, each in turned(volume, np.eye(4)) if words.startswith("90 "))
    assert "axis 1" in words
    centre = np.asarray(volume.content_centre())
    skew = (quarter[:3, :3] - quarter[:3, :3].T) / 2
    angle = np.radians(degrees)
    rotation = np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew
    return pose @ compose(rotation, centre - rotation @ centre)


def judged(case: Case, pose: Matrix) -> Trust:
    return assess(case.problem, Estimate(pose=pose, outcome=Outcome.CONVERGED), "initial", {}).verdict.trust


def test_a_right_answer_is_trusted(wrist: Case) -> None:
    assert judged(wrist, wrist.truth) == Trust.TRUSTED


def test_a_spin_about_the_long_axis_is_warned_about(wrist: Case) -> None:
    assert judged(wrist, spun(wrist.problem.volume, wrist.truth)) in (Trust.DOUBTFUL, Trust.NOT_TRUSTED)


def test_a_reference_spun_by_31_degrees_is_not_certified(wrist: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both similarities and all starts met there once; restarts turned back find that another pose fits better."""
    wrong = spun(wrist.problem.volume, wrist.truth)
    assert apart(wrist.problem, wrist.truth, wrong)["rotation_deg"] == pytest.approx(SPIN_DEG)

    def back(volume: Volume, pose: Matrix) -> Iterator[tuple[str, Matrix]]:
        """Two of the restarts, so that the test takes seconds."""
        yield from (each for each in turned(volume, pose) if each[0] in {f"{way} about axis 1" for way in BACK})

    def meet(*_: object) -> Answer:
        return Answer(wrong, 0.5)

    monkeypatch.setattr(reference, "searched", meet)
    monkeypatch.setattr(reference, "turned", back)
    monkeypatch.setattr(reference, "_ROUNDS", 1)
    near = np.array([10.0, 10.0, 10.0, 15.0, 15.0, 30.0])
    found = find_reference(replace(wrist.problem, start=wrong, nominal=wrong, search=near), starts=2)
    assert not found.confirmed
    assert any("fits as well" in each for each in found.doubts)
    assert found.uncertainty["rotation_deg"] > SPIN_DEG - 5
