"""One grid for all: what is brought to it keeps its place, its mean and its bone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from bench import registry
from bench.contract import Patient, PatientOrigin, Split
from bench.errors import FluorobenchError
from bench.geometry import transform_points
from bench.volume.content import bone_mask

SPACING = (1.0, 1.5, 2.0)
SHAPE = (60, 50, 40)


@pytest.fixture
def ct(tmp_path: Path) -> dict[str, Any]:
    """A body of water with a block of bone, L3, in it, stored flipped along x; and its label map."""
    hu = np.full(SHAPE[::-1], 0.0, np.float32)
    bone = (slice(10, 30), slice(20, 36), slice(20, 44))
    hu[bone] = 600.0
    labels = np.zeros(SHAPE[::-1], np.uint16)
    labels[bone] = 22
    settings: dict[str, Any] = {"label_scheme": "verse", "id": "block"}
    for name, array in (("volume", hu), ("labels", labels)):
        image: Any = SimpleITK.GetImageFromArray(array)
        image.SetSpacing(SPACING)
        image.SetOrigin((100.0, -30.0, 500.0))
        image.SetDirection((-1, 0, 0, 0, 1, 0, 0, 0, 1))
        settings[name] = str(tmp_path / f"{name}.nii.gz")
        SimpleITK.WriteImage(image, settings[name])
    return settings


def on_grid(ct: dict[str, Any], **settings: Any) -> Patient:
    dataset = registry.build("datasets", "common_grid", {"source": "ct_file", "settings": ct, **settings})
    patient: Patient = dataset.patient("block")
    return patient


def test_a_ct_that_has_the_spacing_already_is_only_turned_and_cropped(ct: dict[str, Any]) -> None:
    volume = on_grid(ct, spacing_mm=SPACING).volume
    np.testing.assert_allclose(np.diag(volume.affine)[:3], SPACING)
    assert volume.shape == SHAPE
    assert sorted(np.unique(volume.hu)) == pytest.approx([0.0, 600.0], abs=1e-3)
    np.testing.assert_array_equal(volume.hu > 300, bone_mask(volume))


def test_bone_stays_where_it_was_and_keeps_its_attenuation_when_blurred(ct: dict[str, Any]) -> None:
    fine, coarse = (on_grid(ct, spacing_mm=spacing).volume for spacing in (SPACING, (3.0, 3.0, 3.0)))
    centres = [
        transform_points(each.affine, np.argwhere(each.labels == 22)).mean(axis=0)  # verse's L3 is the phantom's
        for each in (fine, coarse)
    ]
    np.testing.assert_allclose(centres[0], centres[1], atol=1.6)
    totals = [float(each.hu.sum()) * float(np.prod(each.spacing_mm)) for each in (fine, coarse)]
    assert totals[1] == pytest.approx(totals[0], rel=0.05)
    edge = coarse.hu[(coarse.hu > 30) & (coarse.hu < 570)]
    assert edge.size > 50  # partial volume, which sampling alone would leave out


def test_the_field_is_cut_about_the_spine_but_not_from_front_to_back(ct: dict[str, Any]) -> None:
    volume = on_grid(ct, spacing_mm=SPACING, field_mm=(30.0, 40.0)).volume
    assert volume.shape[0] * SPACING[0] <= 31
    assert volume.shape[1] == SHAPE[1]
    assert volume.shape[2] * SPACING[2] <= 42


def test_without_labels_a_box_and_a_threshold_find_the_bone(ct: dict[str, Any]) -> None:
    labelled = on_grid(ct, spacing_mm=SPACING).volume
    where = transform_points(labelled.affine, np.argwhere(bone_mask(labelled)))
    low, high = where.min(axis=0) - 0.2, where.max(axis=0) + 0.2
    unlabelled = {key: value for key, value in ct.items() if not key.startswith("label")}
    box = (tuple(low.tolist()), tuple(high.tolist()))
    found = on_grid(unlabelled, spacing_mm=SPACING, bone="threshold", box=box).volume
    np.testing.assert_array_equal(bone_mask(replace(found, label_scheme="phantom")), bone_mask(labelled))


def test_what_cannot_be_brought_to_the_grid_is_one_clear_line(ct: dict[str, Any]) -> None:
    unlabelled = {key: value for key, value in ct.items() if not key.startswith("label")}
    box = ((0.0, 0.0, 0.0), (1.0, -1.0, 1.0))
    for settings, message in (
        ({}, "give a label map that holds L1 to L5, or a box"),
        ({"box": box, "bone": "threshold"}, "lower corner first"),
        ({"box": ((50.0, 0.0, 510.0), (90.0, 30.0, 560.0))}, "needs a label map"),
    ):
        with pytest.raises(FluorobenchError, match=message):
            on_grid(unlabelled, **settings)
    with pytest.raises(FluorobenchError, match=r"no lumbar spine: the labels hold .* would fit"):
        on_grid({**ct, "label_scheme": "deepfluoro"})
    with pytest.raises(FluorobenchError, match="must be positive"):
        registry.build("datasets", "common_grid", {"spacing_mm": (0.0, 1.0, 1.0)})
    with pytest.raises(FluorobenchError, match="a dataset of its own"):
        registry.build("datasets", "common_grid", {"source": "common_grid"})


def test_splits_and_origins_are_the_sources() -> None:
    dataset = registry.build("datasets", "common_grid", {"source": "phantom"})
    assert dataset.origin("phantom-v5-200000") == PatientOrigin("phantom", 5, 200000)
    assert dataset.patient_ids(Split.TEST)[0] == "phantom-v5-200000"


def test_only_those_asked_for_are_used_and_each_must_be_there() -> None:
    settings = {"source": "phantom"}
    chosen = registry.build("datasets", "common_grid", {**settings, "only": ["phantom-v5-200007"]})
    assert list(chosen.patient_ids(Split.TEST)) == ["phantom-v5-200007"]
    with pytest.raises(FluorobenchError, match="phantom-v5-200007 not among the train patients of phantom"):
        chosen.patient_ids(Split.TRAIN)
