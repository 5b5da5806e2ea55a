"""A box crops what methods are given and not the X-ray; captions state what the volume behind an X-ray covers."""

from pathlib import Path

import numpy as np
import pytest

from bench.cases.extent import Coverage, Extent, coverage, coverage_text, extent_of
from bench.cases.prepare import PreparedPatient, load_patient, open_dataset, patient_ids
from bench.geometry import Camera, StandardView, nominal_pose
from bench.protocol import read_protocol
from bench.protocol.model import Protocol
from bench.volume import Volume
from bench.volume.region import Box
from bench.volume.write import write_image

BOX: Box = ((-20.0, -20.0, -20.0), (20.0, 20.0, 20.0))


def protocol_of(name: str, folder: Path, box: Box | None) -> Protocol:
    """A protocol on a CT file of bone in soft tissue in air."""
    hu = np.full((40, 30, 40), -1000, dtype=np.float32)
    hu[4:36, 4:26] = 40.0
    hu[16:24, 12:20, 4:36] = 700.0
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -2.0 * (np.array(hu.shape) - 1)
    ct = write_image(folder / "ct.nii.gz", hu, affine)
    data = {"dataset": "ct_file", "patients": 1, "settings": {"volume": str(ct)}, "region": "whole", "box": box}
    return read_protocol(name, "smoke", {"data": data})


def prepared(protocol: Protocol) -> PreparedPatient:
    dataset = open_dataset(protocol)
    return load_patient(protocol, dataset, patient_ids(protocol, dataset)[0])


def test_a_box_crops_what_methods_are_given_and_not_the_xray_of_the_whole_body(tmp_path: Path) -> None:
    whole = prepared(protocol_of("mismatch", tmp_path, None))
    boxed = prepared(protocol_of("mismatch", tmp_path, BOX))
    assert boxed.moving.shape < whole.moving.shape
    np.testing.assert_array_equal(boxed.target.mu, whole.target.mu)
    assert boxed.extent == whole.extent
    assert boxed.hash != whole.hash


def test_a_box_crops_both_where_content_is_matched(tmp_path: Path) -> None:
    protocol = protocol_of("sopi-sim", tmp_path, BOX)
    boxed = prepared(protocol)
    assert protocol.matched
    assert boxed.target is boxed.moving_map
    assert boxed.extent.shape == boxed.moving.shape


@pytest.mark.parametrize(("target_region", "matched"), [(None, True), ("whole", False)])
def test_content_is_matched_only_where_the_xray_has_the_same_box(
    tmp_path: Path, target_region: str | None, matched: bool
) -> None:
    protocol = protocol_of("sopi-sim", tmp_path, BOX)
    data = protocol.data.model_copy(update={"target_region": target_region})
    changed = protocol.model_copy(update={"data": data})
    assert changed.matched is matched
    assert (prepared(changed).target.mu.size == prepared(changed).moving_map.mu.size) is matched


CAMERA = Camera.centred(sdd_mm=1000.0, height=101, width=101, spacing_mm=1.0)
OPEN = (False, False)


def slab(*, height_mm: float, cut: bool) -> Extent:
    """1 mm thin, wider than the image, its centre at the origin."""
    size = int(height_mm)
    affine = np.eye(4)
    affine[:3, 3] = -(np.array([400, 1, size]) - 1) / 2
    rows = tuple(tuple(float(number) for number in row) for row in affine)
    return Extent((400, 1, size), rows, (OPEN, OPEN, (cut, cut)))


def test_coverage_is_the_share_of_rays_through_the_volume() -> None:
    pose = nominal_pose(StandardView.AP, np.zeros(3), 500.0)
    # 25 mm half-way to the detector are 50 of its 101 pixels of 1 mm, from -25 to 25: 51 rows of rays.
    found = coverage(slab(height_mm=25, cut=True), pose, CAMERA)
    assert found.share == pytest.approx(51 / 101)
    assert found.missing == pytest.approx(50 / 101)
    assert coverage(slab(height_mm=25, cut=False), pose, CAMERA) == Coverage(found.share, 0.0)
    assert coverage(slab(height_mm=90, cut=True), pose, CAMERA) == Coverage(1.0, 0.0)


def test_what_lies_behind_the_source_covers_nothing() -> None:
    behind = nominal_pose(StandardView.AP, np.zeros(3), -500.0)
    assert coverage(slab(height_mm=90, cut=True), behind, CAMERA).share == 0.0


def test_content_at_a_face_of_the_grid_is_cut() -> None:
    hu = np.full((6, 6, 6), -1000, dtype=np.float32)
    hu[2:4, 2:4, :4] = 0.0
    assert extent_of(Volume(hu, np.eye(4))).cut == (OPEN, OPEN, (True, False))
    assert extent_of(Volume(hu, np.eye(4), mask=hu > 100)).cut == (OPEN, OPEN, OPEN)


def test_the_caption_tells_the_range_and_where_a_volume_ends() -> None:
    assert (
        coverage_text([Coverage(1.0, 0.0)] * 2)
        == "the volume behind it covers 100 % of an image and ends inside none of 2"
    )
    assert coverage_text([Coverage(0.6, 0.25), Coverage(0.9, 0.0)]) == (
        "the volume behind it covers 60 to 90 % of an image and is cut off inside 1 of 2 "
        "(up to 25 % of an image lies beyond the cut)"
    )
