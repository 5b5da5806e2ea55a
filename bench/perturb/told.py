"""What methods are told about the X-ray and the CT where that is not true: camera, labels, slices."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.errors import FluorobenchError
from bench.geometry import Camera
from bench.volume import Volume
from bench.volume.resegment import with_label_rims
from bench.volume.slices import with_slices

_MOST_PERCENT, _MOST_VOXELS = 50.0, 20


class ToldError(FluorobenchError):
    """Settings of what methods are told that are out of their range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How what methods are told differs from what made the image. Every default leaves its difference out.

    The image, the true pose and the landmarks stay as they are.

    Attributes:
        focal_percent: The told focal length (and source-to-detector distance) is too large or too small by so many
            percent; the sign is drawn.
        principal_point_px: The told principal point lies so many pixels from the true one; the direction is drawn.
        label_voxels: The labels, from which the moving content is taken, are grown (above 0) or eroded (below 0) by
            so many voxels.
        slice_mm: The CT has slices of this thickness; 0 = as it is.
    """

    # Pydantic refuses keys of a protocol file that are not fields.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    focal_percent: float = 0.0
    principal_point_px: float = 0.0
    label_voxels: int = 0
    slice_mm: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.focal_percent <= _MOST_PERCENT:
            raise ToldError(f"told.focal_percent must lie in [0, {_MOST_PERCENT:g}]; got {self.focal_percent}")
        for name in ("principal_point_px", "slice_mm"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ToldError(f"told.{name} must be finite and not negative; got {getattr(self, name)}")
        if not abs(self.label_voxels) <= _MOST_VOXELS:
            raise ToldError(f"told.label_voxels must lie within +-{_MOST_VOXELS}; got {self.label_voxels}")

    @property
    def same_volume(self) -> bool:
        """Whether methods are given the CT as it is."""
        return self.label_voxels == 0 and self.slice_mm == 0

    def camera(self, true: Camera, random: np.random.Generator) -> Camera:
        """The camera that methods are told.

        Args:
            true: The one that made the image.
            random: Draws the sign and the direction, whatever the sizes are: the same state gives the same ones.
        """
        sign = 1.0 if random.random() < 0.5 else -1.0
        angle = random.uniform(0.0, 2 * np.pi)
        if self.focal_percent == 0 and self.principal_point_px == 0:
            return true
        factor = 1 + sign * self.focal_percent / 100
        K = true.K.copy()
        K[[0, 1], [0, 1]] *= factor
        K[:2, 2] += self.principal_point_px * np.array([np.cos(angle), np.sin(angle)])
        return Camera(K, true.height, true.width, None if true.sdd_mm is None else true.sdd_mm * factor)

    def volume(self, true: Volume) -> Volume:
        """The CT that methods are given the moving content of: in thicker slices first, then segmented otherwise.

        Raises:
            VolumeError: Slices thinner than the CT's, or labels to change where there are none.
        """
        sliced = with_slices(true, self.slice_mm) if self.slice_mm else true
        return with_label_rims(sliced, self.label_voxels) if self.label_voxels else sliced
