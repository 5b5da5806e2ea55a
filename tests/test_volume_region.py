"""Crops and resampling keep world coordinates: the same world point has the same HU."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from bench.geometry import Matrix, transform_points
from bench.volume import Volume, VolumeError
from bench.volume.labels import present
from bench.volume.region import crop, crop_to_box, crop_to_label, crop_to_lumbar

SHAPE = (20, 24, 30)


def affine() -> Matrix:
    matrix = np.eye(4)
    turn = Rotation.from_euler("XYZ", [15, -25, 40], degrees=True).as_matrix()
    matrix[:3, :3] = turn @ np.diag([1.0, -1.5, 2.0])
    matrix[:3, 3] = [-30, 40, -500]
    return matrix


def index_of(volume: Volume, world: Matrix) -> Matrix:
    return transform_points(np.asarray(np.linalg.inv(volume.affine), dtype=np.float64), world)


def volume() -> Volume:
    """HU linear in the world, so that trilinear interpolation is exact; L1 to L5 as boxes along k."""
    world = transform_points(affine(), np.indices(SHAPE).reshape(3, -1).T)
    hu = (world @ [3.0, -2.0, 1.5] + 700).reshape(SHAPE).astype(np.float32)
    labels = np.zeros(SHAPE, dtype=np.uint16)
    for step in range(5):
        labels[8:12, 10:15, 5 + 4 * step : 8 + 4 * step] = 24 - step
    return Volume(hu=hu, affine=affine(), labels=labels, label_scheme="verse", mask=labels > 0)


def hu_at(part: Volume, world: Matrix) -> NDArray[np.float64]:
    return np.asarray(map_coordinates(part.hu.astype(np.float64), index_of(part, world).T, order=1, mode="nearest"))


def assert_same_world(part: Volume, whole: Volume) -> None:
    """At voxel centres of ``part`` well inside, HU, labels and mask agree with the whole."""
    inner = np.random.default_rng(1).uniform(0.1, 0.9, (200, 3)) * (np.array(part.shape) - 1)
    world = transform_points(part.affine, inner)
    assert np.abs(hu_at(part, world) - hu_at(whole, world)).max() < 1e-2


def test_a_crop_keeps_the_world() -> None:
    whole = volume()
    part = crop(whole, (3, 4, 5), (17, 20, 28))
    assert part.shape == (14, 16, 23)
    assert part.hu.flags.c_contiguous
    assert_same_world(part, whole)
    assert np.array_equal(np.asarray(part.labels), np.asarray(whole.labels)[3:17, 4:20, 5:28])
    assert np.allclose(part.content_centre(), whole.content_centre())


@pytest.mark.parametrize(("low", "high"), [((3, 3, 3), (3, 9, 9)), ((-1, 0, 0), (5, 5, 5)), ((0, 0, 0), (5, 5, 31))])
def test_empty_or_outer_crops_are_refused(low: tuple[int, int, int], high: tuple[int, int, int]) -> None:
    with pytest.raises(VolumeError, match="is empty or leaves the grid"):
        crop(volume(), low, high)


def test_a_crop_to_a_label_has_its_margin() -> None:
    part = crop_to_label(volume(), "L3", margin_mm=3.0)
    # 4 x 5 x 3 voxels of 1 x 1.5 x 2 mm, and 3 mm on every side in whole voxels: 3, 2 and 2.
    assert part.shape == (10, 9, 7)
    assert_same_world(part, volume())
    assert np.count_nonzero(np.asarray(part.labels) == 22) == 60


def test_a_margin_stops_at_the_grid() -> None:
    assert crop_to_label(volume(), ["L1", "L5"], margin_mm=500).shape == SHAPE
    with pytest.raises(VolumeError, match="margin_mm"):
        crop_to_label(volume(), "L3", margin_mm=-1)


def test_one_structure_lies_whole_inside_with_its_margin() -> None:
    whole = volume()
    with pytest.raises(VolumeError, match="L3 touches the border of the CT"):
        crop_to_label(crop(whole, (0, 0, 14), SHAPE), "L3", margin_mm=0)
    with pytest.raises(VolumeError, match=r"too small for L3 with \(3, 2, 2\) voxels round it"):
        crop_to_label(crop(whole, (0, 0, 12), SHAPE), "L3", margin_mm=3)
    assert crop_to_label(crop(whole, (0, 0, 11), SHAPE), "L3", margin_mm=3).shape == (10, 9, 7)


def test_an_absent_label_is_answered_with_those_present() -> None:
    with pytest.raises(VolumeError, match="T12 not in this volume; its labels hold L1, L2, L3, L4, L5"):
        crop_to_label(volume(), "T12", margin_mm=0)


def test_the_lumbar_box_comes_from_labels_or_is_given() -> None:
    whole = volume()
    part = crop_to_lumbar(whole, margin_mm=0)
    assert part.shape == (4, 5, 19)
    assert present(part) == ("L1", "L2", "L3", "L4", "L5")
    bare = Volume(hu=whole.hu, affine=whole.affine)
    low, high = part.content_corners().min(axis=0), part.content_corners().max(axis=0)
    boxed = crop_to_lumbar(bare, margin_mm=0, box=(low, high))
    assert_same_world(boxed, whole)
    assert all(a >= b for a, b in zip(boxed.shape, part.shape, strict=True))
    with pytest.raises(VolumeError, match="give a label map"):
        crop_to_lumbar(bare, margin_mm=0)


@pytest.mark.parametrize(
    ("change", "scheme", "said"),
    [
        (
            {},
            "totalsegmentator",
            "numbers 20 to 24; .*'totalsegmentator' has L1 = 31, .*; 'phantom' or 'verse' would fit$",
        ),
        ({24: 31}, "deepfluoro", "numbers 20 to 23, 31; .* has no L1, L2, L3, L4, L5; 'phantom' or 'verse' would fit$"),
        ({20: 31, 21: 30, 22: 29, 23: 28, 24: 27}, "verse", "27 to 31; .*L5 = 24; 'totalsegmentator' would fit$"),
        ({20: 200, 21: 202, 22: 203, 23: 0, 24: 0}, "verse", "numbers 200, 202, 203; .*no known scheme fits"),
        (dict.fromkeys(range(20, 25), 0), "verse", "hold no number but 0"),
    ],
)
def test_labels_without_a_lumbar_spine_say_what_they_hold(change: dict[int, int], scheme: str, said: str) -> None:
    whole = volume()
    numbers = np.arange(256, dtype=np.uint16)
    numbers[list(change)] = list(change.values())
    strange = replace(whole, labels=numbers[np.asarray(whole.labels)], label_scheme=scheme)
    with pytest.raises(VolumeError, match=f"no lumbar spine: the labels .*{said}"):
        crop_to_lumbar(strange, margin_mm=0)


def test_a_world_box_holds_every_voxel_in_it() -> None:
    whole = volume()
    centre = whole.content_centre()
    half = np.array([6, 5, 7])
    low, high = centre - half, centre + half
    part = crop_to_box(whole, low, high)
    assert_same_world(part, whole)
    world = transform_points(whole.affine, np.indices(SHAPE).reshape(3, -1).T)
    inside = world[((world >= low) & (world <= high)).all(axis=1)]
    index = np.rint(index_of(part, inside))
    assert len(inside) > 100
    assert (index >= 0).all()
    assert (index < part.shape).all()


def test_boxes_that_hold_nothing_are_refused() -> None:
    with pytest.raises(VolumeError, match="holds no voxel; the volume lies from"):
        crop_to_box(volume(), [900, 900, 900], [950, 950, 950])
    with pytest.raises(VolumeError, match="lower first"):
        crop_to_box(volume(), [0, 0, 0], [10, -10, 10])


def test_errors_stand_on_one_line(tmp_path: Path) -> None:
    with pytest.raises(VolumeError) as caught:
        crop_to_box(volume(), np.zeros((2, 3)), np.ones((2, 3)))
    assert "\n" not in str(caught.value)
