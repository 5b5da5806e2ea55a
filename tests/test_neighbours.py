"""Bones that move beside the registered one: where they go, what they leave, what is written down and repeated."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from bench.cases.build import build_case
from bench.cases.hashes import problem_hash
from bench.cases.neighbours import neighbour_names, with_neighbours
from bench.cases.prepare import load_patient, open_dataset, patient_ids, target_of
from bench.cases.scene import protocol_scene
from bench.drr import project
from bench.errors import FluorobenchError
from bench.geometry import Matrix, compose
from bench.perturb import NeighbourError, NeighbourMotion, neighbour_motions
from bench.protocol import ProtocolError, load_protocol, read_protocol, validate
from bench.volume import FloatGrid, Volume, VolumeError
from bench.volume.articulate import SOFT_HU, articulate, structure_centre

LAW = NeighbourMotion(rotation_deg=4.0, translation_mm=2.0)


def two_bones() -> Volume:
    """Blocks of 900 HU in soft tissue, L2 above L3, on a grid of 2 mm that is not along the world's axes' signs."""
    labels = np.zeros((20, 20, 30), dtype=np.uint16)
    labels[5:15, 5:15, 4:10] = 22
    labels[5:15, 5:15, 14:20] = 21
    hu = np.where(labels > 0, 900, 0).astype(np.float32)
    affine = np.diag([-2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = [20, -10, 5]
    return Volume(hu, affine, labels=labels, label_scheme="verse")


def shift(*offset: float) -> np.ndarray:
    return compose(np.eye(3), np.array(offset))


def test_a_shift_by_whole_voxels_is_exact() -> None:
    before = two_bones()
    after = articulate(before, {"L2": shift(-4.0, 0, 6.0)})  # two voxels on along i, three along k
    assert after.labels is not None
    assert before.labels is not None
    np.testing.assert_array_equal(after.labels == 21, np.roll(before.labels == 21, (2, 3), (0, 2)))
    np.testing.assert_array_equal(after.labels == 22, before.labels == 22)
    assert (after.hu[after.labels > 0] == 900).all()
    assert after.hu[after.labels == 0].max() <= SOFT_HU
    assert before.hu.max() == 900  # nothing is written into the CT itself
    assert (before.labels == 21).sum() == 600


def test_a_turn_keeps_centre_and_size() -> None:
    before = two_bones()
    law = neighbour_motions(LAW.draw(np.random.default_rng(1), ["L2"]), {"L2": structure_centre(before, "L2")})
    after = articulate(before, law)
    assert after.labels is not None
    moved = np.argwhere(after.labels == 21)
    was = np.argwhere(np.asarray(before.labels) == 21)
    assert len(moved) == pytest.approx(len(was), rel=0.1)
    expected = law["L2"] @ before.affine @ np.append(was.mean(axis=0), 1)
    np.testing.assert_allclose((before.affine @ np.append(moved.mean(axis=0), 1))[:3], expected[:3], atol=0.5)


def test_still_bones_leave_the_ct_as_it_was() -> None:
    before = two_bones()
    assert articulate(before, {}) is before
    np.testing.assert_allclose(articulate(before, {"L2": np.eye(4)}).hu, before.hu, atol=1e-3)


def with_rims(volume: Volume) -> Volume:
    """The volume as a scanner shows it: voxels beside a bone are partly bone."""
    return replace(volume, hu=ndimage.gaussian_filter(volume.hu, 0.7) + np.float32(SOFT_HU))


@pytest.mark.parametrize("motion", [shift(-4.0, 0, 6.0), shift(-1.0, 1.0, 3.0), shift(0.4, -0.7, 2.6)])
def test_a_bone_moves_with_its_rim(motion: Matrix) -> None:
    before = with_rims(two_bones())
    after = articulate(before, {"L2": motion})
    first, second = (float((each.hu - SOFT_HU).sum()) for each in (before, after))
    assert second == pytest.approx(first, rel=0.005)
    # Its width along each axis, by second moments, which a lost rim would lower by several percent.
    widths = [_widths(np.maximum(each.hu[:, :, 12:] - SOFT_HU, 0)) for each in (before, after)]
    np.testing.assert_allclose(widths[1], widths[0], rtol=0.02)


def test_rims_of_still_bones_and_of_moved_ones_stay_as_they_were() -> None:
    before = with_rims(two_bones())
    np.testing.assert_allclose(articulate(before, {"L2": np.eye(4), "L3": np.eye(4)}).hu, before.hu, atol=1e-2)


def _widths(dense: FloatGrid) -> list[float]:
    places = np.indices(dense.shape)
    mean = [(each * dense).sum() / dense.sum() for each in places]
    return [float(np.sqrt(((each - m) ** 2 * dense).sum() / dense.sum())) for each, m in zip(places, mean, strict=True)]


def test_a_bone_that_leaves_the_grid_is_gone() -> None:
    after = articulate(two_bones(), {"L2": shift(0, 0, 500.0)})
    assert not (np.asarray(after.labels) == 21).any()


def test_draws_stay_within_the_law_and_are_read_back() -> None:
    names = [f"L{number}" for number in range(1, 6)]
    record = LAW.draw(np.random.default_rng(0), names)
    assert len(record) == 6 * 5
    assert max(abs(v) for k, v in record.items() if k.endswith("_deg")) <= 4
    assert max(abs(v) for k, v in record.items() if k.endswith("_mm")) <= 2
    centre = np.array([10.0, -20.0, 30.0])
    motion = neighbour_motions({**record, "other": 1.0}, {"L1": centre})["L1"]
    offset = (motion @ np.append(centre, 1))[:3] - centre
    np.testing.assert_allclose(offset, [record[f"neighbour_L1_{axis}_mm"] for axis in "xyz"], atol=1e-9)
    with pytest.raises(NeighbourError, match="neighbour_T12_rx_deg"):
        neighbour_motions(record, {"T12": centre})


def small(**target: Any) -> Any:
    """One patient of the mismatch protocol's profile, at 32 pixels."""
    protocol = load_protocol("mismatch", "neighbours")
    tables = protocol.model_dump()
    tables["data"]["patients"] = tables["start"]["per_patient"] = 1
    tables["camera"] |= {"height": 32, "width": 32, "spacing_mm": 6.4}
    tables["target"] |= target
    return validate(tables, source="test")


