"""The scene that every projector renders: one volume, one detector, some poses."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bench.drr import AttenuationMap
from bench.drr.rays import Rays, trace_rays
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, compose, nominal_pose

EDGE_MM = 256.0
# That of the protocol sopi-sim, which cannot be read here: the environment of the peers lacks pydantic.
SDD_MM = 1011.7
DEPTH_MM = 700.0


@dataclass(frozen=True)
class Scene:
    """A textured body with a bony column in a cube of 256 mm; poses by turns AP and lateral.

    Attributes:
        voxels: Along each edge.
        pixels: Along each edge of a detector of 204.8 mm.
        poses: How many.
    """

    voxels: int
    pixels: int
    poses: int = 4

    @property
    def name(self) -> str:
        """Such as ``128^3 to 256^2``."""
        return f"{self.voxels}^3 to {self.pixels}^2"

    @cached_property
    def volume(self) -> AttenuationMap:
        """Attenuation; every ray crosses the whole box."""
        ramp = np.linspace(-1, 1, self.voxels)
        x, y, z = np.meshgrid(ramp, ramp, ramp, indexing="ij")
        mu = np.where((x / 0.8) ** 2 + (y / 0.6) ** 2 < 1, 0.02, 0.0)
        for level in range(-3, 4):
            bone = (x / 0.18) ** 2 + ((y - 0.2) / 0.15) ** 2 + ((z - 0.28 * level) / 0.11) ** 2 < 1
            mu = mu + 0.02 * bone
        texture = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=mu.shape), 1.0)
        spacing = EDGE_MM / self.voxels
        affine = compose(np.eye(3) * spacing, np.full(3, -spacing * (self.voxels - 1) / 2))
        return AttenuationMap(np.ascontiguousarray(mu * (1 + 0.5 * texture).clip(0), dtype=np.float32), affine)

    @cached_property
    def camera(self) -> Camera:
        """The detector."""
        spacing = 204.8 / self.pixels
        return Camera.centred(sdd_mm=SDD_MM, height=self.pixels, width=self.pixels, spacing_mm=spacing)

    @cached_property
    def camera_from_world(self) -> Matrix:
        """(B, 4, 4), scattered by 10 degrees and 8 mm."""
        random = np.random.default_rng(1)
        views = [StandardView.AP, StandardView.LATERAL] * ((self.poses + 1) // 2)
        frames = [PoseFrame(nominal_pose(view, np.zeros(3), DEPTH_MM), np.zeros(3)) for view in views[: self.poses]]
        spread = [[10.0], [8.0]]
        return np.stack([frame.pose((random.normal(size=(2, 3)) * spread).ravel()) for frame in frames])

    @cached_property
    def rays(self) -> Rays:
        """Sources and directions in voxel indices."""
        return trace_rays(self.volume, self.camera_from_world, self.camera)

    @cached_property
    def pixel_grid(self) -> Matrix:
        """(3, H * W): (u, v, 1) of every pixel, row by row."""
        v, u = np.meshgrid(np.arange(self.pixels), np.arange(self.pixels), indexing="ij")
        return np.stack([u.ravel(), v.ravel(), np.ones(u.size)]).astype(np.float64)

    @cached_property
    def targets(self) -> Matrix:
        """(B, H * W, 3): the detector's pixels, voxel indices."""
        reach = SDD_MM * self.rays.directions @ self.pixel_grid
        return np.asarray(self.rays.sources[:, None] + reach.transpose(0, 2, 1))

    @cached_property
    def lengths_mm(self) -> NDArray[np.float32]:
        """(H * W,): from source to each pixel."""
        return np.asarray(SDD_MM * np.linalg.norm(self.rays.camera_from_pixel @ self.pixel_grid, axis=0), np.float32)

    @cached_property
    def one_voxel_steps(self) -> int:
        """Samples of a ray at steps of about one voxel across the box's diagonal view."""
        return round(1.35 * self.voxels)
