"""What methods are told that is not true: cameras, labels and slices against closed forms."""

from dataclasses import replace

import numpy as np
import pytest

from bench.geometry import Camera, transform_points
from bench.perturb import Told, ToldError
from bench.volume import Volume
from bench.volume.content import with_content
from bench.volume.resegment import with_label_rims
from bench.volume.slices import with_slices
from bench.volume.volume import VolumeError

TRUE = Camera.centred(sdd_mm=1011.7, height=256, width=256, spacing_mm=0.79836)


def told(seed: int, **settings: float) -> Camera:
    return Told(**settings).camera(TRUE, np.random.default_rng(seed))  # type: ignore[arg-type]


def test_the_told_focal_length_is_off_by_what_is_stated_in_either_direction() -> None:
    cameras = [told(seed, focal_percent=1.0) for seed in range(20)]
    factors = [camera.K[0, 0] / TRUE.K[0, 0] for camera in cameras]
    assert {round(factor, 12) for factor in factors} == {0.99, 1.01}
    for camera, factor in zip(cameras, factors, strict=True):
        assert camera.K[1, 1] / TRUE.K[1, 1] == pytest.approx(factor)
        assert camera.sdd_mm == pytest.approx(1011.7 * factor)
        assert camera.spacing_mm == pytest.approx(TRUE.spacing_mm)
        np.testing.assert_array_equal(camera.K[:2, 2], TRUE.K[:2, 2])


def test_the_told_principal_point_lies_as_far_as_is_stated_in_all_directions() -> None:
    offsets = np.array([told(seed, principal_point_px=2.0).K[:2, 2] - TRUE.K[:2, 2] for seed in range(40)])
    np.testing.assert_allclose(np.linalg.norm(offsets, axis=1), 2.0)
    assert {(x > 0, y > 0) for x, y in offsets} == {(a, b) for a in (True, False) for b in (True, False)}
    assert told(0, principal_point_px=2.0).K[0, 0] == TRUE.K[0, 0]


def test_a_stronger_error_has_the_direction_of_a_weaker_one() -> None:
    weak, strong = (told(3, principal_point_px=size).K[:2, 2] - TRUE.K[:2, 2] for size in (2.0, 10.0))
    np.testing.assert_allclose(strong, 5 * weak)
    both = told(3, principal_point_px=2.0, focal_percent=1.0)
    np.testing.assert_allclose(both.K[:2, 2] - TRUE.K[:2, 2], weak)


def test_nothing_told_is_the_truth() -> None:
    volume = balls()
    assert told(0) is TRUE
    assert Told().volume(volume) is volume
    assert Told().same_volume


@pytest.mark.parametrize(
    "settings",
    [{"focal_percent": -1.0}, {"focal_percent": np.nan}, {"principal_point_px": np.inf}, {"slice_mm": -2.0},
     {"label_voxels": 21}],
)  # fmt: skip
def test_what_cannot_be_told_is_refused_in_one_line(settings: dict[str, float]) -> None:
    with pytest.raises(ToldError, match=rf"told\.{next(iter(settings))} must .*; got") as caught:
        Told(**settings)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def balls() -> Volume:
    """Two balls of 8 voxels' radius, L3 and L4, whose rims are 4 voxels apart, in soft tissue."""
    i, j, k = np.indices((32, 32, 56)).astype(float)
    labels = np.zeros((32, 32, 56), np.uint16)
    for number, middle in ((22, 15.0), (23, 35.0)):
        labels[np.sqrt((i - 15) ** 2 + (j - 15) ** 2 + (k - middle) ** 2) <= 8] = number
    hu = np.where(labels > 0, 800.0, 40.0).astype(np.float32)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-30, -30, 10)
    return Volume(hu, affine, labels=labels, label_scheme="verse")


def radius(volume: Volume, number: int) -> int:
    """Of a ball along i, voxels."""
    middle = 15 if number == 22 else 35
    return int((np.asarray(volume.labels)[15:, 15, middle] == number).sum()) - 1


