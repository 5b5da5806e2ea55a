"""CTs as DICOM of every kind: on their own grid with their own numbers, or one line says why not."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from bench.geometry import transform_points
from bench.volume import Volume, VolumeError
from bench.volume.describe import describe_volume, is_volume
from bench.volume.dicom import read_header
from bench.volume.read import read_volume

from .dicom_files import CT, ENHANCED_CT, write_dicom, write_series

UNTYPED: Any = pydicom  # its types of paths are incomplete
SHAPE = (24, 20, 16)
POSITIONS = [(10.0, 20.0, 100.0 + 3 * k) for k in range(SHAPE[2])]
BLOCK = (24.0, 32.0, 133.0)
TAG = "1.2.840.10008.5.1.4.1.1"


def stored() -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Air with one block at (5..9, 4..8, 9..13), HU + 1024."""
    numbers = np.full(SHAPE, 24, np.uint16)
    numbers[3:20, 3:17, 2:14] = 1064
    numbers[5:10, 4:9, 9:14] = 2224
    return numbers


def block(volume: Volume) -> tuple[float, ...]:
    return tuple(transform_points(volume.affine, np.argwhere(volume.hu > 1000)).mean(axis=0).round(6))


def refusal(path: Path, **said: Any) -> str:
    with pytest.raises(VolumeError) as caught:
        read_volume(path, **said)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def enhanced(
    path: Path, order: list[int], *, shared: dict[str, Any] | None = None, heights: list[float] | None = None
) -> Path:
    """An enhanced CT whose n-th frame is slice ``order[n]``, each with its own position and rescale."""
    where = heights or [position[2] for position in POSITIONS]
    measures = {"PixelMeasuresSequence": [{"PixelSpacing": [2, 2], "SliceThickness": "3"}]}
    planes = {"PlaneOrientationSequence": [{"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}]}
    frames = [
        {
            "PlanePositionSequence": [{"ImagePositionPatient": [10, 20, where[k]]}],
            "PixelValueTransformationSequence": [
                {"RescaleSlope": str(1 + k % 2), "RescaleIntercept": "-1024", "RescaleType": "HU"}
            ],
        }
        for k in order
    ]
    scale = np.array([1 + k % 2 for k in order])[:, np.newaxis, np.newaxis]
    numbers = np.asarray(np.transpose(stored())[order] // scale, dtype=np.uint16)
    stated = {
        "Modality": "CT",
        "SharedFunctionalGroupsSequence": [shared if shared is not None else {**measures, **planes}],
        "PerFrameFunctionalGroupsSequence": frames,
    }
    return write_dicom(path, stated, numbers, sop_class=ENHANCED_CT)


def test_frames_of_an_enhanced_ct_lie_where_they_say(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(SHAPE[2]).tolist()
    volume = read_volume(enhanced(tmp_path / "ct.dcm", order))
    assert block(volume) == BLOCK
    np.testing.assert_array_equal(volume.hu, stored().astype(np.float32) - 1024)


def test_an_enhanced_ct_that_is_no_stack_is_refused(tmp_path: Path) -> None:
    heights = [100.0 + 3 * k + (20 if k > 8 else 0) for k in range(16)]
    order = list(range(16))
    assert "unevenly spaced" in refusal(enhanced(tmp_path / "uneven.dcm", order, heights=heights))
    assert "doubled" in refusal(enhanced(tmp_path / "twice.dcm", order, heights=[100.0 + 3 * (k // 2) for k in order]))
    message = refusal(enhanced(tmp_path / "bare.dcm", order, shared={}))
    assert "spacing (PixelSpacing)" in message
    assert "direction (ImageOrientationPatient)" in message


@pytest.mark.parametrize("more", [{}, {"SpacingBetweenSlices": "3"}, {"SliceThickness": "3"}])
def test_many_frames_with_one_position_state_no_geometry(tmp_path: Path, more: dict[str, str]) -> None:
    stated = {
        "Modality": "CT",
        "ImagePositionPatient": [10, 20, 100],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [2, 2],
        "RescaleSlope": "1",
        "RescaleIntercept": "-1024",
        **more,
    }
    path = write_dicom(tmp_path / "ct.dcm", stated, np.transpose(stored()), sop_class=CT)
    message = refusal(path)
    assert "a position for each frame" in message
    assert "--voxel-spacing-mm" in message
    volume = read_volume(path, voxel_spacing_mm=(2.0, 2.0, 3.0))
    np.testing.assert_array_equal(volume.spacing_mm, (2, 2, 3))
    assert volume.hu.max() == 1200


def test_a_series_is_read_in_the_order_of_its_positions(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path / "up", stored(), POSITIONS))
    assert block(volume) == BLOCK
    # Instance numbers that run down, files in another order.
    downwards = write_series(tmp_path / "down", stored()[:, :, ::-1], POSITIONS[::-1])
    np.testing.assert_array_equal(read_volume(downwards).hu, volume.hu)
    assert read_volume(downwards).affine.tolist() == volume.affine.tolist()


@pytest.mark.parametrize("name", ["PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"])
def test_what_a_series_does_not_state_is_asked_for(tmp_path: Path, name: str) -> None:
    folder = write_series(tmp_path / "ct", stored(), POSITIONS, {name: None})
    assert name in refusal(folder)
    given = read_volume(folder, voxel_spacing_mm=(2.0, 2.0, 3.0))
    np.testing.assert_array_equal(given.hu, stored().astype(np.float32) - 1024)
    if name == "PixelSpacing":
        one = folder / "005.dcm"
        shutil.copy(write_series(tmp_path / "whole", stored(), POSITIONS) / "005.dcm", one)
        assert "PixelSpacing" in refusal(folder)
    assert describe_volume(folder).missing


def test_a_stated_geometry_is_not_overruled(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct", stored(), POSITIONS)
    assert "states its own geometry" in refusal(folder, voxel_spacing_mm=(1.0, 1.0, 1.0))


def test_three_dimensional_angiography_is_a_volume(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "xa", stored(), POSITIONS, {"Modality": "XA", "SOPClassUID": f"{TAG}.12.1"})
    assert block(read_volume(folder)) == BLOCK


@pytest.mark.parametrize(("modality", "what"), [("RTDOSE", "dose"), ("MR", "magnetic"), ("PT", "PET"), ("SEG", "segm")])
def test_what_is_no_ct_says_so(tmp_path: Path, modality: str, what: str) -> None:
    folder = write_series(tmp_path / "other", stored(), POSITIONS, {"Modality": modality})
    assert what in refusal(folder)
    dose = write_dicom(tmp_path / "dose.dcm", {"Modality": modality}, np.transpose(stored()))
    assert what in refusal(dose)


def test_tilted_gantries_and_oblique_stacks_are_read_exactly(tmp_path: Path) -> None:
    positions = [(10.0, 20.0 + 0.8 * k, 100.0 + 3 * k) for k in range(SHAPE[2])]
    volume = read_volume(write_series(tmp_path / "tilted", stored(), positions))
    index = np.argwhere(stored() > 2000).mean(axis=0)
    expected = (10 + 2 * index[0], 20 + 2 * index[1] + 0.8 * index[2], 100 + 3 * index[2])
    np.testing.assert_allclose(block(volume), expected, atol=1e-6)
    turned = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}
    sagittal = [(7.0 + 1.5 * k, -40.0, 60.0) for k in range(SHAPE[2])]
    found = read_volume(write_series(tmp_path / "sagittal", stored(), sagittal, turned)).affine
    np.testing.assert_allclose(found[:3, :3], np.array([[0, 0, -1.5], [2, 0, 0], [0, -2.0, 0]]), atol=1e-12)
    assert found[0, 3] == 7 + 1.5 * 15


def test_padding_is_air(tmp_path: Path) -> None:
    numbers = stored().astype(np.int16) - 1024
    numbers[0, :, :] = 3071
    series = {"RescaleIntercept": "0", "PixelPaddingValue": 3071, "PixelRepresentation": 1}
    volume = read_volume(write_series(tmp_path / "ct", numbers, POSITIONS, series))
    assert (volume.hu[0] == -1000).all()


def test_localisers_and_slices_of_other_sizes_are_named(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct", stored(), POSITIONS)
    scout = write_series(
        tmp_path / "scout",
        np.full((30, 50, 1), 40, np.uint16),
        [(0, 0, 0)],
        {"ImageType": "ORIGINAL\\PRIMARY\\LOCALIZER"},
    )
    shutil.copy(scout / "000.dcm", folder / "scout.dcm")
    assert "1 localiser image(s) beside its slices (scout.dcm)" in refusal(folder)
    other = write_series(tmp_path / "other", np.full((30, 50, 1), 40, np.uint16), [(0, 0, 0)])
    shutil.copy(other / "000.dcm", folder / "scout.dcm")
    message = refusal(folder)
    assert "16 of 20 x 24, 1 of 50 x 30" in message
    assert "scout.dcm" in message


def test_a_slice_that_lost_its_size_is_not_left_out(tmp_path: Path) -> None:
    """Three slices 2 mm apart became two that were 4 mm apart."""
    folder = write_series(tmp_path / "ct", stored()[:, :, :3], POSITIONS[:3])
    path = str(folder / "001.dcm")
    damaged = UNTYPED.dcmread(path)
    del damaged.Rows, damaged.PixelData
    damaged.save_as(path)
    assert "1 of 3 files of the series state no Rows (the first is 001.dcm)" in refusal(folder)


def test_slices_elsewhere_are_found_and_named(tmp_path: Path) -> None:
    write_series(tmp_path / "study" / "s1", stored(), POSITIONS)
    write_series(tmp_path / "study" / "s2", stored()[:, :, :3], POSITIONS[:3])
    message = refusal(tmp_path / "study")
    assert "s1 (16 files), s2 (3 files)" in message
    index = tmp_path / "study" / "DICOMDIR"
    raw = (tmp_path / "study" / "s1" / "000.dcm").read_bytes()
    index.write_bytes(raw[: raw.index(b"\x28\x00\x02\x00")])
    assert "s1 (16 files)" in refusal(tmp_path / "study")
    assert "DICOMDIR is an index" in refusal(index)
    assert "no DICOM series" in refusal(write_series(tmp_path / "empty", stored(), []))


def test_series_are_listed_and_chosen(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct", stored(), POSITIONS, {"SeriesDescription": "thin"})
    more = write_series(tmp_path / "more", stored()[:, :, :3], POSITIONS[:3], {"SeriesInstanceUID": "1.2.3.10"})
    for path in more.iterdir():
        shutil.copy(path, folder / f"more-{path.name}")
    assert "--series UID" in refusal(folder)
    assert describe_volume(folder).fields[0][1] == "no description, 3 slices"
    assert describe_volume(folder).missing == ("which series: give --series UID",)
    assert read_volume(folder, series="1.2.3.9").shape == SHAPE
    assert ("series 1.2.3.9", "thin, 16 slices") in describe_volume(folder, "1.2.3.9").fields


def test_labels_of_several_series_name_their_own_remedy(tmp_path: Path) -> None:
    """There is no --series for a label map."""
    ct = write_series(tmp_path / "ct", stored(), POSITIONS)
    labels = write_series(tmp_path / "labels", np.ones(SHAPE, np.uint16), POSITIONS, {"RescaleIntercept": "0"})
    said: dict[str, Any] = {"labels": labels, "label_scheme": "verse"}
    assert read_volume(ct, **said).labels is not None
    write_dicom(labels / "more.dcm", {"Modality": "CT", "SeriesInstanceUID": "1.2.3.10"}, np.ones((4, 4), np.uint16))
    assert "put that of the labels into a folder of its own" in refusal(ct, **said)
    segmentation = write_dicom(tmp_path / "seg.dcm", {"Modality": "SEG"}, np.transpose(stored()))
    assert "convert it to NIfTI" in refusal(ct, labels=segmentation, label_scheme="verse")


def test_volumes_and_images_are_told_apart_by_their_headers(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct", stored(), POSITIONS)
    assert is_volume(folder)
    assert is_volume(folder / "000.dcm")
    assert is_volume(enhanced(tmp_path / "enhanced.dcm", list(range(16))))
    assert not is_volume(write_dicom(tmp_path / "xa.dcm", {"Modality": "XA"}, np.transpose(stored())))
    assert read_header(folder / "000.dcm").numbers("PixelSpacing") == (2.0, 2.0)


def test_a_huge_promise_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct", stored(), POSITIONS, {"Rows": 60000, "Columns": 60000})
    assert "cut short" in refusal(folder)
    many = write_dicom(tmp_path / "many.dcm", {"Modality": "CT", "NumberOfFrames": "2000000"}, np.transpose(stored()))
    assert "cut short" in refusal(many)