def test_a_case_is_posed_again_with_the_motions_that_were_written_down() -> None:
    protocol = small()
    dataset = open_dataset(protocol)
    staged = load_patient(protocol, dataset, patient_ids(protocol, dataset)[0])
    names = neighbour_names(protocol_scene(protocol), staged)
    assert "L3" not in names
    assert {"L2", "L4"} <= set(names)
    posed = build_case(protocol, staged, 0)
    drawn = posed.problem_record.views[0].drawn
    assert drawn is not None
    assert len(drawn) == 6 * len(names)
    again = build_case(protocol.model_copy(update={"seed": 1}), staged, 0, recorded=posed.problem_record)
    assert again.problem_record.views[0].drawn == drawn
    still = build_case(small(neighbours=None), staged, 0)
    image, plain = (each.case.problem.views[0].image for each in (posed, still))
    assert image is not None
    assert plain is not None
    assert np.abs(image - plain).max() > 0.05
    np.testing.assert_array_equal(posed.case.truth, still.case.truth)
    assert problem_hash(posed.problem_record) != problem_hash(still.problem_record)


def test_what_cannot_be_moved_is_said_in_one_line() -> None:
    volume = two_bones()
    with pytest.raises(VolumeError, match="T12"):
        articulate(volume, {"T12": np.eye(4)})
    with pytest.raises(VolumeError, match="no labels"):
        articulate(replace(volume, labels=None, label_scheme=None), {"L2": np.eye(4)})
    with pytest.raises(ProtocolError, match="must not be negative"):
        small(neighbours={"rotation_deg": -1.0, "translation_mm": 0.0})
    with pytest.raises(ProtocolError, match="rotation_mm"):
        small(neighbours={"rotation_deg": 1.0, "translation_mm": 0.0, "rotation_mm": 2.0})
    protocol = small()
    dataset = open_dataset(protocol)
    staged = load_patient(protocol, dataset, patient_ids(protocol, dataset)[0])
    bare = replace(staged, patient=replace(staged.patient, volume=replace(volume, labels=None, label_scheme=None)))
    with pytest.raises(FluorobenchError, match="no labelled bone"):
        neighbour_names(protocol_scene(protocol), bare)


@pytest.mark.parametrize(("shown", "with_the_body"), [("L3", False), ("L1", True)])
def test_a_body_that_moved_as_one_leaves_the_registered_bone_where_the_truth_says(
    shown: str, with_the_body: bool
) -> None:
    """The X-ray shows one vertebra: the registered one, which stays, or another, which moves with the body."""
    motion = NeighbourMotion(rotation_deg=8.0, translation_mm=8.0, together=True)
    data = {"dataset": "phantom", "settings": {"size": 64, "spacing_mm": 4.0}, "patients": 1}
    protocol = read_protocol("mismatch", "neighbours", {"data": data})
    scene = replace(protocol_scene(protocol), target=shown, neighbours=motion)
    staged = load_patient(protocol, open_dataset(protocol), patient_ids(protocol, open_dataset(protocol))[0])
    staged = replace(staged, target=target_of(scene, staged.patient.volume), materials=None)
    moved = with_neighbours(scene, staged, 3, "case")
    truth, camera = staged.frame.nominal, scene.camera.binned(4)
    seen = project(moved.prepared.target, (truth @ moved.pose_change)[None], camera).numpy().reshape(-1)
    still = project(staged.target, truth[None], camera).numpy().reshape(-1)
    carried = project(staged.target, (truth @ moved.pose_change)[None], camera).numpy().reshape(-1)
    here, there = np.corrcoef(seen, still)[0, 1], np.corrcoef(seen, carried)[0, 1]
    assert (there > 0.98 > here) if with_the_body else (here > 0.98 > there)
    assert set(moved.drawn) == {
        f"neighbour_body_{part}" for part in ("rx_deg", "ry_deg", "rz_deg", "x_mm", "y_mm", "z_mm")
    }


def test_one_bone_that_stays_and_a_body_that_moves_as_one_exclude_each_other() -> None:
    with pytest.raises(NeighbourError, match="leave out still"):
        NeighbourMotion(rotation_deg=1.0, translation_mm=1.0, still="L3", together=True)
