"""A known error of the camera is found from answers under the stated one, and undone."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bench.geometry import Camera, Matrix, compose, invert, rotation_angle_deg, transform_points
from studies.gantry.geometry import Fit, Setup, corrected, fit, seen, stand

POINTS = np.random.default_rng(1).uniform(-90, 90, (150, 3))
STATED = Camera(np.array([[1920.0, 0, 255.5], [0, 1920, 255.5], [0, 0, 1]]), 512, 512, 1500.0)
TRUE_K = np.array([[1920.0 * 1.008, 0, 255.5], [0, 1920 * 1.008, 255.5 - 40], [0, 0, 1]])
AXIS = compose(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]), (0.0, 0.0, 1000.0))


def placed(turn_deg: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> Matrix:
    return compose(Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix(), shift_mm)


TRUE = AXIS @ placed((1.0, -0.5, 0.8), (2.0, 3.0, -1.0))


def setup(camera: Camera = STATED) -> Setup:
    turns = [AXIS @ placed((0, 0, angle), (0, 0, 0)) @ invert(AXIS) for angle in (0.0, -20.0, -12.0, 8.0, 20.0)]
    return Setup(POINTS, camera, tuple(turns), AXIS)


def answers() -> list[Matrix]:
    """What a perfect registration under the stated camera finds where the true one took the images."""
    true = setup(Camera(TRUE_K, 512, 512, 1500.0))
    as_stated = Fit(AXIS, {"f": 100 / 1.008 - 100, "v": 40.0})
    return [corrected(true, as_stated, view, where @ TRUE) for view, where in enumerate(true.stand)]


def test_an_answer_places_the_points_where_they_are_seen() -> None:
    for where, answer in zip(setup().stand, answers(), strict=True):
        apart = seen(POINTS, answer, STATED.K) - seen(POINTS, where @ TRUE, TRUE_K)
        # Perspective tells the cameras apart by hundredths of a pixel; the poses differ by millimetres.
        assert np.abs(apart).max() < 0.5
        assert np.linalg.norm(transform_points(answer, np.zeros(3)) - transform_points(where @ TRUE, np.zeros(3))) > 5


def test_the_cameras_error_is_found_and_undone() -> None:
    found = fit(setup(), answers(), ("f", "v"))
    assert found.unknowns["f"] == pytest.approx(0.8, abs=0.05)
    assert found.unknowns["v"] == pytest.approx(-40, abs=2)
    assert found.rms_mm.max() < 0.1
    assert fit(setup(), answers(), ()).rms_mm.max() > 5 * found.rms_mm.max()
    for view, answer in enumerate(answers()):
        pose = corrected(setup(), found, view, answer)
        assert rotation_angle_deg(pose, stand(setup(), found, view) @ found.rig_from_ct) < 0.05


def test_unknowns_of_each_angle_leave_the_middle_one_as_stated() -> None:
    names = fit(setup(), answers(), ("u*", "roll*")).unknowns
    assert set(names) == {f"{what}{view}" for what in ("u", "roll") for view in (0, 1, 3, 4)}
