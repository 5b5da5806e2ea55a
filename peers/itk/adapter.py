"""ITK's TwoProjectionRegistration: Powell's method on the NCC of Siddon-Jacobs DRRs, as its example sets it.

The tool's rig: both sources at one distance from an isocentre, on a circle about the volume frame's z axis, both
detectors' normals through the isocentre. Two general views are brought into it exactly: an isocentre at equal distance
from both sources, the z axis normal to the plane of the three, and the images resampled as cameras with these axes and
the same sources see them. One view is that of a rig whose second image is empty and adds nothing.
"""

from dataclasses import dataclass

import itk
import numpy as np
from exchange import Answer, Array, Problem, View
from scipy.ndimage import map_coordinates

_IMAGE = itk.Image[itk.F, 3]
_DEGREE = np.pi / 180
# Axes of our camera in the tool's room: at angle 0 it looks along y, x to the right and z up.
_CAMERA_FROM_ROOM = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0.0]])
_EMPTY_PIXELS = 2


@dataclass(frozen=True)
class Recipe:
    """The example's settings of Powell's method; ``attenuation``: the volume as attenuation in place of HU above 0."""

    iterations: int = 10
    line_iterations: int = 4
    step: float = 4.0
    step_tolerance: float = 0.02
    value_tolerance: float = 0.001
    binning: int = 2
    attenuation: bool = False


RECIPES = {"example": Recipe(), "attenuation": Recipe(attenuation=True)}


@dataclass(frozen=True)
class Camera:
    """A view as the tool wants it: ``angle`` of its source about z (radians), image (our row order) and K."""

    angle: float
    image: Array
    K: Array


@dataclass(frozen=True)
class Rig:
    """``room_from_rig``: 4x4, the isocentre at the origin; ``distance_mm``: from the sources to it."""

    cameras: tuple[Camera, ...]
    distance_mm: float
    room_from_rig: Array


def _rigid(rotation: Array, translation: Array) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, translation
    return matrix


def _rig(problem: Problem, binning: int) -> Rig:
    views = [view.binned(binning) for view in problem.views[:2]]
    middle = problem.nominal[:3, :3] @ problem.centre + problem.nominal[:3, 3]
    return _one_view(views[0], middle) if len(views) == 1 else _two_views(views, middle)


def _one_view(view: View, middle: Array) -> Rig:
    """The isocentre on the principal ray, in the depth of the nominal pose; images stay as they are."""
    distance = float((view.camera_from_rig[:3, :3] @ middle + view.camera_from_rig[:3, 3])[2])
    camera_from_room = _rigid(_CAMERA_FROM_ROOM, np.array([0, 0, distance]))
    room_from_rig = np.linalg.inv(camera_from_room) @ view.camera_from_rig
    nothing = Camera(0.0, np.zeros((_EMPTY_PIXELS, _EMPTY_PIXELS)), view.K)
    return Rig((Camera(0.0, view.image, view.K), nothing), distance, room_from_rig)


def _two_views(views: list[View], middle: Array) -> Rig:
    """The isocentre near the middle of the volume at equal distance from both sources."""
    sources = [np.linalg.inv(view.camera_from_rig)[:3, 3] for view in views]
    apart = sources[0] - sources[1]
    apart /= np.linalg.norm(apart)
    isocentre = middle - ((middle - (sources[0] + sources[1]) / 2) @ apart) * apart
    distance = float(np.linalg.norm(sources[0] - isocentre))
    y = (isocentre - sources[0]) / distance
    z = np.cross(apart, y)
    z *= -np.sign(z @ views[0].camera_from_rig[1, :3]) / np.linalg.norm(z)
    room = np.stack([np.cross(y, z), y, z])
    cameras = [
        _turned(view, room, float(np.arctan2(*((room @ (source - isocentre))[:2] * [1, -1]))))
        for view, source in zip(views, sources, strict=True)
    ]
    return Rig(tuple(cameras), distance, _rigid(room, -room @ isocentre))


def _turned(view: View, room: Array, angle: float) -> Camera:
    """The view as a camera at the same source sees it whose normal meets the isocentre."""
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    real_from_turned = view.camera_from_rig[:3, :3] @ (_CAMERA_FROM_ROOM @ turn @ room).T
    rows, columns = view.image.shape
    K = view.K.copy()
    seen = real_from_turned.T @ np.linalg.inv(view.K) @ [(columns - 1) / 2, (rows - 1) / 2, 1]
    K[:2, 2] = (np.array([columns, rows]) - 1) / 2 - view.K[[0, 1], [0, 1]] * seen[:2] / seen[2]
    v, u = np.indices((rows, columns))
    at = view.K @ real_from_turned @ np.linalg.inv(K) @ np.stack([u.ravel(), v.ravel(), np.ones(u.size)])
    image = map_coordinates(view.image, [at[1] / at[2], at[0] / at[2]], order=1, cval=float(view.image.min()))
    return Camera(angle, image.reshape(rows, columns), K)


