"""A bone that has moved against the body since the CT: the CT in two parts, and the bone's pose before the body."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.cases.build import build_case
from bench.cases.prepare import load_patient, open_dataset, patient_ids
from bench.contract import Case, Estimate
from bench.drr import AttenuationMap, project
from bench.geometry import compose, rotation_angle_deg
from bench.protocol import read_protocol
from bench.register.bone_and_body import split
from bench.registry import build
from bench.volume.content import with_content

SMALL = {"settings": {"size": 96, "spacing_mm": 2.7}, "patients": 1}


def case_of(target: Mapping[str, Any], camera: Mapping[str, Any] | None = None) -> Case:
    """The first case of ``mismatch``, on a small grid."""
    protocol = read_protocol("mismatch", "quick", {"data": SMALL, "target": target, "camera": camera or {}})
    dataset = open_dataset(protocol)
    return build_case(protocol, load_patient(protocol, dataset, patient_ids(protocol, dataset)[0]), 0).case


@pytest.fixture(scope="module")
def still() -> Case:
    """Bone and body as in the CT."""
    return case_of({})


@pytest.fixture(scope="module")
def moved() -> Case:
    """The body has turned by up to 4 degrees about the spine, and moved by up to 2 mm."""
    return case_of({"neighbours": {"rotation_deg": 4.0, "translation_mm": 2.0, "together": True}})


def registered(case: Case, **settings: Any) -> Estimate:
    method = build("methods", "opt_whole_ct", settings)
    answer: Estimate = method.register(case.problem, method.prepare(case.problem.volume, case.problem.views))
    return answer


def test_both_parts_add_up_to_the_ct(still: Case) -> None:
    volume, view = still.problem.volume, still.problem.views[0]
    assert volume.whole is not None
    shown = with_content(volume.whole, "body")
    parts = split(shown, volume, 0.0)
    assert parts is not None
    pose = (view.camera_from_rig @ still.truth)[None]
    sum_of_parts, whole = (
        sum(np.asarray(project(each, pose, view.camera).numpy()[0]) for each in maps)
        for maps in ((parts.bone.attenuation[1], parts.body), (AttenuationMap.from_volume(shown),))
    )
    bone = np.asarray(project(parts.bone.attenuation[1], pose, view.camera).numpy()[0])
    assert np.max(bone) > 0.05 * np.max(whole)
    # The parts' grids differ, and the projector takes its steps at their planes.
    assert np.abs(sum_of_parts - whole).max() < 0.05 * np.max(bone)


def test_parts_need_a_mask_on_the_grid_of_the_ct(still: Case) -> None:
    volume = still.problem.volume
    assert volume.whole is not None
    assert split(volume.whole, replace(volume, mask=None), 2.0) is None
    aside = compose(np.eye(3), np.array([0.5, 0, 0])) @ volume.affine
    assert split(volume.whole, replace(volume, affine=aside), 2.0) is None


def test_of_a_body_that_has_moved_the_bones_pose_is_the_answer(moved: Case) -> None:
    body, bone = registered(moved, least_gain=None), registered(moved)
    assert rotation_angle_deg(body.pose, moved.truth) > 1.5
    assert rotation_angle_deg(bone.pose, moved.truth) < 0.7 * rotation_angle_deg(body.pose, moved.truth)


def test_of_a_body_that_has_not_moved_the_answer_is_the_bodys_pose(still: Case) -> None:
    np.testing.assert_array_equal(registered(still).pose, registered(still, least_gain=None).pose)


def test_two_views_tell_the_depth_of_a_bone_that_has_moved() -> None:
    far = case_of({"neighbours": {"rotation_deg": 4.0, "translation_mm": 4.0, "together": True}}, {"turns_deg": [30.0]})
    centre = np.append(far.problem.centre, 1)
    body, bone = (registered(far, **each).pose for each in ({"least_gain": None}, {}))
    body_mm, bone_mm = (float(np.linalg.norm((each @ centre - far.truth @ centre)[:3])) for each in (body, bone))
    assert bone_mm < 1.0
    assert bone_mm < body_mm / 2
