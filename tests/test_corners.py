"""Corner distances and image scores against closed forms, and what they refuse to say."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from bench.contract import Image
from bench.metrics.corners import (
    BEST,
    MIN_MATCHES,
    PAPER_FACTOR,
    corner_distance,
    descriptor_distance,
    eight_bit,
)
from bench.metrics.image import ncc_true, pseudo_ncc
from bench.metrics.keypoints import Bytes, Keypoints, match
from bench.metrics.orb import orb_keypoints, with_local_contrast
from bench.metrics.surf import surf_keypoints

Detect: TypeAlias = Callable[[Bytes], Keypoints]

DETECTORS: tuple[Detect, ...] = (orb_keypoints, surf_keypoints)


def texture(seed: int = 0) -> Image:
    """Blobs of several sizes."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(160, 200))
    layers = [ndimage.gaussian_filter(noise, sigma) * sigma for sigma in (1.5, 3.0, 6.0)]
    return np.asarray(np.sum(layers, axis=0), dtype=np.float32)


@pytest.mark.parametrize("detect", DETECTORS)
def test_a_shifted_image_is_as_far_as_it_was_shifted(detect: Detect) -> None:
    large = texture()
    fixed, moving = large[5:150, 7:180], large[1:146, 4:177]  # content moves by 3 columns and 4 rows: 5 pixels
    found = corner_distance(detect(eight_bit(fixed)), detect(eight_bit(moving)), reach_px=40)
    assert found == pytest.approx(5.0, abs=0.15)


@pytest.mark.parametrize("detect", DETECTORS)
def test_points_are_columns_and_rows(detect: Detect) -> None:
    image = np.zeros((160, 300), np.float32)
    image[:60, 160:] = 20 + texture()[:60, :140]
    points = detect(eight_bit(image)).points
    assert len(points) > 5
    assert points[:, 0].min() > 150
    assert points[:, 1].max() < 70


@pytest.mark.parametrize("detect", DETECTORS)
def test_the_same_image_is_zero_away(detect: Detect) -> None:
    keypoints = detect(eight_bit(texture()))
    assert corner_distance(keypoints, keypoints, reach_px=40) == 0.0


@pytest.mark.parametrize("detect", DETECTORS)
def test_an_image_without_corners_has_none_and_no_distance(detect: Detect) -> None:
    none, some = detect(eight_bit(np.zeros((64, 64), np.float32))), detect(eight_bit(texture()))
    assert len(none.points) == 0
    for pair in ((none, some), (some, none)):
        assert math.isnan(corner_distance(*pair, reach_px=40))
        assert math.isnan(descriptor_distance(*pair))


@pytest.mark.parametrize("detect", DETECTORS)
def test_unrelated_images_are_as_far_as_chance_pairs(detect: Detect) -> None:
    found = corner_distance(detect(eight_bit(texture(1))), detect(eight_bit(texture(2))), reach_px=60)
    # An even point within 60 pixels lies 40 pixels away on average.
    assert 25 < found < 55


def test_only_the_nearest_descriptors_count_and_a_few_far_pairs_do_not() -> None:
    places = np.arange(2.0 * 40).reshape(40, 2)
    fixed = Keypoints(places, np.diag(np.full(40, 100.0)), "euclidean")
    shifts = np.full((40, 2), [3.0, 4.0])
    shifts[:5] = 500.0  # a third of the nearest
    shifts[BEST:] = 70.0  # farther by descriptor
    gaps = np.arange(40.0)
    moving = Keypoints(places + shifts, np.diag(100.0 + gaps), "euclidean")
    assert corner_distance(fixed, moving, reach_px=1000) == pytest.approx(5.0)
    few = MIN_MATCHES - 1
    some = Keypoints(places[:few], fixed.descriptors[:few], "euclidean")
    assert math.isnan(corner_distance(some, moving, reach_px=1000))


