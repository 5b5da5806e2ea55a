"""Vertebrae as they are built: shape of arches and endplates, materials, facet joints, landmarks on the bone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from bench.geometry import Matrix

from .phantom_parts import inside, largest_share, persons, rendered

BODY, ARTICULAR, TRANSVERSE, SPINOUS = 1, 3, 4, 5
LABELS = {"L2": 21, "L3": 22, "L4": 23}
SEEDS = (0, 3, 7, 11)


@dataclass(frozen=True, eq=False)
class Rendered:
    """Bones alone on a grid: HU, labels, sub-regions, and the position of its first voxel."""

    hu: Any
    labels: Any
    regions: Any
    origin: Matrix
    spacing: float
    person: Any

    def of_level(self, level: str, region: int) -> Matrix:
        """Voxels of a sub-region in the vertebra's own axes, mm."""
        index = np.argwhere((self.labels == LABELS[level]) & (self.regions == region))
        frame = self.person.frames[level]
        return np.asarray((index * self.spacing + self.origin - frame.origin) @ frame.axes.T)

    def away(self, label: int, point: Matrix) -> float:
        """Distance of a world point from the nearest voxel of a label, mm."""
        index = np.argwhere(self.labels == label) * self.spacing + self.origin
        return float(np.linalg.norm(index - point, axis=1).min())


