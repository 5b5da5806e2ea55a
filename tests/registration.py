"""A small patient and problems about it, for the tests of registration."""

from dataclasses import replace

import numpy as np

from bench.contract import Case, Problem, View
from bench.drr import AttenuationMap, project
from bench.geometry import Camera, PoseFrame, StandardView, compose, nominal_pose, rotation_angle_deg, transform_points
from bench.volume import LabelGrid, Volume

CAMERA = Camera.centred(sdd_mm=1000, height=64, width=64, spacing_mm=4)
SEARCH = np.array([20, 20, 20, 30, 30, 60.0])
TRUTH = np.array([6, -7, 5, 10, -8, 20.0])
START = np.array([-2, 3, -4, -5, 6, -15.0])
SIDE = compose(
    np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]]),  # a quarter turn about the patient's long axis
    np.array([-700, 0, 700.0]),
)


def cluster() -> Volume:
    """Bright ellipsoids of several sizes without any symmetry, labelled, in a soft block."""
    shape = np.array([36, 28, 44])
    index = np.moveaxis(np.indices((36, 28, 44)), 0, -1)
    random = np.random.default_rng(7)
    labels: LabelGrid = np.zeros(tuple(shape), dtype=np.uint16)
    for number in range(1, 9):
        centre, radii = random.uniform(0.2, 0.8, 3) * shape, random.uniform(2, 6, 3)
        labels[(((index - centre) / radii) ** 2).sum(axis=-1) <= 1] = number
    hu = np.where(labels > 0, 300 + 80 * labels, 0).astype(np.float32)
    affine = np.diag([-4, 4, 4, 1.0])
    affine[:3, 3] = [60, -50, 20]
    return Volume(hu, affine, labels=labels, label_scheme="totalsegmentator", mask=labels > 0)


def build_case(volume: Volume, *, truth: np.ndarray = TRUTH, sides: bool = False, seed: int = 3) -> Case:
    """A case without noise: one view, or two at right angles."""
    centre = volume.content_centre()
    frame = PoseFrame(nominal_pose(StandardView.AP, centre, 700), centre)
    views = [View(CAMERA), View(CAMERA, camera_from_rig=SIDE)] if sides else [View(CAMERA)]
    attenuation, pose = AttenuationMap.from_volume(volume), frame.pose(truth)
    images = [project(attenuation, (view.camera_from_rig @ pose)[None], view.camera)[0, 0].numpy() for view in views]
    problem = Problem(
        case_id="case",
        patient_id="cluster",
        patient_hash="0",
        volume=volume,
        views=tuple(replace(view, image=image) for view, image in zip(views, images, strict=True)),
        start=frame.pose(START),
        nominal=frame.nominal,
        centre=centre,
        search=SEARCH,
        seed=seed,
    )
    return Case(problem, pose)


def pose_errors(case: Case, pose: np.ndarray) -> tuple[float, float]:
    """Rotation error in degrees, displacement of the centre in mm."""
    moved = transform_points(pose, case.problem.centre) - transform_points(case.truth, case.problem.centre)
    return rotation_angle_deg(pose, case.truth), float(np.linalg.norm(moved))
