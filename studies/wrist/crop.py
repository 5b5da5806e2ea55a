"""The crop round an outlined bone, as LGFF-Reg's study of real X-rays makes it, and the camera that would take it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.geometry import Camera, Matrix
from bench.learn.errors import WeightsError
from studies.wrist.window import aimed


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of an image; parts of it may lie beyond the image.

    Attributes:
        left: Column of its first pixel.
        top: Row of its first pixel.
        edge: Pixels along an edge.
    """

    left: int
    top: int
    edge: int

    @classmethod
    def about(cls, mask: NDArray[np.bool_], edge: int) -> "Crop":
        """The square whose middle is that of a mask's box.

        Args:
            mask: (H, W).
            edge: Pixels along an edge.

        Raises:
            WeightsError: An empty mask.
        """
        if not mask.any():
            raise WeightsError("the outlined bone lies outside the network's window: outline the bone it was made for")
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        top, left = (int(each[0] + each[-1] + 1 - edge) // 2 for each in (rows, columns))
        return cls(left, top, edge)

    def cut(self, image: NDArray[np.generic]) -> NDArray[np.generic]:
        """The part of an image (H, W), 0 beyond it."""
        wide = np.pad(image, self.edge)
        top, left = self.top + self.edge, self.left + self.edge
        return np.ascontiguousarray(wide[top : top + self.edge, left : left + self.edge])

    def turn(self, camera: Camera) -> Matrix:
        """From a camera to the one that looks at the crop's middle, 4x4: a crop is what that one sees, very nearly."""
        middle = np.array([self.left, self.top]) + (self.edge - 1) / 2
        focal, principal = camera.K[[0, 1], [0, 1]], camera.K[:2, 2]
        return aimed(np.array([*((middle - principal) / focal), 1.0]))
