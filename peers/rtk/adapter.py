"""RTK's forward projection (Joseph) under CMA-ES: a plain baseline, with settings of our own."""

from dataclasses import dataclass

import itk
import numpy as np
from cmaes import CMA
from exchange import Answer, Array, Problem, View
from scipy.spatial.transform import Rotation

itk.MultiThreaderBase.SetGlobalMaximumNumberOfThreads(1)
itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(1)
_IMAGE = itk.Image[itk.F, 3]
# RTK's fixed frame at gantry angle 0: the source on +z, the detector below, rows of the projection along +y.
_SOURCE_MM = 1000.0
_FIXED_FROM_CAMERA = np.array([[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, _SOURCE_MM], [0, 0, 0, 1.0]])


@dataclass(frozen=True)
class Recipe:
    """CMA-ES on NCC: first step as a share of the search range, population, generations, binning by stage."""

    sigma: float = 0.3
    population: int = 16
    stages: tuple[tuple[int, int, float], ...] = ((8, 40, 0.3), (4, 40, 0.05))


RECIPES = {"cma-es": Recipe()}


class Projector:
    """Renders a view; the volume is placed in RTK's fixed frame, whose geometry stays."""

    def __init__(self, problem: Problem, view: View) -> None:
        self.renderings = 0
        self._view = view
        self._world_from_index = problem.world_from_index
        self._volume = itk.image_from_array(np.ascontiguousarray(problem.mu.T.astype(np.float32)))
        geometry = itk.RTK.ThreeDCircularProjectionGeometry.New()
        geometry.AddProjection(_SOURCE_MM, view.sdd_mm, 0.0)
        rows, columns = view.image.shape
        self._filter = itk.RTK.JosephForwardProjectionImageFilter[_IMAGE, _IMAGE].New()
        self._filter.SetGeometry(geometry)
        self._filter.InPlaceOff()
        self._filter.SetInput(0, self._blank(rows, columns))

    def _blank(self, rows: int, columns: int) -> object:
        """An empty stack of one projection, its last row (ours) first."""
        (across, down), K = self._view.spacing_mm, self._view.K
        blank = itk.image_from_array(np.zeros((1, rows, columns), dtype=np.float32))
        blank.SetSpacing([across, down, 1.0])
        blank.SetOrigin([-K[0, 2] * across, (K[1, 2] - (rows - 1)) * down, 0.0])
        return blank

    def __call__(self, rig_from_world: Array) -> Array:
        """The image in our order of rows."""
        self.renderings += 1
        fixed_from_index = _FIXED_FROM_CAMERA @ self._view.camera_from_rig @ rig_from_world @ self._world_from_index
        spacing = np.linalg.norm(fixed_from_index[:3, :3], axis=0)
        self._volume.SetSpacing(spacing.tolist())
        self._volume.SetOrigin(fixed_from_index[:3, 3].tolist())
        self._volume.SetDirection(itk.matrix_from_array(np.ascontiguousarray(fixed_from_index[:3, :3] / spacing)))
        self._filter.SetInput(1, self._volume)
        self._filter.Modified()
        self._filter.Update()
        return np.array(itk.array_view_from_image(self._filter.GetOutput())[0, ::-1])


def render(problem: Problem, pose: Array) -> Array:
    """The first view at ``rig_from_world``."""
    return Projector(problem, problem.views[0])(pose)


def _posed(problem: Problem, theta: Array) -> Array:
    """The nominal pose turned by theta[:3] (degrees) about the centre and shifted by theta[3:] (mm)."""
    nominal, centre = problem.nominal, problem.centre
    pose = nominal.copy()
    pose[:3, :3] = Rotation.from_euler("XYZ", theta[:3], degrees=True).as_matrix() @ nominal[:3, :3]
    pose[:3, 3] = nominal[:3, :3] @ centre + nominal[:3, 3] + theta[3:] - pose[:3, :3] @ centre
    return pose


def _parameters(problem: Problem, pose: Array) -> Array:
    """The inverse of ``_posed``."""
    turned = pose[:3, :3] @ problem.nominal[:3, :3].T
    moved = (pose - problem.nominal)[:3, :3] @ problem.centre + (pose - problem.nominal)[:3, 3]
    return np.concatenate([Rotation.from_matrix(turned).as_euler("XYZ", degrees=True), moved])


def register(problem: Problem, recipe: str) -> Answer:
    """Search the stated range from the start, on the first view, coarse to fine."""
    settings = RECIPES[recipe]
    found = np.clip(_parameters(problem, problem.start) / problem.search, -1, 1)
    renderings = 0
    for binning, generations, sigma in settings.stages:
        view = problem.views[0].binned(binning)
        projector = Projector(problem, view)
        search = CMA(
            mean=found, sigma=sigma, bounds=np.tile([-1.0, 1.0], (6, 1)), population_size=settings.population, seed=0
        )
        found = _search(
            search, lambda unit, image=projector: image(_posed(problem, unit * problem.search)), view.image, generations
        )
        renderings += projector.renderings
    return Answer(_posed(problem, found * problem.search), renderings)


def _search(search: CMA, image: object, fixed: Array, generations: int) -> Array:
    """The best point that CMA-ES saw."""
    lowest, best = np.inf, search.mean
    for _ in range(generations):
        told = []
        for _ in range(search.population_size):
            unit = search.ask()
            cost = _dissimilarity(image(unit), fixed)
            told.append((unit, cost))
            if cost < lowest:
                lowest, best = cost, unit
        search.tell(told)
    return best


def _dissimilarity(image: Array, fixed: Array) -> float:
    """Negative NCC; 1 for an empty image."""
    return -float(np.corrcoef(image.ravel(), fixed.ravel())[0, 1]) if image.std() > 0 else 1.0
