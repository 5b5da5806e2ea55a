"""Simulated surroundings of a radius in X-rays of the wrist: soft tissue, ulna, the rest of its shaft, hand, beads.

A rendering of a segmented radius alone is not like an X-ray. The surroundings are crude (tubes, ellipsoids, balls) and
their positions vary widely, so that a network becomes insensitive to them. They depend on the radius alone: real X-rays
are not used. Attenuation is relative to the radius's stored numbers, whose scale is arbitrary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from torch import Tensor

from bench.drr import AttenuationMap, project
from bench.geometry import Camera, Matrix, transform_points
from bench.perturb import generator

Grid = NDArray[np.float32]

_SPACING_MM = 2.0
# Across the shaft to each side, towards the hand and towards the elbow of the wrist's end.
_ACROSS_MM, _HAND_MM, _ELBOW_MM = 66.0, 75.0, 150.0
# Shares of dense bone's attenuation.
_FLESH, _SPONGY, _BEAD = 0.12, 0.3, 0.9
_TINY = 1e-6
_SHAFT = -1
# The last slices of a segmentation may be partial: the slice so many before the end is repeated.
_WHOLE = 4


@dataclass(frozen=True, kw_only=True)
class Forearms:
    """X-rays of a radius with simulated surroundings.

    Attributes:
        count: Number of different surroundings.
        seed: Of the surroundings.
        bone: Range of the factor on the radius's attenuation, log-uniform.
        others: Range of the factor on the surroundings' attenuation, log-uniform.
        blur_px: Range of the image's blur, standard deviation.
        grain: Range of white noise, as a share of the image's range.
        without: Share of images that show the radius alone.
    """

    count: int = 48
    seed: int = 5
    bone: tuple[float, float] = (0.3, 1.0)
    others: tuple[float, float] = (0.3, 1.0)
    blur_px: tuple[float, float] = (0.3, 1.0)
    grain: tuple[float, float] = (0.0, 0.02)
    without: float = 0.1

    def xrays(
        self, images: Tensor, radius: AttenuationMap, poses: Matrix, camera: Camera, random: np.random.Generator
    ) -> Tensor:
        """Images (B, 1, H, W) of the radius with surroundings, each with its own.

        Args:
            images: Line integrals of the radius, (B, 1, H, W).
            radius: The map that was rendered.
            poses: camera_from_world, (B, 4, 4), mm.
            camera: Intrinsics.
            random: Random numbers.
        """
        count = len(images)
        bone, others = (_factors(each, count, random) for each in (self.bone, self.others))
        others = others * (random.random(count) >= self.without)
        which = random.integers(self.count, size=count)
        seen = [project(self.kept(radius, int(which[at])), poses[at][None], camera) for at in range(count)]
        # Where there is anything round it, the radius does not end with its CT.
        shaft = project(self.kept(radius, _SHAFT), poses, camera).to(images) * _column(np.sign(others), images)
        mixed = _column(bone, images) * (images + shaft) + _column(others, images) * torch.cat(seen).to(images)
        return self._photographed(mixed, random)

    def kept(self, radius: AttenuationMap, number: int) -> AttenuationMap:
        """One of the surroundings, or the radius's shaft beyond its CT, made once."""
        key = f"forearm {self.seed} {number}"
        if key not in radius.kept:
            random = generator(self.seed, "forearm", number)
            radius.kept[key] = continued(radius) if number == _SHAFT else surroundings(radius, random)
        found: AttenuationMap = radius.kept[key]
        return found

    def _photographed(self, images: Tensor, random: np.random.Generator) -> Tensor:
        from bench.xray.low_dose import blurred

        count = len(images)
        sigma = torch.as_tensor(random.uniform(*self.blur_px, size=count), dtype=torch.float32, device=images.device)
        soft = blurred(images, sigma, reach=3)
        noise = torch.as_tensor(random.normal(size=tuple(images.shape)), dtype=torch.float32, device=images.device)
        span = soft.amax((1, 2, 3), keepdim=True) - soft.amin((1, 2, 3), keepdim=True)
        return soft + _column(random.uniform(*self.grain, size=count), images) * span * noise


