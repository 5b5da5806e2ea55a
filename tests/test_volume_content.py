"""Labels, content masks and landmarks of volumes."""

import os
from pathlib import Path

import numpy as np
import pytest

from bench.geometry import transform_points
from bench.volume import Volume, VolumeError
from bench.volume.content import body_mask, bone_mask, label_mask, with_content
from bench.volume.labels import label_number, present, scheme
from bench.volume.landmarks import surface_landmarks
from bench.volume.read import read_volume
from bench.volume.region import crop

AFFINE = np.array([[-2.0, 0, 0, 60], [0, 2.0, 0, -50], [0, 0, 2.0, -300], [0, 0, 0, 1]])


def ellipsoid(
    centre: tuple[float, float, float], radii: tuple[float, float, float]
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    grid = np.indices((60, 50, 40)).reshape(3, -1).T
    inside = np.square((grid - np.array(centre)) / np.array(radii)).sum(axis=1) <= 1
    return np.asarray(inside.reshape(60, 50, 40))


def patient() -> Volume:
    """A trunk with a gas bubble that reaches the top, two vertebrae, and a dense table it lies on."""
    hu = np.full((60, 50, 40), -1000.0, dtype=np.float32)
    trunk = ellipsoid((30, 20, 20), (25, 15, 100))
    hu[trunk] = 40
    hu[ellipsoid((30, 16, 40), (6, 5, 20))] = -900
    labels = np.zeros(hu.shape, dtype=np.uint16)
    for number, height in ((22, 10), (20, 28)):
        labels[ellipsoid((30, 25, height), (5, 5, 5))] = number
    hu[labels > 0] = 400
    hu[5:55, 36:38] = 500
    hu[29:31, 35] = 0  # skin that touches the table
    return Volume(hu=hu, affine=AFFINE, labels=labels, label_scheme="verse")


def without_labels() -> Volume:
    volume = patient()
    return Volume(hu=volume.hu, affine=volume.affine)


def test_schemes_number_the_same_bones_differently() -> None:
    assert [label_number("verse", name) for name in ("C1", "T1", "T12", "L1", "L5", "sacrum", "T13")] == [
        1, 8, 19, 20, 24, 26, 28,
    ]  # fmt: skip
    names = ("sacrum", "S1", "L5", "L3", "L1", "T12", "T1", "C7", "C1", "hip_left", "sternum")
    assert [label_number("totalsegmentator", name) for name in names] == [25, 26, 27, 29, 31, 32, 43, 44, 50, 77, 116]
    assert scheme("phantom") == scheme("verse")
    assert label_number("verse", "l3") == 22


def test_a_scheme_can_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('L3 = 7\nplate = 8\n"S 1" = 9\n')
    assert label_number(str(path), "plate") == 8
    with pytest.raises(VolumeError, match="did you mean 'plate'"):
        label_number(str(path), "plat")


@pytest.mark.parametrize("content", ["L3 = 'three'", "L3 = 0", "L3 = true", "L3 = 1\nL4 = 1", "", "L3 ="])
def test_a_scheme_file_that_is_no_numbering(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(content)
    with pytest.raises(VolumeError, match=r"\A[^\n]*bad\.toml[^\n]*\Z"):
        scheme(str(path))


def test_wrong_names_are_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="did you mean 'totalsegmentator'"):
        scheme("totalsegmentor")
    with pytest.raises(VolumeError, match="did you mean 'sacrum'"):
        label_number("verse", "sacrm")
    with pytest.raises(VolumeError, match="cannot be read"):
        scheme(str(tmp_path / "absent.toml"))


def test_present_names_what_is_there() -> None:
    assert present(patient()) == ("L1", "L3")
    assert present(without_labels()) == ()


def test_content_by_label() -> None:
    volume = patient()
    assert np.array_equal(np.asarray(with_content(volume, "L3").mask), np.asarray(volume.labels) == 22)
    assert np.array_equal(label_mask(volume, ["L1", "L3"]), np.asarray(volume.labels) > 0)
    assert with_content(with_content(volume, "L3"), "everything").mask is None


def test_absent_labels_are_told_from_wrong_ones() -> None:
    with pytest.raises(VolumeError, match="L2 not in this volume; its labels hold L1, L3"):
        label_mask(patient(), "L2")
    with pytest.raises(VolumeError, match="no label 'L9' in scheme 'verse'"):
        label_mask(patient(), "L9")
    with pytest.raises(VolumeError, match="no labels to find L3 by"):
        label_mask(without_labels(), "L3")


def test_the_body_is_found_without_its_table() -> None:
    body = body_mask(without_labels())
    trunk = ellipsoid((30, 20, 20), (25, 15, 100))
    assert body[trunk].mean() > 0.99
    # Gas that leaves through the top of the grid is inside the body in every axial slice.
    assert body[ellipsoid((30, 16, 40), (6, 5, 20))].all()
    assert not body[:, 38:].any()
    assert body[5:55, 36:38].mean() < 0.2
    assert not body[:, :3].any()


def test_the_body_does_not_depend_on_the_order_of_axes() -> None:
    volume = without_labels()
    turned = Volume(hu=np.ascontiguousarray(volume.hu.transpose(2, 0, 1)), affine=AFFINE[:, [2, 0, 1, 3]])
    assert np.array_equal(body_mask(turned), body_mask(volume).transpose(2, 0, 1))


def test_bone_is_labelled_or_dense_and_in_the_body() -> None:
    labelled = bone_mask(patient())
    assert np.array_equal(labelled, np.asarray(patient().labels) > 0)
    found = bone_mask(without_labels())
    assert found[labelled].all()
    assert found[:, :36].sum() == labelled.sum()
    assert found[:, 36:].sum() < 0.2 * (50 * 2 * 40)


def test_organs_in_totalsegmentators_numbers_are_no_bone() -> None:
    volume = patient()
    labels = np.asarray(volume.labels).copy()
    labels[labels == 20] = 5  # the liver
    labels[labels == 22] = 29
    mixed = Volume(hu=volume.hu, affine=AFFINE, labels=labels, label_scheme="totalsegmentator")
    assert np.array_equal(bone_mask(mixed), labels == 29)
    assert present(mixed) == ("liver", "L3")


def test_air_has_neither_body_nor_bone() -> None:
    air = Volume(hu=np.full((8, 8, 8), -1000, np.float32), affine=AFFINE)
    water = Volume(hu=np.zeros((8, 8, 8), np.float32), affine=AFFINE)
    with pytest.raises(VolumeError, match="no body"):
        with_content(air, "body")
    with pytest.raises(VolumeError, match="no bone"):
        with_content(water, "bone")


def test_landmarks_lie_spread_on_the_surface() -> None:
    volume = patient()
    points = surface_landmarks(volume, count=60)
    assert points.shape == (60, 3)
    index = np.rint(transform_points(np.asarray(np.linalg.inv(AFFINE), dtype=np.float64), points)).astype(int)
    bone = bone_mask(volume)
    for point in index:
        assert bone[tuple(point)]
        assert not bone[tuple(slice(n - 1, n + 2) for n in point)].all()
    apart = np.linalg.norm(points[:, None] - points[None], axis=2) + np.eye(60) * 1e3
    assert apart.min() > 3.5
    # Both vertebrae, of equal size, get equal shares.
    upper = (points[:, 2] > -262).sum()
    assert 25 <= upper <= 35


def test_landmarks_are_repeatable_and_follow_the_mask() -> None:
    volume = patient()
    first = surface_landmarks(volume, count=20, seed=3)
    assert np.array_equal(first, surface_landmarks(volume, count=20, seed=3))
    assert not np.array_equal(first, surface_landmarks(volume, count=20, seed=4))
    assert surface_landmarks(with_content(volume, "L3"), count=20)[:, 2].max() < -268


def test_a_cut_through_the_content_is_no_surface() -> None:
    half = with_content(crop(patient(), (0, 0, 10), (60, 50, 40)), "L3")
    index = transform_points(
        np.asarray(np.linalg.inv(half.affine), dtype=np.float64), surface_landmarks(half, count=40)
    )
    on_the_cut = index[np.rint(index[:, 2]) == 0]
    from_axis = np.linalg.norm(on_the_cut[:, :2] - [30, 25], axis=1)
    assert len(on_the_cut) > 0
    assert from_axis.min() > 3.5


def test_too_many_landmarks_are_refused() -> None:
    with pytest.raises(VolumeError, match="ask fewer"):
        surface_landmarks(patient(), count=10_000)
    with pytest.raises(VolumeError, match="at least 1"):
        surface_landmarks(patient(), count=0)


@pytest.fixture
def real_data() -> Path:
    folder = os.environ.get("FLUOROBENCH_DATA")
    if folder is None:
        pytest.skip("FLUOROBENCH_DATA is not set: no real CTs here")
    return Path(folder)


def test_a_real_body_without_its_table(real_data: Path) -> None:
    volume = read_volume(real_data / "lumbar-4mm" / "ct.nii.gz")
    body = body_mask(volume)
    centre = np.argwhere(body).mean(axis=0)
    assert 0.27 < body.mean() < 0.31
    assert np.allclose(centre[:2], [256, 290], atol=25)
    # The table top begins at row 400 at the sides, some centimetres behind the back; its shell is dense.
    assert not body[:, 440:].any()
    assert (volume.hu[:, 440:] > -300).any()


def test_bone_of_a_real_ct_holds_its_labelled_vertebrae(real_data: Path) -> None:
    case = real_data / "lumbar-3mm"
    labelled = read_volume(case / "ct.nii.gz", labels=case / "vertebrae.nii.gz", label_scheme="totalsegmentator")
    dense = bone_mask(Volume(hu=labelled.hu, affine=labelled.affine))
    vertebrae = label_mask(labelled, ["L1", "L2", "L3", "L4", "L5"])
    assert dense[vertebrae].mean() > 2 * dense.mean()
    centre = with_content(labelled, "L3").content_centre()
    assert np.allclose(centre, [-0.5, -120.8, 310.3], atol=0.1)
    assert surface_landmarks(with_content(labelled, "bone")).shape == (200, 3)