class Tool:
    """The tool's parts for a problem."""

    def __init__(self, problem: Problem, recipe: Recipe) -> None:
        self._rig = _rig(problem, recipe.binning)
        spacing = np.linalg.norm(problem.world_from_index[:3, :3], axis=0)
        values = problem.mu if recipe.attenuation else problem.hu
        self._volume = itk.image_from_array(np.ascontiguousarray(values.T.astype(np.float32)))
        self._volume.SetSpacing(spacing.tolist())
        # Its rays meet voxel i between i and i + 1 spacings from the origin.
        turned = problem.world_from_index[:3, :3] / spacing
        corner = problem.world_from_index[:3, 3] - turned @ (spacing / 2)
        self._world_from_volume = _rigid(turned, corner)
        self._centre = turned.T @ (problem.centre - corner)
        self.transform = itk.Euler3DTransform[itk.D].New()
        self.transform.SetComputeZYX(True)
        self.transform.SetCenter(self._centre.tolist())
        self.interpolators = [self._interpolator(camera) for camera in self._rig.cameras]
        self.fixed = [self._fixed(camera) for camera in self._rig.cameras]

    def _interpolator(self, camera: Camera) -> object:
        made = itk.SiddonJacobsRayCastInterpolateImageFunction[_IMAGE, itk.D].New()
        made.SetProjectionAngle(camera.angle)
        made.SetFocalPointToIsocenterDistance(self._rig.distance_mm)
        made.SetThreshold(0.0)
        made.SetTransform(self.transform)
        made.Initialize()
        return made

    def _fixed(self, camera: Camera) -> object:
        """The image from below upwards, in the plane of the isocentre."""
        image = itk.image_from_array(np.ascontiguousarray(camera.image[None, ::-1].astype(np.float32)))
        across, down = self._rig.distance_mm / camera.K[[0, 1], [0, 1]]
        image.SetSpacing([across, down, 1.0])
        below = camera.image.shape[0] - 1 - camera.K[1, 2]
        image.SetOrigin([-camera.K[0, 2] * across, -below * down, -self._rig.distance_mm])
        return image

    def place(self, rig_from_world: Array) -> None:
        """Set the transform to a pose."""
        moved = self._rig.room_from_rig @ rig_from_world @ self._world_from_volume
        left, _, right = np.linalg.svd(moved[:3, :3])  # the tool takes no rounded rotation
        self.transform.SetMatrix(itk.matrix_from_array(left @ right))
        self.transform.SetTranslation((moved[:3, :3] @ self._centre + moved[:3, 3]).tolist())

    def pose(self) -> Array:
        """Of the transform."""
        turned = itk.array_from_matrix(self.transform.GetMatrix())
        moved = _rigid(turned, np.array(self.transform.GetTranslation()) - turned @ self._centre)
        return np.linalg.inv(self._rig.room_from_rig) @ moved @ np.linalg.inv(self._world_from_volume)

    @property
    def volume(self) -> object:
        """With its origin at zero."""
        return self._volume


def render(problem: Problem, pose: Array) -> Array:
    """The first view at ``rig_from_world``."""
    tool = Tool(problem, Recipe(binning=1, attenuation=True))
    tool.place(pose)
    tool.interpolators[0].Initialize()
    resample = itk.ResampleImageFilter[_IMAGE, _IMAGE].New()
    resample.SetInput(tool.volume)
    resample.SetInterpolator(tool.interpolators[0])
    resample.SetReferenceImage(tool.fixed[0])
    resample.UseReferenceImageOn()
    resample.Update()
    return np.array(itk.array_view_from_image(resample.GetOutput())[0, ::-1])


def register(problem: Problem, recipe: str) -> Answer:
    """Search from the start, on one or two views."""
    settings = RECIPES[recipe]
    tool = Tool(problem, settings)
    tool.place(problem.start)
    metric = itk.NormalizedCorrelationTwoImageToOneImageMetric[_IMAGE, _IMAGE].New()
    metric.ComputeGradientOff()
    metric.SetSubtractMean(True)
    optimiser = itk.PowellOptimizer.New()
    optimiser.SetMaximize(False)
    optimiser.SetMaximumIteration(settings.iterations)
    optimiser.SetMaximumLineIteration(settings.line_iterations)
    optimiser.SetStepLength(settings.step)
    optimiser.SetStepTolerance(settings.step_tolerance)
    optimiser.SetValueTolerance(settings.value_tolerance)
    # One degree counts like one millimetre.
    optimiser.SetScales(itk.OptimizerParameters[itk.D]([1 / _DEGREE] * 3 + [1.0] * 3))
    method = itk.TwoProjectionImageRegistrationMethod[_IMAGE, _IMAGE].New()
    method.SetMetric(metric)
    method.SetOptimizer(optimiser)
    method.SetTransform(tool.transform)
    method.SetInterpolator1(tool.interpolators[0])
    method.SetInterpolator2(tool.interpolators[1])
    method.SetFixedImage1(tool.fixed[0])
    method.SetFixedImage2(tool.fixed[1])
    method.SetMovingImage(tool.volume)
    method.SetFixedImageRegion1(tool.fixed[0].GetBufferedRegion())
    method.SetFixedImageRegion2(tool.fixed[1].GetBufferedRegion())
    method.SetInitialTransformParameters(tool.transform.GetParameters())
    method.StartRegistration()
    tool.transform.SetParameters(method.GetLastTransformParameters())
    return Answer(tool.pose(), 0)
