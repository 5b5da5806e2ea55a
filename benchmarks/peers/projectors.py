"""Our projector and the peers with one interface: from a scene to images (B, H, W).

Projectors that are not installed are listed. The label of a peer states its step or its number of samples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scene import SDD_MM, Scene

Images = NDArray[np.float32]
Render = Callable[[], Any]


@dataclass(frozen=True)
class Projector:
    """One row.

    Attributes:
        label: As printed.
        needs: Import name of its package; empty for ours.
        model: Reference of its error: trilinear (fine steps) or Siddon (exact).
        kind: Images alone, images with six derivative images (ours), or images with the gradient of one number.
        build: Scene -> a call that renders all poses.
    """

    label: str
    needs: str
    model: Literal["trilinear", "siddon"]
    kind: Literal["image", "derivatives", "gradient"]
    build: Callable[[Scene], Render]

    @property
    def installed(self) -> bool:
        """Whether its package can be found."""
        return not self.needs or find_spec(self.needs) is not None


def _ours(kernel: str) -> Callable[[Scene], Render]:
    from bench.drr import project

    return lambda scene: lambda: project(scene.volume, scene.camera_from_world, scene.camera, kernel=kernel)[:, 0]


def _siddon(scene: Scene) -> Render:
    from bench.drr import project_siddon

    return lambda: project_siddon(scene.volume, scene.camera_from_world, scene.camera)


def _ours_with_derivatives(kernel: str) -> Callable[[Scene], Render]:
    from bench.drr import project_with_jacobian

    def build(scene: Scene) -> Render:
        centre = np.zeros(3)
        return lambda: project_with_jacobian(
            scene.volume, scene.camera_from_world, scene.camera, centre, kernel=kernel
        )[0][:, 0]

    return build


def _diffdrr(*, siddon: bool, samples: int | None, gradient: bool) -> Callable[[Scene], Render]:
    def build(scene: Scene) -> Render:
        import torch
        from diffdrr.renderers import Siddon, Trilinear

        renderer = Siddon() if siddon else Trilinear()
        volume = torch.as_tensor(scene.volume.mu)
        lengths = torch.as_tensor(scene.lengths_mm)[None, None]
        extra = {} if siddon else {"n_points": samples or scene.one_voxel_steps}
        edge = (scene.pixels, scene.pixels)

        def one(source: Any, target: Any) -> Any:
            image = renderer(volume, source, target, lengths.clone(), **extra)
            return image.reshape(*edge)

        return _by_pose(scene, one, gradient=gradient)

    return build


def _by_pose(scene: Scene, one: Callable[[Any, Any], Any], *, gradient: bool) -> Render:
    """Pose by pose: all at once would need gigabytes. With ``gradient``, of the image's sum by source and detector."""
    import torch

    sources = torch.as_tensor(scene.rays.sources, dtype=torch.float32)[:, None, None]
    targets = torch.as_tensor(scene.targets, dtype=torch.float32)[:, None]

    def call() -> Any:
        images: list[Any] = []
        for source, target in zip(sources, targets, strict=True):
            shift = torch.zeros(3, requires_grad=gradient)
            image = one(source + shift, target + shift)
            if gradient:
                image.square().sum().backward()
            images.append(image.detach())
        return torch.stack(images)

    return call


def _nanodrr(*, gradient: bool) -> Callable[[Scene], Render]:
    def build(scene: Scene) -> Render:
        import torch
        from nanodrr.data.subject import Subject
        from nanodrr.drr import render

        data = torch.as_tensor(scene.volume.mu).permute(2, 1, 0)[None, None].contiguous()
        affine = torch.as_tensor(scene.volume.affine, dtype=torch.float32)
        size = torch.tensor(scene.volume.shape, dtype=torch.float32)
        to_grid = torch.eye(4)
        to_grid[:3, :3], to_grid[:3, 3] = torch.diag(2 / size), 1 / size - 1
        subject = Subject(
            data, torch.zeros_like(data), affine, torch.linalg.inv(affine), to_grid, torch.zeros(3), convert_to_mu=False
        )
        # Its pixel (0, 0) has its centre at (0.5, 0.5).
        shifted = scene.camera.K + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
        inverse = torch.as_tensor(np.linalg.inv(shifted), dtype=torch.float32)[None]
        world = torch.as_tensor(np.linalg.inv(scene.camera_from_world), dtype=torch.float32)
        sdd = torch.tensor([SDD_MM])

        def call() -> Any:
            images: list[Any] = []
            for pose in world:
                asked = pose[None].clone().requires_grad_(gradient)
                image = render(
                    subject, inverse, asked, sdd, scene.pixels, scene.pixels, scene.one_voxel_steps, backend="torch"
                )
                if gradient:
                    image.square().sum().backward()
                images.append(image.detach()[0, 0])
            return torch.stack(images)

        return call

    return build


