"""The feature volume: what the 3D branch makes of a patient, and how it is projected."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bench.drr import AttenuationMap, project_features
from bench.drr.features import require_finite
from bench.geometry import Camera, Matrix
from bench.register.pyramid import coarsened

from .network import RegiNet

# Attenuation per mm that becomes 1: dense trabecular bone at 60 keV.
_BONE_PER_MM = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class FeatureVolume:
    """Channels on a patient's grid.

    Attributes:
        channels: (3, I, J, K).
        affine: world_from_index.
        finite: The channels are known to be finite: they are not looked through at every projection.
    """

    channels: Tensor
    affine: Matrix
    finite: bool = False

    def checked(self) -> "FeatureVolume":
        """The same volume, whose channels are looked through now and no more.

        Raises:
            ProjectionError: Some are not finite.
        """
        require_finite(self.channels)
        return replace(self, finite=True)

    def project(self, camera_from_world: Tensor, camera: Camera) -> Tensor:
        """(B, 3, H, W); differentiable by poses and channels."""
        return project_features(self.channels, self.affine, camera_from_world, camera, finite=self.finite)


def coarsening(attenuation: AttenuationMap, longest: int) -> int:
    """Edge of the blocks of voxels that leave ``longest`` along the longest axis at most."""
    return int(np.ceil(max(attenuation.shape) / longest))


def input_volume(attenuation: AttenuationMap, longest: int) -> tuple[Tensor, Matrix]:
    """The branch's input (1, 1, I, J, K), 1 = bone, and its affine.

    Args:
        attenuation: Of the moving volume.
        longest: Voxels along the longest axis at most; blocks are averaged until that is so.
    """
    coarse = coarsened(attenuation, coarsening(attenuation, longest))
    return torch.as_tensor(coarse.mu)[None, None] / _BONE_PER_MM, coarse.affine


def features_of(network: RegiNet, volume: Tensor, affine: Matrix) -> FeatureVolume:
    """Run the 3D branch."""
    channels: Tensor = network.volume(volume)
    return FeatureVolume(channels[0], affine)
