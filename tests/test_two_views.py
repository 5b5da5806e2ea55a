"""Several simulated views of one patient: the C-arm turns about it, and depth is no longer open."""

from pathlib import Path

import numpy as np
import pytest

from bench.cases.build import BuiltCase, build_case
from bench.cases.prepare import PreparedPatient, load_patient, open_dataset, patient_ids
from bench.drr import AttenuationMap, project
from bench.geometry import StandardView, nominal_pose, turned_view
from bench.protocol import Protocol, ProtocolError, read_protocol
from bench.registry import build

CENTRE, DEPTH = np.array([3.0, -40.0, 700.0]), 850.0


@pytest.mark.parametrize(("turn", "seen"), [(90.0, StandardView.LATERAL), (180.0, StandardView.PA)])
def test_turns_lead_from_one_standard_view_to_the_others(turn: float, seen: StandardView) -> None:
    turned = turned_view(turn, DEPTH) @ nominal_pose(StandardView.AP, CENTRE, DEPTH)
    np.testing.assert_allclose(turned, nominal_pose(seen, CENTRE, DEPTH), atol=1e-9)


def protocol(profile: str, name: str = "mismatch") -> Protocol:
    return read_protocol(name, profile, {"data": {"settings": {"size": 64, "spacing_mm": 4.0}, "patients": 1}})


def prepared(stated: Protocol) -> PreparedPatient:
    dataset = open_dataset(stated)
    return load_patient(stated, dataset, patient_ids(stated, dataset)[0])


def case_of(profile: str, index: int = 0) -> BuiltCase:
    stated = protocol(profile)
    return build_case(stated, prepared(stated), index)


def test_a_second_view_changes_neither_the_first_nor_truth_and_start() -> None:
    one, two = case_of("quick").case, case_of("biplane").case
    (first,), (same, second) = one.problem.views, two.problem.views
    assert first.image is not None
    assert same.image is not None
    assert second.image is not None
    np.testing.assert_array_equal(first.image, same.image)
    np.testing.assert_array_equal(one.truth, two.truth)
    np.testing.assert_array_equal(one.problem.start, two.problem.start)
    assert np.corrcoef(first.image.reshape(-1), second.image.reshape(-1))[0, 1] < 0.99
    np.testing.assert_allclose(second.camera_from_rig, turned_view(90.0, protocol("quick").camera.depth_mm))


def test_the_second_image_is_the_view_along_the_turned_beam() -> None:
    """It is what the projector renders there."""
    pair = protocol("biplane", "sopi-sim")
    case = build_case(pair, prepared(pair), 0).case
    second = case.problem.views[1]
    seen = project(
        AttenuationMap.from_volume(case.problem.volume), (second.camera_from_rig @ case.truth)[None], second.camera
    )
    assert second.image is not None
    assert np.corrcoef(seen.numpy().reshape(-1), second.image.reshape(-1))[0, 1] > 0.99


def test_depth_is_found_with_a_second_view() -> None:
    """Bone in a body, voxels of 4 mm: one view leaves millimetres of depth."""
    case = case_of("biplane").case
    method = build("methods", "opt_hybrid", {})
    found = method.register(case.problem, method.prepare(case.problem.volume, case.problem.views))
    centre = np.append(case.problem.centre, 1)
    assert abs((found.pose @ centre - case.truth @ centre)[2]) < 1.0


def test_networks_for_one_view_have_no_answer() -> None:
    problem = case_of("biplane").case.problem
    assert build("methods", "rtpi", {}).skip(problem) == "trained for one view; this problem has 2"


def test_a_turn_that_is_none_is_refused() -> None:
    with pytest.raises(ProtocolError, match="turns_deg"):
        read_protocol("mismatch", "quick", {"camera": {"turns_deg": [400.0]}})


def test_a_second_view_does_not_lead_the_whole_ct_astray(real_data: Path) -> None:
    """A start 10 mm of depth off is far off in the lateral view: sought in both from the start, it ends there."""
    folder = real_data / "lumbar-3mm"
    files = {"volume": str(folder / "ct.nii.gz"), "labels": str(folder / "vertebrae.nii.gz")}
    data = {"dataset": "ct_file", "patients": 1, "settings": {**files, "label_scheme": "totalsegmentator"}}
    stated = read_protocol("mismatch", "biplane", {"data": data, "start": {"per_patient": 2}})
    case = build_case(stated, prepared(stated), 1).case
    method = build("methods", "opt_whole_ct", {})
    found = method.register(case.problem, method.prepare(case.problem.volume, case.problem.views))
    centre = np.append(case.problem.centre, 1)
    assert np.linalg.norm((found.pose @ centre - case.truth @ centre)[:3]) < 1.0
