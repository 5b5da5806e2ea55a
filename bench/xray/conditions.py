"""Conditions of one exposure as drawn, which form the same X-ray again.

Conditions are recorded with their case as plain numbers (``record``) and read back (``from_record``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix
from bench.xray.hardware import Cylinder

_PREFIX = "conditions_"
_HARDWARE = "hardware"
# Behind the edge of a collimator the beam fades over so many pixels, and so far inside it nothing is trusted.
PENUMBRA_PX = 2.0
_MARGIN_PX = 4.0


class ConditionsError(FluorobenchError):
    """A record without imaging conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagingConditions:
    """One exposure. Every default leaves its effect out.

    Attributes:
        left: Share of the detector's width that the collimator covers from the left; the next three alike, before it
            is turned.
        right: See left.
        top: Share of the height.
        bottom: See top.
        collimator_deg: How far the collimator is turned about the image's centre, degrees.
        leakage: Share of the beam that passes its blades.
        vignetting: Share of the beam that is lost at the distance of a corner from the middle of the beam; it grows
            with the square of that distance.
        vignetting_x: Middle of the beam, in half-widths from the image's centre to the right.
        vignetting_y: The same in half-heights, downwards.
        gain: Factor on the read signal: the error of the air level of a conversion.
        motion_px: How far the image moves during the exposure, evenly, pixels.
        motion_deg: Direction of that movement, from the image's columns towards its rows, degrees.
        hardware: Metal in the patient's frame.
    """

    left: float = 0.0
    right: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    collimator_deg: float = 0.0
    leakage: float = 0.005
    vignetting: float = 0.0
    vignetting_x: float = 0.0
    vignetting_y: float = 0.0
    gain: float = 1.0
    motion_px: float = 0.0
    motion_deg: float = 0.0
    hardware: tuple[Cylinder, ...] = ()

    def record(self) -> dict[str, float]:
        """The conditions as numbers with names."""
        plain = {f"{_PREFIX}{each.name}": getattr(self, each.name) for each in fields(self) if each.name != _HARDWARE}
        for index, piece in enumerate(self.hardware):
            plain |= {f"{_PREFIX}{_HARDWARE}_{index}_{part}": number for part, number in enumerate(piece.record())}
        return plain

    @classmethod
    def from_record(cls, record: Mapping[str, float]) -> "ImagingConditions":
        """The conditions that ``record`` wrote down; other entries are left alone.

        Raises:
            ConditionsError: A number is missing.
        """
        names = [each.name for each in fields(cls) if each.name != _HARDWARE]
        try:
            plain = {name: record[f"{_PREFIX}{name}"] for name in names}
            count = len([key for key in record if key.startswith(f"{_PREFIX}{_HARDWARE}_") and key.endswith("_0")])
            pieces = [[record[f"{_PREFIX}{_HARDWARE}_{index}_{part}"] for part in range(8)] for index in range(count)]
        except KeyError as error:
            raise ConditionsError(
                f"a record of imaging conditions needs {error}; got {len(record)} other numbers"
            ) from None
        return cls(**plain, hardware=tuple(Cylinder.from_record(numbers) for numbers in pieces))

    @property
    def collimated(self) -> bool:
        """Whether the collimator is in the field."""
        return max(self.left, self.right, self.top, self.bottom) > 0

    def beam(self, camera: Camera) -> Matrix:
        """Transmission of collimator and vignetting, (H, W)."""
        beam = 1 - self.vignetting * self._off_middle(camera)
        if self.collimated:
            open_share = np.clip(0.5 + self._inside(camera) / PENUMBRA_PX, 0, 1)
            beam = beam * (self.leakage + (1 - self.leakage) * open_share)
        return np.asarray(np.maximum(beam, 0.0))

    def valid(self, camera: Camera) -> NDArray[np.bool_] | None:
        """Pixels well inside the collimator, bool (H, W); None without one."""
        return np.asarray(self._inside(camera) > _MARGIN_PX) if self.collimated else None

    def moved(self, intensity: Matrix) -> Matrix:
        """The mean of an image over its even movement."""
        if self.motion_px <= 0:
            return intensity
        steps = max(2, int(np.ceil(2 * self.motion_px)) + 1)
        direction = np.array([np.sin(np.deg2rad(self.motion_deg)), np.cos(np.deg2rad(self.motion_deg))])
        offsets = np.linspace(-0.5, 0.5, steps) * self.motion_px
        shifted = [ndimage.shift(intensity, offset * direction, order=1, mode="nearest") for offset in offsets]
        return np.asarray(np.mean(shifted, axis=0))

    def _inside(self, camera: Camera) -> Matrix:
        """Distance in pixels to the nearest blade, (H, W); below zero behind it."""
        x, y = _from_centre(camera)
        angle = np.deg2rad(self.collimator_deg)
        along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
        width, height = camera.width / 2, camera.height / 2
        sides = (
            along + width * (1 - 2 * self.left),
            width * (1 - 2 * self.right) - along,
            across + height * (1 - 2 * self.top),
            height * (1 - 2 * self.bottom) - across,
        )
        # A blade that is not in the field does not cut the corners of a turned opening.
        shut = [
            side for side, share in zip(sides, (self.left, self.right, self.top, self.bottom), strict=True) if share
        ]
        return np.asarray(np.min(shut, axis=0))

    def _off_middle(self, camera: Camera) -> Matrix:
        """Squared distance from the middle of the beam, 1 at the distance of a corner from the image's centre."""
        x, y = _from_centre(camera)
        width, height = camera.width / 2, camera.height / 2
        squared = (x - self.vignetting_x * width) ** 2 + (y - self.vignetting_y * height) ** 2
        return np.asarray(squared / (width**2 + height**2))


def _from_centre(camera: Camera) -> tuple[Matrix, Matrix]:
    """Columns and rows of all pixels from the image's centre, each (H, W)."""
    shape = (camera.height, camera.width)
    x = np.broadcast_to(np.arange(camera.width) - (camera.width - 1) / 2, shape)
    y = np.broadcast_to((np.arange(camera.height) - (camera.height - 1) / 2)[:, None], shape)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
