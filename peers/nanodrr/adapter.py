"""nanodrr: gradient registration as its tutorial sets it (NCC, Adam on a perturbation of the start)."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from exchange import RAS_FROM_LPS, Answer, Array, Problem, View
from nanodrr.camera import make_k_inv
from nanodrr.data import Subject
from nanodrr.drr import render as render_drr
from nanodrr.metrics import NormalizedCrossCorrelation2d
from nanodrr.registration import Registration
from torchio import ScalarImage

torch.set_num_threads(1)
# The perturbation starts at random numbers of the size 1e-8.
torch.manual_seed(0)
HU_BONE = 1000.0


@dataclass(frozen=True)
class Recipe:
    """Learning rates of Adam (radians, mm).

    ``enough``: NCC at which it stops; ``seconds``: processor time of the search at most; ``samples``: on each ray;
    ``linear``: attenuation proportional to 1 + HU / 1000 as in the problem, not the tool's steeper line above water;
    ``best``: the best pose seen in place of the last.
    """

    rotation_rate: float
    translation_rate: float
    binning: int = 4
    iterations: int = 500
    enough: float = 0.999
    seconds: float = 20.0
    samples: int = 500
    linear: bool = False
    best: bool = False


RECIPES = {
    "tutorial": Recipe(5e-2, 1e1),
    "smaller-steps": Recipe(1e-2, 1e0, samples=100, linear=True, best=True),
}


def _subject(problem: Problem, *, linear: bool) -> Subject:
    image = ScalarImage(tensor=torch.as_tensor(problem.hu)[None], affine=problem.ras_from_index)
    law = {"mu_water": problem.mu_water, "mu_bone": 2 * problem.mu_water, "hu_bone": HU_BONE} if linear else {}
    return Subject.from_images(image, **law)


def _camera(view: View) -> tuple[torch.Tensor, torch.Tensor]:
    """Inverse intrinsic matrix and source-detector distance."""
    rows, columns = view.image.shape
    return make_k_inv(view.sdd_mm, *view.spacing_mm, *view.offset_mm, rows, columns), torch.tensor([view.sdd_mm])


def _world_from_camera(problem: Problem, view: View, pose: Array) -> torch.Tensor:
    """1 x 4 x 4; their camera is ours, their world is RAS."""
    matrix = RAS_FROM_LPS @ np.linalg.inv(view.camera_from_rig @ pose)
    return torch.as_tensor(matrix, dtype=torch.float32)[None]


def render(problem: Problem, pose: Array) -> Array:
    """The first view at ``rig_from_world``."""
    view = problem.views[0]
    k_inv, sdd = _camera(view)
    with torch.no_grad():
        image = render_drr(
            _subject(problem, linear=False), k_inv, _world_from_camera(problem, view, pose), sdd, *view.image.shape
        )
    return np.asarray(image[0, 0])


def register(problem: Problem, recipe: str) -> Answer:
    """Search from the start, on the first view."""
    settings = RECIPES[recipe]
    view = problem.views[0].binned(settings.binning)
    k_inv, sdd = _camera(view)
    start = _world_from_camera(problem, view, problem.start)
    search = Registration(_subject(problem, linear=settings.linear), start, k_inv, sdd, *view.image.shape)
    fixed = torch.as_tensor(view.image, dtype=torch.float32)[None, None]
    world_from_camera, renderings = _optimise(search, fixed, settings)
    camera_from_world = np.linalg.inv(world_from_camera) @ RAS_FROM_LPS
    return Answer(np.linalg.inv(view.camera_from_rig) @ camera_from_world, renderings)


def _optimise(search: Registration, fixed: torch.Tensor, settings: Recipe) -> tuple[Array, int]:
    """world_from_camera (RAS), and how many images were rendered."""
    rates = [(search._rot, settings.rotation_rate), (search._xyz, settings.translation_rate)]
    optimiser = torch.optim.Adam([{"params": [parameter], "lr": rate} for parameter, rate in rates], maximize=True)
    similarity = NormalizedCrossCorrelation2d()
    began = time.process_time()
    highest, kept = -np.inf, search.pose.detach()
    for number in range(1, settings.iterations + 1):  # noqa: B007 (it is returned)
        optimiser.zero_grad()
        before = search.pose.detach()
        value = similarity(fixed, search(n_samples=settings.samples))
        value.backward()
        if float(value) > highest:
            highest, kept = float(value), before
        optimiser.step()
        if float(value) > settings.enough or time.process_time() - began > settings.seconds:
            break
    found = kept if settings.best else search.pose.detach()
    return found[0].double().numpy(), number
