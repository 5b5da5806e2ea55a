"""The projector as a differentiable function of the pose, twice where second derivatives exist.

The volume moves by a twist (omega, v) in camera axes about a point; the six derivative images J of that twist carry
every derivative. The vector-Jacobian product <w, J> is linear in the incoming gradient w, so its derivative with
respect to w is a Jacobian-vector product with the same images: this is all that training through a pose gradient needs
(SOPI eq. 7, ProST). The derivative of J with respect to the pose is not computed; asking for it raises.
"""

from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from bench.drr.attenuation import AttenuationMap
from bench.drr.project import project, project_with_jacobian
from bench.drr.rays import Grid, ProjectionError
from bench.drr.reference import project_reference
from bench.drr.reference_jacobian import project_reference_with_jacobian
from bench.geometry import Camera, Matrix


def project_differentiable(
    attenuation: AttenuationMap, camera_from_world: Tensor, camera: Camera, *, kernel: str = "auto"
) -> Tensor:
    """``project`` with a pose gradient; the volume is constant: no graph goes through it.

    The leaf is usually theta: ``project_differentiable(a, pose_from_theta(theta, frame), camera)``. The gradient with
    respect to the matrix is the one whose product with any rigid motion of it is right; other motions have no meaning.
    With ``create_graph=True`` that gradient can be differentiated with respect to what made the incoming gradient:
    call ``backward(inputs=parameters)`` or ``torch.autograd.grad(..., parameters)``, which leaves the pose out.

    Args:
        attenuation: The volume.
        camera_from_world: (B, 4, 4), rigid, mm; float64 is advised.
        camera: Intrinsics.
        kernel: As of ``project``. The reference computes and answers in the poses' own type.

    Returns:
        (B, 1, H, W), float32 but for the reference, on the poses' device.

    Raises:
        ProjectionError: As ``project``; in a backward pass, a second derivative with respect to the pose is requested.
    """
    renderer = _Renderer(attenuation, camera, kernel)
    if not (torch.is_grad_enabled() and camera_from_world.requires_grad):
        return renderer.images(camera_from_world)
    return attach(camera_from_world, renderer)


class Renderer(Protocol):
    """Renders images and derivative images of a volume at poses."""

    @property
    def centre(self) -> Matrix:
        """The world point, mm, that the twist of the derivatives turns about."""
        ...

    def with_jacobian(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) and derivatives (B, C, 6, H, W), without a graph."""
        ...


def attach(poses: Tensor, renderer: Renderer, origin: Tensor | None = None) -> Tensor:
    """Render images (B, C, H, W) as a node of autograd's graph.

    Args:
        poses: (B, 4, 4).
        renderer: Makes the images.
        origin: (B, C, 7, H, W) where the volume requires a gradient: it receives the gradient by the image and by its
            six derivatives, and makes a volume's gradient of them. Its values are not read.
    """
    return cast(Tensor, apply(_Projection, poses, without_gradient(poses), origin, renderer)[0])


def without_gradient(poses: Tensor) -> Tensor:
    """The same poses, with an error in place of their gradient."""
    return cast(Tensor, apply(_RaiseOnBackward, poses))


def apply(function: type[torch.autograd.Function], *inputs: Any) -> Any:
    """Call an autograd function: torch's ``apply`` is untyped."""
    return cast(Any, function).apply(*inputs)