def _rtk(scene: Scene) -> Render:
    import itk

    kind = itk.Image[itk.F, 3]
    # RTK's index order is (x, y, z) with x fastest, as NumPy's [z, y, x].
    volume = itk.image_from_array(np.ascontiguousarray(scene.volume.mu.transpose(2, 1, 0)))
    volume.SetSpacing([float(scene.volume.affine[axis, axis]) for axis in range(3)])
    volume.SetOrigin([float(each) for each in scene.volume.affine[:3, 3]])
    geometry = itk.RTK.ThreeDCircularProjectionGeometry.New()
    for pose in scene.camera_from_world:
        world = np.linalg.inv(pose)
        rows, columns = world[:3, 0], world[:3, 1]
        source, detector = world[:3, 3], world[:3, 3] + SDD_MM * world[:3, 2]
        geometry.AddProjection(*([float(each) for each in vector] for vector in (source, detector, rows, columns)))
    spacing = 204.8 / scene.pixels
    empty = np.zeros((len(scene.camera_from_world), scene.pixels, scene.pixels), dtype=np.float32)
    stack = itk.image_from_array(empty)
    stack.SetSpacing([spacing, spacing, 1.0])
    stack.SetOrigin([-spacing * (scene.pixels - 1) / 2] * 2 + [0.0])
    projector = itk.RTK.JosephForwardProjectionImageFilter[kind, kind].New()
    projector.InPlaceOff()
    projector.SetGeometry(geometry)
    projector.SetInput(0, stack)
    projector.SetInput(1, volume)

    def call() -> Any:
        projector.Modified()
        projector.Update()
        return itk.array_from_image(projector.GetOutput())

    return call


PROJECTORS = (
    Projector("fluorobench Joseph", "", "trilinear", "image", _ours("joseph")),
    Projector("fluorobench separable", "", "trilinear", "image", _ours("separable")),
    Projector("fluorobench Siddon", "", "siddon", "image", _siddon),
    Projector("ITK-RTK Joseph", "itk", "trilinear", "image", _rtk),
    Projector(
        "nanodrr (CPU), one-voxel step", "nanodrr", "trilinear", "image", _nanodrr(gradient=False)
    ),
    Projector(
        "DiffDRR trilinear, one-voxel step", "diffdrr", "trilinear", "image",
        _diffdrr(siddon=False, samples=None, gradient=False),
    ),
    Projector(
        "DiffDRR trilinear, 500 samples", "diffdrr", "trilinear", "image",
        _diffdrr(siddon=False, samples=500, gradient=False),
    ),
    Projector(
        "DiffDRR Siddon", "diffdrr", "siddon", "image", _diffdrr(siddon=True, samples=None, gradient=False)
    ),
    Projector(
        "fluorobench Joseph, 6 derivatives", "", "trilinear", "derivatives", _ours_with_derivatives("joseph")
    ),
    Projector(
        "fluorobench separable, 6 derivatives", "", "trilinear", "derivatives", _ours_with_derivatives("separable")
    ),
    Projector(
        "nanodrr, gradient of one number", "nanodrr", "trilinear", "gradient", _nanodrr(gradient=True)
    ),
    Projector(
        "DiffDRR trilinear, gradient of one number", "diffdrr", "trilinear", "gradient",
        _diffdrr(siddon=False, samples=None, gradient=True),
    ),
    Projector(
        "DiffDRR Siddon, gradient of one number", "diffdrr", "siddon", "gradient",
        _diffdrr(siddon=True, samples=None, gradient=True),
    ),
)  # fmt: skip
