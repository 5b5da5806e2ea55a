"""A case of one's own: what its TOML file may say, and the one line that answers what it does not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import tifffile

from bench import registry
from bench.contract import Patient, Split
from bench.drr import AttenuationMap, project
from bench.errors import FluorobenchError
from bench.geometry.converters.autoscoper import format_calibration, to_autoscoper
from bench.xray.case import read_case

from .xray_files import CAMERA, QUARTER, SDD, SIZE, SPACING, bone, calibration, true_pose, write_case


def load(path: Path) -> Patient:
    dataset = registry.build("datasets", "xray_case", {"case": str(path)})
    patient: Patient = dataset.patient(dataset.patient_ids(Split.TEST)[0])
    return patient


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return write_case(tmp_path)


def test_projection_at_the_reference_is_the_xray(case: Path) -> None:
    patient = load(case)
    assert patient.id == "knee"
    np.testing.assert_array_equal(patient.volume.hu, bone().hu)
    (taken,) = patient.acquisitions
    assert taken.reference_uncertainty_mm == 1.5
    assert taken.reference is not None
    for view, where in zip(taken.views, (np.eye(4), QUARTER), strict=True):
        np.testing.assert_allclose(view.camera_from_rig, where)
        pose = (view.camera_from_rig @ taken.reference)[None]
        drr = project(AttenuationMap.from_volume(patient.volume), pose, view.camera)
        assert view.image is not None
        np.testing.assert_allclose(view.image, drr[0, 0].numpy(), atol=2e-4)
        assert drr.max() > 0.3


def test_autoscoper_texts_share_a_world(case: Path) -> None:
    somewhere = np.eye(4)
    somewhere[:3, 3] = (10, 20, 30)
    for number, where in enumerate((np.eye(4), QUARTER), start=1):
        text = format_calibration(to_autoscoper(CAMERA, where @ somewhere))
        (case.parent / f"cam{number}.txt").write_text(text)
    lines = [line for line in case.read_text().splitlines() if not line.startswith("camera_from_rig")]
    text = "\n".join(lines)
    for number in (1, 2):
        text = text.replace(calibration(), f'{{kind = "autoscoper", file = "cam{number}.txt"}}', 1)
    case.write_text(text)
    views = load(case).acquisitions[0].views
    np.testing.assert_allclose(views[1].camera_from_rig, QUARTER, atol=1e-9)
    assert views[0].camera.sdd_mm is None


def test_a_header_may_be_completed_by_hand(case: Path) -> None:
    header = f'{{kind = "header", sdd_mm = {SDD}, spacing_mm = {SPACING}}}'
    case.write_text(case.read_text().replace(calibration(), header))
    for view in load(case).acquisitions[0].views:
        np.testing.assert_allclose(view.camera.K, CAMERA.K)


def test_binning_and_reference_file(case: Path) -> None:
    text, _, reference = case.read_text().partition("[reference]")
    (case.parent / "found.toml").write_text("[reference]" + reference)
    case.write_text('reference_file = "found.toml"\n' + text.replace('flip = "none"', 'flip = "none"\nbinning = 2'))
    (taken,) = load(case).acquisitions
    assert taken.views[0].camera.width == SIZE // 2
    assert taken.reference is not None
    np.testing.assert_allclose(taken.reference, true_pose())


def test_a_stack_of_a_segmented_bone(case: Path) -> None:
    stack = np.zeros((6, 8, 10), np.uint16)
    stack[2:4, 3:6, 2:8] = 1500
    tifffile.imwrite(case.parent / "bone.tif", stack, photometric="minisblack")
    said = '"bone.tif"\nvoxel_spacing_mm = [0.5, 0.5, 1.0]'
    case.write_text(case.read_text().replace('"ct.nii.gz"', said))
    volume = load(case).volume
    assert volume.shape == (10, 8, 6)
    np.testing.assert_allclose(volume.spacing_mm, (0.5, 0.5, 1.0))


def _edit(old: str, new: str, count: int = -1) -> Callable[[Path], None]:
    def edit(case: Path) -> None:
        assert old in case.read_text()
        case.write_text(case.read_text().replace(old, new, count))

    return edit


def _mask_elsewhere(case: Path) -> None:
    labels = SimpleITK.GetImageFromArray(np.ones((30, 20, 24), np.uint8))
    SimpleITK.WriteImage(labels, str(case.parent / "labels.nii.gz"))
    said = 'volume = "ct.nii.gz"\nlabels = "labels.nii.gz"\nlabel_scheme = "verse"'
    _edit('volume = "ct.nii.gz"', said)(case)


def _colour(case: Path) -> None:
    pixels = SimpleITK.GetImageFromArray(np.zeros((SIZE, SIZE, 3), np.uint8), isVector=True)
    SimpleITK.WriteImage(pixels, str(case.parent / "colour.png"))
    _edit("view2.tif", "colour.png")(case)


def _inverted(case: Path) -> None:
    pixels = np.full((SIZE, SIZE), 255, np.uint8)
    pixels[20:70, 30:60] = 3
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(pixels), str(case.parent / "inverted.png"))
    _edit("view1.tif", "inverted.png")(case)


def _cut_short(case: Path) -> None:
    path = case.parent / "view1.tif"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_edit('volume = "ct.nii.gz"', ""), r"ct\.volume is missing"),
        (_edit('volume = "ct.nii.gz"', 'volum = "ct.nii.gz"'), "did you mean 'volume'"),
        (_edit("ct.nii.gz", "none.nii.gz"), "none.nii.gz"),
        (_edit('kind = "matrix", ', "", 1), r'calibration\.kind is missing: state kind = "header"'),
        (_edit(calibration(), '{kind = "header"}', 1), r"no pixel spacing .*give spacing_mm"),
        (_edit(calibration(), '{kind = "header", spacing_mm = 1.2}', 1), r"source-to-detector .*give sdd_mm"),
        (_edit(calibration(), '{kind = "autoscoper"}', 1), r"autoscoper\.file is missing"),
        (_edit(calibration(), '{kind = "autoscoper", file = "no.txt"}', 1), "no Autoscoper calibration"),
        (_edit(calibration(), '{kind = "matrix"}', 1), r"matrix\.K is missing"),
        (_edit("size = [96, 96]", "size = [512, 512]", 1), r"calibration is for 512 x 512 pixels .* has 96 x 96"),
        (_edit('flip = "none"', "", 1), r"give flip \(--flip, or flip in a case file\): none, horizontal"),
        (_edit(f"camera_from_rig = {QUARTER.tolist()}", ""), r"give camera_from_rig .*every image but the first"),
        (_edit("uncertainty_mm", "uncertainy_mm"), r"reference\.uncertainy_mm: .*did you mean 'uncertainty_mm'"),
        (_edit("[reference]", 'reference_file = "x"\n[reference]'), r"camera_from_rig|reference_file"),
        (_edit("[[images]]", "[[images"), "not a readable TOML file"),
        (_mask_elsewhere, "grid|affine"),
        (_colour, r"colour\.png: .*got 3 \(colour\)"),
        (_inverted, "looks colour-inverted"),
        (_cut_short, "view1.tif"),
    ],
)
def test_what_is_wrong_or_missing_is_one_clear_line(case: Path, spoil: Callable[[Path], None], words: str) -> None:
    spoil(case)
    with pytest.raises(FluorobenchError, match=words) as caught:
        load(case)
    assert "\n" not in str(caught.value)


def test_another_patient_and_another_file(case: Path) -> None:
    with pytest.raises(FluorobenchError, match="no patient 'x'"):
        registry.build("datasets", "xray_case", {"case": str(case)}).patient("x")
    with pytest.raises(FluorobenchError, match="not a readable TOML file"):
        read_case(case.with_name("none.toml"))


def test_no_pose_without_positioner_angles(case: Path) -> None:
    with pytest.raises(FluorobenchError, match="no pose without PositionerPrimaryAngle"):
        read_case(case).nominal(np.zeros(3))
