"""DiffDRR: gradient registration as its tutorials set it (NCC of Siddon's DRRs, SGD or Adam)."""

import time
from dataclasses import dataclass

import numpy as np
import torch
import torchvision_operators  # noqa: F401 (before diffdrr, which imports torchvision)
from carm import ORIENTATION, camera_from_world, carm_pose
from diffdrr.data import read
from diffdrr.drr import DRR
from diffdrr.metrics import NormalizedCrossCorrelation2d
from diffdrr.pose import RigidTransform
from diffdrr.registration import Registration
from exchange import Answer, Array, Problem, View
from torchio import ScalarImage

torch.set_num_threads(1)


@dataclass(frozen=True)
class Recipe:
    """``optimiser`` and learning rates (radians, mm).

    ``enough``: NCC at which it stops; ``seconds``: processor time of the search at most; ``best``: the best pose
    seen in place of the last.
    """

    optimiser: str
    rotation_rate: float
    translation_rate: float
    binning: int = 4
    iterations: int = 500
    enough: float = 0.999
    seconds: float = 20.0
    best: bool = False


RECIPES = {
    "sgd": Recipe("SGD", 5e-2, 1e2),
    "adam": Recipe("Adam", 1e-1, 5e0),
    "smaller-steps": Recipe("Adam", 1e-2, 1e0, best=True),
}


def _drr(problem: Problem, view: View) -> tuple[DRR, Array]:
    """The renderer of a view, and the isocentre to which its volume was moved."""
    labels = {} if problem.mask_path is None else {"labelmap": problem.mask_path, "labels": [1]}
    isocentre = np.array(ScalarImage(problem.volume_path).get_center())
    subject = read(problem.volume_path, orientation=ORIENTATION, **labels)
    rows, columns = view.image.shape
    x0, y0 = view.offset_mm
    across, down = view.spacing_mm
    size = (rows, across, columns, down)
    return DRR(subject, view.sdd_mm, *size, x0, y0, stop_gradients_through_grid_sample=True), isocentre


def render(problem: Problem, pose: Array) -> Array:
    """The first view at ``rig_from_world``."""
    view = problem.views[0]
    drr, isocentre = _drr(problem, view)
    with torch.no_grad():
        image = drr(_transform(carm_pose(view.camera_from_rig @ pose, isocentre)))
    return np.asarray(image[0, 0])


def _transform(matrix: Array) -> RigidTransform:
    return RigidTransform(torch.as_tensor(matrix, dtype=torch.float32)[None])


def register(problem: Problem, recipe: str) -> Answer:
    """Search from the start, on the first view."""
    settings = RECIPES[recipe]
    view = problem.views[0].binned(settings.binning)
    drr, isocentre = _drr(problem, view)
    start = carm_pose(view.camera_from_rig @ problem.start, isocentre)
    rotation, translation = _transform(start).convert("euler_angles", "ZXY")
    search = Registration(drr, rotation, translation, parameterization="euler_angles", convention="ZXY")
    fixed = torch.as_tensor(view.image, dtype=torch.float32)[None, None]
    carm, renderings = _optimise(search, fixed, settings)
    return Answer(np.linalg.inv(view.camera_from_rig) @ camera_from_world(carm, isocentre), renderings)


def _optimise(search: Registration, fixed: torch.Tensor, settings: Recipe) -> tuple[Array, int]:
    """The pose of the C-arm, and how many images were rendered."""
    rates = [(search._rotation, settings.rotation_rate), (search._translation, settings.translation_rate)]
    groups = [{"params": [parameter], "lr": rate} for parameter, rate in rates]
    optimiser = getattr(torch.optim, settings.optimiser)(groups, maximize=True)
    similarity = NormalizedCrossCorrelation2d()
    began = time.process_time()
    highest, kept = -np.inf, None
    for number in range(1, settings.iterations + 1):  # noqa: B007 (it is returned)
        optimiser.zero_grad()
        before = search.pose.matrix.detach()
        value = similarity(fixed, search())
        value.backward()
        if float(value) > highest:
            highest, kept = float(value), before
        optimiser.step()
        if float(value) > settings.enough or time.process_time() - began > settings.seconds:
            break
    found = kept if settings.best and kept is not None else search.pose.matrix.detach()
    return found[0].numpy(), number