@pytest.mark.parametrize("voxels", [1, 2, 3])
def test_an_eroded_rim_attenuates_nothing_and_a_grown_one_as_what_is_there(voxels: int) -> None:
    true = balls()
    thin, thick = with_label_rims(true, -voxels), with_label_rims(true, voxels)
    assert [radius(each, 22) for each in (thin, true, thick)] == [8 - voxels, 8, 8 + voxels]
    for changed in (thin, thick):
        np.testing.assert_array_equal(changed.hu, true.hu)
    bone, soft = (float(true.attenuation(np.float32(hu))) for hu in (800.0, 40.0))  # type: ignore[arg-type]
    before, eroded, grown = (with_content(each, "bone").mu()[15:, 15, 15] for each in (true, thin, thick))
    assert before[8] == pytest.approx(bone)
    assert (eroded[8], eroded[8 - voxels]) == (0.0, pytest.approx(bone))
    assert before[8 + voxels] == 0.0
    assert grown[8 + voxels] == pytest.approx(soft)


def test_structures_that_grow_stop_where_they_meet() -> None:
    labels = np.asarray(with_label_rims(balls(), 5).labels)[15, 15]
    assert (labels[24], labels[25], labels[26]) == (22, 22, 23) or (labels[24], labels[25]) == (22, 23)
    assert set(labels[16:36]) == {22, 23}


def test_a_structure_is_not_eroded_where_the_ct_ends() -> None:
    true = balls()
    cut = replace(true, hu=true.hu[:16].copy(), labels=np.asarray(true.labels)[:16].copy())
    labels = np.asarray(with_label_rims(cut, -2).labels)
    assert labels[15, 15, 15] == 22
    assert labels[7, 15, 15] == labels[8, 15, 15] == 0
    np.testing.assert_array_equal(labels[:16], np.asarray(with_label_rims(true, -2).labels)[:16])


def test_slices_are_means_and_lie_where_they_were() -> None:
    true = balls()
    thick = with_slices(true, 6.0)
    assert thick.shape == (32, 32, 18)
    np.testing.assert_allclose(thick.hu, true.hu[:, :, :54].reshape(32, 32, 18, 3).mean(axis=3), rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(thick.labels), np.asarray(true.labels)[:, :, 1:54:3])
    # The middle of the first three voxels is the second one's.
    np.testing.assert_allclose(transform_points(thick.affine, [0, 0, 0]), transform_points(true.affine, [0, 0, 1]))
    np.testing.assert_allclose(thick.spacing_mm, [2, 2, 6])


def test_slices_of_no_whole_number_of_voxels_share_them() -> None:
    ramp = replace(balls(), hu=np.broadcast_to(np.arange(56, dtype=np.float32), (32, 32, 56)).copy())
    thick = with_slices(ramp, 5.0)  # 2.5 voxels
    # Voxel n covers [n, n + 1): the mean of [0, 2.5) is (0 + 1 + 0.5 x 2) / 2.5.
    np.testing.assert_allclose(
        thick.hu[0, 0, :3], [2 / 2.5, (0.5 * 2 + 3 + 4) / 2.5, (5 + 6 + 0.5 * 7) / 2.5], rtol=1e-6
    )
    assert thick.affine[2, 3] == pytest.approx(10 + 2 * (2.5 / 2 - 0.5))


def test_slices_follow_the_patient_and_not_the_order_of_the_axes() -> None:
    true = balls()
    swapped = replace(
        true,
        hu=np.ascontiguousarray(true.hu.transpose(2, 0, 1)),
        labels=np.ascontiguousarray(np.asarray(true.labels).transpose(2, 0, 1)),
        affine=true.affine[:, [2, 0, 1, 3]],
    )
    np.testing.assert_allclose(with_slices(swapped, 6.0).hu.transpose(1, 2, 0), with_slices(true, 6.0).hu, rtol=1e-6)


def test_what_a_ct_cannot_give_is_refused() -> None:
    with pytest.raises(VolumeError, match=r"as thick as the CT's \(2 mm\) or thicker.*got 1 mm"):
        with_slices(balls(), 1.0)
    with pytest.raises(VolumeError, match="this CT has none; give a label map"):
        with_label_rims(replace(balls(), labels=None, label_scheme=None), 1)
    with pytest.raises(VolumeError, match="no label is left after an erosion by 9 voxels"):
        with_label_rims(balls(), -9)
