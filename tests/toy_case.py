"""One small case for the conformance tests: a few bright spheres in a grid of 3 mm, one view of 64 x 64 pixels."""

import numpy as np

from bench.contract import Case, Problem, View
from bench.drr import AttenuationMap, project
from bench.geometry import Camera, PoseFrame, StandardView, nominal_pose
from bench.volume import Volume


def make_case() -> Case:
    """A case whose volume, images and start are the same at every call."""
    random = np.random.default_rng(5)
    grid = np.indices((40, 30, 44)).astype(np.float32)
    hu = np.full(grid.shape[1:], -1000, np.float32)
    for _ in range(12):
        centre = random.uniform(8, 24, 3)
        hu[((grid - centre[:, None, None, None]) ** 2).sum(0) < random.uniform(6, 25)] = random.uniform(200, 900)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = -50.0
    volume = Volume(hu, affine, mask=hu > 0, whole=Volume(hu, affine))
    camera = Camera.centred(sdd_mm=1000.0, height=64, width=64, spacing_mm=3.2)
    centre = volume.content_centre()
    frame = PoseFrame(nominal_pose(StandardView.AP, centre, 700.0), centre)
    truth = frame.pose([4, -3, 2, 5, -4, 15])
    image = project(AttenuationMap.from_volume(volume), truth[None], camera)[0, 0].numpy()
    problem = Problem(
        case_id="toy/000",
        patient_id="toy",
        patient_hash=volume.fingerprint(),
        volume=volume,
        views=(View(camera, image=image),),
        start=frame.pose([0, 2, -3, 0, 3, -5]),
        nominal=frame.nominal,
        centre=centre,
        search=np.array([12.0, 12, 12, 15, 15, 40]),
        seed=11,
    )
    return Case(problem, truth)