def test_corners_out_of_reach_are_no_pair() -> None:
    fixed = Keypoints(np.array([[0.0, 0.0], [100.0, 0.0]]), np.array([[0.0], [5.0]]), "euclidean")
    moving = Keypoints(np.array([[90.0, 0.0], [10.0, 0.0]]), np.array([[0.0], [4.0]]), "euclidean")
    near = match(fixed, moving, ratio=None, mutual=True, reach_px=20)
    assert (near.first.tolist(), near.second.tolist()) == ([0, 1], [1, 0])
    assert match(fixed, moving, ratio=None, mutual=True, reach_px=5).first.size == 0
    assert match(fixed, moving, ratio=None, mutual=True).second.tolist() == [0, 1]


def test_masked_keypoints_are_left_out() -> None:
    keypoints = orb_keypoints(eight_bit(texture()))
    valid = np.zeros((160, 200), dtype=bool)
    valid[:, 100:] = True
    inside = keypoints.within(valid).points
    assert 0 < len(inside) < len(keypoints.points)
    assert inside[:, 0].min() >= 99.5
    assert keypoints.within(None) is keypoints


def keys(descriptors: list[list[float]]) -> Keypoints:
    return Keypoints(np.zeros((len(descriptors), 2)), np.array(descriptors, dtype=np.float64), "euclidean")


def test_matching_by_ratio_and_mutually() -> None:
    fixed, moving = keys([[0, 0], [10, 0], [0.5, 0]]), keys([[0.1, 0], [9, 0], [11, 0]])
    one_way = match(fixed, moving, ratio=0.8, mutual=False)
    assert one_way.first.tolist() == [0, 2]  # the second point has two at equal distance
    np.testing.assert_allclose(one_way.distance, [0.1, 0.4])
    assert match(fixed, moving, ratio=0.8, mutual=True).first.tolist() == [0]


def test_hamming_counts_bits() -> None:
    a = Keypoints(np.zeros((1, 2)), np.array([[1.0, 0, 1, 0]]), "hamming")
    b = Keypoints(np.zeros((1, 2)), np.array([[0.0, 1, 1, 1]]), "hamming")
    assert a.distances(b).tolist() == [[3.0]]


def test_descriptor_distance_is_the_mean_of_the_twenty_smallest_times_the_factor() -> None:
    gaps = 0.01 * np.arange(1, 31)
    fixed = keys([[10.0 * index, 0.0] for index in range(30)])
    moving = keys([[10.0 * index, gap] for index, gap in enumerate(gaps)])
    assert descriptor_distance(fixed, moving) == pytest.approx(gaps[:20].mean() * PAPER_FACTOR)


def test_local_contrast_brings_out_what_is_faint_beside_a_dense_part() -> None:
    image = texture()
    image[:, 100:] += 100 * float(np.ptp(image[:, :100])) / 4
    plain = eight_bit(image)
    equalised = with_local_contrast(plain)
    assert float(equalised[:, :80].std()) > 1.5 * float(plain[:, :80].std())


def test_ncc_of_a_scaled_image_is_one_and_of_its_negative_minus_one() -> None:
    image = texture()
    assert ncc_true(image, 3 * image + 2) == pytest.approx(1.0)
    assert ncc_true(image, -image) == pytest.approx(-1.0)
    assert pseudo_ncc(image, 3 * image + 2) == pytest.approx(1.0, abs=1e-3)
    assert math.isnan(ncc_true(image, np.ones_like(image)))


def test_pseudo_ncc_reads_higher_than_the_true_one() -> None:
    # Measured for jointly Gaussian images: a true 0.5 reads 0.70.
    random = np.random.default_rng(0)
    a, noise = random.normal(size=(2, 300, 300)).astype(np.float32)
    b = np.asarray(0.5 * a + np.sqrt(0.75) * noise, dtype=np.float32)
    assert ncc_true(a, b) == pytest.approx(0.5, abs=0.01)
    assert pseudo_ncc(a, b) == pytest.approx(0.70, abs=0.02)


def test_invalid_pixels_do_not_count() -> None:
    image, valid = texture(), np.ones((160, 200), dtype=bool)
    spoilt: NDArray[np.float32] = image.copy()
    spoilt[:40], valid[:40] = 1000.0, False
    assert ncc_true(spoilt, image, valid) == pytest.approx(1.0)
    assert pseudo_ncc(spoilt, image, valid) == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_array_equal(eight_bit(spoilt, valid)[40:], eight_bit(image[40:]))