def surroundings(radius: AttenuationMap, random: np.random.Generator) -> AttenuationMap:
    """Draw surroundings of a radius whose shaft lies along its volume's last axis."""
    place, points, affine = _grid(radius)
    bone = np.maximum(_ulna(place, random), _hand(_bent(place, random), random))
    flesh = _flesh(place, random)
    solid = np.maximum(bone, _FLESH * flesh) + _beads(place, flesh, random)
    # The radius and its shaft are rendered separately: the surroundings leave their place free.
    free = (_sampled(radius, points) <= _TINY) & (_shaft(radius, points) <= _TINY)
    return AttenuationMap(np.ascontiguousarray(_dense(radius) * solid * free, dtype=np.float32), affine)


def continued(radius: AttenuationMap) -> AttenuationMap:
    """The radius's shaft beyond the end of its CT: a slice near the end, repeated."""
    _, points, affine = _grid(radius)
    return AttenuationMap(np.ascontiguousarray(_shaft(radius, points)), affine)


def _grid(radius: AttenuationMap) -> tuple[Grid, Matrix, Matrix]:
    """Places (3, ...) in mm: across, across, and from the wrist up the shaft; world points; world_from_index."""
    ends = transform_points(radius.affine, [[0, 0, 0], [each - 1 for each in radius.shape]])
    wrist, elbow = ends[:, 2] if _wrist_first(radius) else ends[::-1, 2]
    up = float(np.sign(elbow - wrist))
    middle = ends[:, :2].mean(axis=0)
    along = wrist + up * np.array([-_HAND_MM, _ELBOW_MM])
    low, high = np.array([*(middle - _ACROSS_MM), along.min()]), np.array([*(middle + _ACROSS_MM), along.max()])
    affine = np.diag([_SPACING_MM, _SPACING_MM, _SPACING_MM, 1.0])
    affine[:3, 3] = low
    axes = [np.arange(low[axis], high[axis], _SPACING_MM) for axis in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    place = np.stack([points[..., 0] - middle[0], points[..., 1] - middle[1], up * (points[..., 2] - wrist)])
    return place.astype(np.float32), points, affine


def _wrist_first(radius: AttenuationMap) -> bool:
    """Whether the volume's last axis begins at the wrist: the broad end."""
    areas, tenth = (radius.mu > 0).sum(axis=(0, 1)), max(1, radius.shape[2] // 8)
    return bool(areas[:tenth].sum() > areas[-tenth:].sum())


def _dense(radius: AttenuationMap) -> float:
    return float(np.percentile(radius.mu[radius.mu > 0], 95))


def _index_from_world(radius: AttenuationMap) -> Matrix:
    return np.asarray(np.linalg.inv(radius.affine), dtype=np.float64)


def _sampled(radius: AttenuationMap, points: Matrix) -> Grid:
    index = transform_points(_index_from_world(radius), points.reshape(-1, 3)).T
    found = map_coordinates(radius.mu, index, order=1, mode="grid-constant", cval=0.0)
    return np.asarray(found, dtype=np.float32).reshape(points.shape[:-1])


def _shaft(radius: AttenuationMap, points: Matrix) -> Grid:
    index = transform_points(_index_from_world(radius), points.reshape(-1, 3)).T
    last = radius.shape[2] - 1
    beyond = index[2] > last if _wrist_first(radius) else index[2] < 0
    end = last - _WHOLE if _wrist_first(radius) else _WHOLE
    back = end - 4 * _WHOLE if _wrist_first(radius) else end + 4 * _WHOLE
    lean = (_middle_of(radius, end) - _middle_of(radius, back)) / (end - back)
    index[:2] -= lean[:, None] * (index[2] - end)
    index[2] = end
    found = map_coordinates(radius.mu, index, order=1, mode="grid-constant", cval=0.0) * beyond
    return np.asarray(found, dtype=np.float32).reshape(points.shape[:-1])


def _middle_of(radius: AttenuationMap, number: int) -> Matrix:
    """(2,): index of the middle of a slice's bone."""
    middle: Matrix = np.argwhere(radius.mu[:, :, number] > 0).mean(axis=0)
    return middle


def _ulna(place: Grid, random: np.random.Generator) -> Grid:
    """A tube beside the radius, with a head near the wrist."""
    angle, away = random.uniform(0, 2 * np.pi), random.uniform(17, 26)
    lean = random.normal(size=2) * 0.05
    side = away * np.array([np.cos(angle), np.sin(angle)])
    x, y = place[0] - side[0] - lean[0] * place[2], place[1] - side[1] - lean[1] * place[2]
    begins, shaft, head = random.uniform(-4, 8), random.uniform(4.5, 7), random.uniform(1.2, 1.6)
    outer = shaft * (1 + (head - 1) * np.exp(-np.maximum(place[2] - begins, 0) / 10))
    return np.where(place[2] > begins, _shell(np.hypot(x, y) / outer, random), np.float32(0))


def _bent(place: Grid, random: np.random.Generator) -> Grid:
    """Places as the hand has them: it is bent at the wrist in any direction."""
    angle, bend = random.uniform(0, 2 * np.pi), np.radians(random.normal() * 25)
    along = place[0] * np.cos(angle) + place[1] * np.sin(angle)
    across = -place[0] * np.sin(angle) + place[1] * np.cos(angle)
    turned = along * np.cos(bend) + place[2] * np.sin(bend)
    return np.stack([turned, across, -along * np.sin(bend) + place[2] * np.cos(bend)]).astype(np.float32)


def _hand(place: Grid, random: np.random.Generator) -> Grid:
    """Carpal bones as ellipsoids in two rows, metacarpals as tubes that fan out."""
    turn, found = random.uniform(0, 2 * np.pi), np.zeros(place.shape[1:], np.float32)
    flat = np.array([np.cos(turn), np.sin(turn)])
    along, across = place[0] * flat[0] + place[1] * flat[1], -place[0] * flat[1] + place[1] * flat[0]
    for row in range(2):
        for number in range(4):
            shift, z = (number - 1.5) * 11 + random.normal() * 3, -9 - 13 * row + random.normal() * 3
            size = random.uniform(5, 8.5, size=3)
            ball = ((along - shift) / size[0]) ** 2 + ((across - random.normal() * 4) / size[1]) ** 2
            found = np.maximum(found, _shell(np.sqrt(ball + ((place[2] - z) / size[2]) ** 2), random))
    for number in range(5):
        fan, wide = (number - 2) * random.uniform(0.1, 0.25), random.uniform(3, 5)
        beside = along - (number - 2) * 9.0 + fan * (place[2] + 30)
        away = np.hypot(beside, across - random.normal() * 4) / wide
        found = np.maximum(found, _shell(away, random) * (place[2] < -30))
    return found


def _shell(share: NDArray[np.floating], random: np.random.Generator) -> Grid:
    """Bone whose distance from the middle is a share of its size: dense outside, spongy inside; 1 = dense."""
    wall, dense = random.uniform(0.15, 0.45), random.uniform(0.3, 0.9)
    inside = np.where(share > 1 - wall, dense, _SPONGY * random.uniform(0.3, 1.3))
    return np.asarray(inside * (share < 1), dtype=np.float32)


def _flesh(place: Grid, random: np.random.Generator) -> Grid:
    """1 where there is flesh: an elliptic arm about the two bones, wider towards the elbow, and a hand."""
    turn, middle = random.uniform(0, np.pi), random.normal(size=2) * 8
    x, y = place[0] - middle[0], place[1] - middle[1]
    along, across = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    wide, thick = random.uniform(24, 38), random.uniform(17, 28)
    grows = 1 + random.uniform(0, 0.005) * place[2]
    return np.asarray((along / (wide * grows)) ** 2 + (across / (thick * grows)) ** 2 < 1, dtype=np.float32)


def _beads(place: Grid, flesh: Grid, random: np.random.Generator) -> Grid:
    """Balls on the skin, small dense ones and larger faint ones."""
    skin = np.argwhere((flesh > 0) & (np.roll(flesh, 1, axis=0) == 0))
    found = np.zeros(flesh.shape, np.float32)
    sizes: Sequence[tuple[float, float]] = [(3.5, 0.15), (1.6, _BEAD)]
    for index in skin[random.integers(len(skin), size=int(random.integers(0, 14)))]:
        size, dense = sizes[int(random.integers(2))]
        away = sum((place[axis] - place[(axis, *index)]) ** 2 for axis in range(3))
        found[np.asarray(away) < size**2] = dense
    return found


def _factors(limits: tuple[float, float], count: int, random: np.random.Generator) -> Matrix:
    return np.exp(random.uniform(float(np.log(limits[0])), float(np.log(limits[1])), size=count))


def _column(values: Matrix, like: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=like.dtype, device=like.device).reshape(-1, 1, 1, 1)