def vertebrae(person: Any, levels: tuple[str, ...] = ("L2", "L3", "L4"), spacing: float = 1.25) -> Rendered:
    vertebra = inside("bones.vertebra").vertebra
    low, size = np.array([-62.0, -48.0, -62.0]), np.array([124.0, 160.0, 124.0])
    low = low + person.frames[levels[len(levels) // 2]].origin
    i, j, k = (int(each) for each in size / spacing)
    parts = [part for level in reversed(levels) for part in vertebra(person, level)]
    return Rendered(*rendered(parts, (i, j, k), low, spacing), low, spacing, person)


@pytest.fixture(scope="module")
def spines() -> list[Rendered]:
    draw = inside("person.person").draw_person
    return [vertebrae(draw(seed, fractures=True)) for seed in SEEDS]


def slopes_of(made: Rendered, level: str) -> tuple[float, float]:
    """Mean slope of the lower and upper border of a spinous process, mm down per mm back."""
    points, size = made.of_level(level, SPINOUS), made.person.vertebrae[level]
    depth = points[:, 1] - size.wall - size.canal_depth
    bins = np.arange(8.0, size.spinous_length - 6.0, 2.0)
    strips = [points[(depth >= start) & (depth < start + 2.0), 2] for start in bins]
    low, high = np.array([strip.min() for strip in strips]), np.array([strip.max() for strip in strips])
    return -float(np.polyfit(bins, low, 1)[0]), -float(np.polyfit(bins, high, 1)[0])


def test_spinous_processes_slope_down_as_in_life(spines: list[Rendered]) -> None:
    """0.5 and 0.35 in an L3 in CT; here the thick middle of the process makes the lower border flatter."""
    slopes = np.array([slopes_of(made, level) for made in spines for level in LABELS])
    assert (slopes.mean(axis=0) > [0.2, 0.3]).all(), slopes.mean(axis=0)


def test_bone_is_densest_where_bones_bear_on_one_another(spines: list[Rendered]) -> None:
    for made in spines:
        for label in LABELS.values():
            mean = {
                region: float(made.hu[(made.labels == label) & (made.regions == region)].mean())
                for region in (BODY, ARTICULAR, TRANSVERSE, SPINOUS)
            }
            assert mean[ARTICULAR] > mean[TRANSVERSE] + 130
            assert mean[ARTICULAR] > mean[SPINOUS] + 130
            assert mean[BODY] < mean[ARTICULAR] - 250


def test_endplates_are_as_concave_as_measured() -> None:
    """Wang et al. 2012: 0.7 and 1.5 mm."""
    draw_body = inside("bones.vertebra").draw_body
    size = persons(4)[3].vertebrae["L3"]
    dishes = np.array([draw_body(size, None, np.random.default_rng(seed)).numbers[8:10] for seed in range(200)])
    assert np.abs(dishes.mean(axis=0) - [0.7, 1.5]).max() < 0.25


def test_bodies_have_the_dimensions_of_their_person(spines: list[Rendered]) -> None:
    """Measured on the voxels of the true bone, in each vertebra's own axes; bodies flare beyond their endplates."""
    heights = inside("person.fractures").heights
    for made in spines:
        for level in LABELS:
            local, size = made.of_level(level, BODY), made.person.vertebrae[level]
            width = np.ptp(local[np.abs(local[:, 1]) < 6, 0])
            depth = np.ptp(local[np.abs(local[:, 0]) < 4, 1])
            height = np.ptp(local[np.abs(local[:, 0]) < 4, 2])
            assert width == pytest.approx(1.065 * max(size.upper_width, size.lower_width), abs=6.5)
            assert depth == pytest.approx(1.07 * max(size.upper_depth, size.lower_depth), abs=6.5)
            assert height == pytest.approx(max(heights(size, made.person.fractures.get(level))), abs=4.0)


def test_transverse_processes_point_back(spines: list[Rendered]) -> None:
    for made in spines:
        points = made.of_level("L3", TRANSVERSE)
        across = np.abs(points[:, 0])
        near, far = across < np.percentile(across, 20), across > np.percentile(across, 90)
        slope = (points[far, 1].mean() - points[near, 1].mean()) / (across[far].mean() - across[near].mean())
        assert 0.2 < slope < 1.1


def test_landmarks_stand_on_the_bone(spines: list[Rendered]) -> None:
    limits = {"tip": 1.6, "pedicle": 1.2, "endplate": 5.0}
    for made in spines:
        found = inside("landmarks").anatomical(made.person)
        for name, point in zip(found.point_names, found.points, strict=True):
            level, what = name.split(" ", 1)
            if level in LABELS:
                limit = next(value for key, value in limits.items() if key in what)
                assert made.away(LABELS[level], point) < limit, name


def test_a_fused_transverse_process_has_its_landmark_on_bone() -> None:
    person = next(person for person in persons(99) if person.sacralised)
    last = person.levels[-1]
    made = vertebrae(person, levels=("L4", last))
    found = inside("landmarks").anatomical(person)
    points = dict(zip(found.point_names, found.points, strict=True))
    for side in ("left", "right"):
        label = inside("person.anthropometry").LABELS[last]
        assert made.away(label, points[f"{last} transverse tip {side}"]) < 1.2


def test_vertebrae_are_of_one_piece_and_joints_stay_open(spines: list[Rendered]) -> None:
    for made in spines:
        for label in LABELS.values():
            assert largest_share(made.labels == label) > 0.99
            assert set(np.unique(made.regions[made.labels == label]).tolist()) == {1, 2, 3, 4, 5}
        for upper in (21, 22):
            beside = ndimage.binary_dilation(made.labels == upper) & (made.labels == upper + 1)
            articular = (made.regions == ARTICULAR) & (made.labels == upper + 1)
            assert beside.sum() < 0.06 * articular.sum()


def test_facet_joints_have_a_space_between_bones() -> None:
    """Along the line from the lower process to the upper one, HU falls to cartilage and rises again."""
    person = next(each for each in persons(80) if each.wear["L3"] < 0.1 and each.cortex > 1.0)
    for side in (-1.0, 1.0):
        joint = inside("bones.facets").joint_below(person, "L3", side)
        low = joint.centre - 8.0
        parts = [part for level in ("L4", "L3") for part in inside("bones.vertebra").vertebra(person, level)]
        hu, labels, _ = rendered(parts, (40, 40, 40), low, 0.4)
        steps = np.arange(-4.5, 4.6, 0.2)[:, None] * joint.normal
        index = np.rint((joint.centre + steps - low) / 0.4).astype(int)
        across, met = hu[tuple(index.T)], labels[tuple(index.T)]
        middle = len(across) // 2
        assert 0 < across[middle] < 150
        assert across[:middle].max() > across[middle] + 100
        assert across[-middle:].max() > 600
        assert met[0] == 22
        assert met[-1] == 23


def test_fractured_vertebrae_are_of_one_piece() -> None:
    person = next(each for each in persons(150, fractures=True) if {"L2", "L3"} & set(each.fractures))
    made = vertebrae(person, spacing=2.0)
    for label in LABELS.values():
        assert (made.labels == label).sum() > 2000
        assert largest_share(made.labels == label) > 0.97
