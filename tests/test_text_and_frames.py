"""What users type: text files of other systems, frames on a command line, views that must differ."""

from pathlib import Path

import numpy as np
import pytest

from bench.cli.case import CaseArguments
from bench.cli.frames import FrameError, frames_of_each, parse_frames
from bench.errors import FluorobenchError
from bench.geometry.converters.autoscoper import parse_calibration
from bench.geometry.converters.view import ConversionError
from bench.text import read_text

from .dicom_files import write_dicom
from .xray_files import write_case

CALIBRATION = """image size
1760,1760

camera matrix
6500.1,0,880
0,6501.2,879
0,0,1

rotation
1,0,0
0,1,0
0,0,1

translation
1.5
2
1500
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_texts_of_other_systems_are_read(tmp_path: Path, encoding: str, newline: str) -> None:
    path = tmp_path / "cam.txt"
    path.write_bytes(CALIBRATION.replace("\n", newline).encode(encoding))
    assert parse_calibration(read_text(path)).camera_matrix[0].tolist() == [6500.1, 0, 880]


@pytest.mark.parametrize("separator", [";", "\t", "  ", "; "])
def test_decimal_commas_are_read_where_they_are_plain(separator: str) -> None:
    text = CALIBRATION.replace(",", separator).replace(".", ",")
    found = parse_calibration(text)
    np.testing.assert_array_equal(found.camera_matrix, parse_calibration(CALIBRATION).camera_matrix)
    np.testing.assert_array_equal(found.translation, (1.5, 2, 1500))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CALIBRATION.replace("6500.1,0", "6500,1,0"), "decimal commas"),
        ('{"version": 1.1, "camera-position": [0, 0, 1], "focal-point": [0, 0, 0], "view-angle": 30}', "a VTK camera"),
        ("1,2,3\n4,5,6\n7,8,9\n10,11,12\n13,14,15\n", "MayaCam 1.0"),
        ("image size\n1760", "followed by 1 lines of 2 numbers"),
    ],
)
def test_other_calibrations_are_named(text: str, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        parse_calibration(text)


@pytest.mark.parametrize(
    ("text", "frames"), [("3", (3,)), ("0,4", (0, 4)), ("10:13", (10, 11, 12)), ("0:10:4,9", (0, 4, 8, 9))]
)
def test_frames_are_named(text: str, frames: tuple[int, ...]) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize("text", ["", "-1", "a", "3:3", "1,1", "5:2", "0:4:0", "1.5", "0:99999999"])
def test_texts_that_name_no_frames_are_refused(text: str) -> None:
    with pytest.raises(FrameError, match="--frame"):
        parse_frames(text)


def test_frames_belong_to_images() -> None:
    assert frames_of_each((), 2) == [(None,), (None,)]
    assert frames_of_each(("0,2",), 2) == [(0, 2), (0, 2)]
    assert frames_of_each(("0", "2"), 2) == [(0,), (2,)]
    with pytest.raises(FrameError, match="or one for each; got 3 for 2 images"):
        frames_of_each(("0", "1", "2"), 2)


def rotational_run(path: Path, increments: list[float]) -> Path:
    stated = {
        "Modality": "XA",
        "DistanceSourceToDetector": "1000",
        "DistanceSourceToPatient": "700",
        "ImagerPixelSpacing": [0.4, 0.4],
        "PositionerPrimaryAngle": "0",
        "PositionerSecondaryAngle": "0",
        "PositionerPrimaryAngleIncrement": increments,
        "FieldOfViewRotation": "0",
        "FieldOfViewHorizontalFlip": "NO",
        "PixelIntensityRelationshipSign": 1,
    }
    pixels = np.random.default_rng(1).integers(900, 1000, (3, 40, 60)).astype(np.uint16)
    return write_dicom(path, stated, pixels)


def test_frames_of_a_run_are_cameras_a_turn_apart(tmp_path: Path) -> None:
    run = rotational_run(tmp_path / "run.dcm", [0, 30, 90])
    views = CaseArguments(volume=write_case(tmp_path).parent / "ct.nii.gz", xray=(run,), frame=("0,2",)).read().views()
    assert len(views) == 2
    turn = views[1].camera_from_rig[:3, :3]
    assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(90)


def test_views_with_one_geometry_are_refused(tmp_path: Path) -> None:
    still = rotational_run(tmp_path / "still.dcm", [0, 0, 0])
    case = CaseArguments(volume=write_case(tmp_path).parent / "ct.nii.gz", xray=(still,), frame=("0:3",)).read()
    with pytest.raises(FluorobenchError, match="views 1 and 2 have one and the same geometry"):
        case.views()