class _Renderer:
    """A volume seen by a camera through one kernel: images and derivative images about the volume's centre."""

    def __init__(self, attenuation: AttenuationMap, camera: Camera, kernel: str) -> None:
        self._attenuation, self._camera, self._kernel = attenuation, camera, kernel
        # Any centre gives the same gradient; near the volume, rotations and translations are the least correlated.
        self.centre: Matrix = middle_of(attenuation)

    def images(self, poses: Tensor) -> Tensor:
        if self._kernel == "reference":
            arrays = self._attenuation, poses.detach().cpu().numpy(), self._camera
            return project_reference(*arrays, dtype=poses.dtype).to(poses.device)
        return project(self._attenuation, poses.detach(), self._camera, kernel=self._kernel).to(poses.device)

    def with_jacobian(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        if self._kernel == "reference":
            arrays = self._attenuation, poses.detach().cpu().numpy(), self._camera, self.centre
            images, derivatives = project_reference_with_jacobian(*arrays, dtype=poses.dtype)
        else:
            arguments = self._attenuation, poses.detach(), self._camera, self.centre
            images, derivatives = project_with_jacobian(*arguments, kernel=self._kernel)
        return images.to(poses.device), derivatives[:, None].to(poses.device)


def middle_of(grid: Grid) -> Matrix:
    """The world point, mm, in the middle of a grid."""
    middle: Matrix = grid.affine[:3, :3] @ ((np.array(grid.shape) - 1) / 2) + grid.affine[:3, 3]
    return middle


class _Projection(torch.autograd.Function):
    """Pose -> image and derivative images; only the image's share of a gradient is passed to the pose."""

    @staticmethod
    def forward(
        ctx: Any, poses: Tensor, guarded: Tensor, origin: Tensor | None, renderer: Renderer
    ) -> tuple[Tensor, Tensor]:
        images, derivatives = renderer.with_jacobian(poses)
        ctx.set_materialize_grads(False)
        ctx.centre, ctx.has_origin = renderer.centre, origin is not None
        ctx.save_for_backward(poses, derivatives)
        return images, derivatives

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        by_image, by_derivatives = gradients
        poses, derivatives = ctx.saved_tensors
        to_pose = to_origin = None
        if by_image is not None and ctx.needs_input_grad[0]:
            by_twist = torch.einsum("bckhw,bchw->bk", derivatives, by_image)
            to_pose = gradient_of_pose(by_twist.to(poses.dtype), poses, ctx.centre)
        if ctx.has_origin:
            to_origin = _side_by_side(by_image, by_derivatives)
        # Anything but None calls the guard, which raises where the pose's own gradient is requested.
        return to_pose, None if by_derivatives is None else torch.zeros_like(poses), to_origin, None


def _side_by_side(by_image: Tensor | None, by_derivatives: Tensor | None) -> Tensor | None:
    """Gradients by image and by derivative images as (B, C, 7, H, W); zeros for the one that is missing."""
    if by_derivatives is None:
        return None if by_image is None else torch.nn.functional.pad(by_image[:, :, None], (0, 0, 0, 0, 0, 6))
    first = torch.zeros_like(by_derivatives[:, :, :1]) if by_image is None else by_image[:, :, None]
    return torch.cat([first, by_derivatives], dim=2)


class _RaiseOnBackward(torch.autograd.Function):
    """The identity, with no derivative: autograd enters it only if the pose's own gradient is wanted."""

    @staticmethod
    def forward(ctx: Any, poses: Tensor) -> Tensor:
        ctx.set_materialize_grads(False)
        return poses.view_as(poses)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> None:
        if gradients[0] is not None:
            raise ProjectionError(
                "the projector has no second derivative with respect to the pose; expected gradients of the pose "
                "gradient by other tensors alone; name them: backward(inputs=parameters)"
            )


def gradient_of_pose(by_twist: Tensor, poses: Tensor, centre: Matrix) -> Tensor:
    """The gradient (B, 4, 4) by the matrix entries whose product with every rigid motion is the twist gradient's.

    A motion dR = [omega] R, dt = v - omega x (R c) belongs to the twist (omega, v) about c, camera axes.

    Args:
        by_twist: (B, 6): by omega in radians, by v in mm.
        poses: (B, 4, 4).
        centre: c, a world point, mm.
    """
    rotation = poses[:, :3, :3]
    arm = rotation @ torch.as_tensor(centre).to(poses)
    by_shift = by_twist[:, 3:]
    x, y, z = (by_twist[:, :3] + torch.cross(arm, by_shift, dim=-1)).unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(-1, 3, 3)
    upper = torch.cat([skew @ rotation / 2, by_shift[..., None]], dim=-1)
    return torch.cat([upper, torch.zeros_like(upper[:, :1])], dim=-2)
