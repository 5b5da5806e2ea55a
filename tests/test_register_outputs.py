"""What register leaves beside the pose: table, page, DICOM object; sequences whose frames start at the last pose."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import tifffile
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from bench.cli import main as cli
from bench.drr import AttenuationMap, project
from bench.geometry import Matrix, PoseFrame, rotation_angle_deg
from bench.report.outlines import INNER_COLOUR, SILHOUETTE_COLOUR, inner_edges, outlined, silhouette
from bench.single.spatial_registration import write_spatial_registration

from .xray_files import CAMERA, SDD, SPACING, bone, true_pose, write_case

UNTYPED: Any = pydicom  # its types of paths are incomplete


def read_spatial_registration(path: Path) -> Matrix:
    """The matrix of the item that is not in the file's own frame of reference: rig_from_world."""
    data = UNTYPED.dcmread(path)
    [item] = [each for each in data.RegistrationSequence if each.FrameOfReferenceUID != data.FrameOfReferenceUID]
    numbers = item.MatrixRegistrationSequence[0].MatrixSequence[0].FrameOfReferenceTransformationMatrix
    return np.array([float(each) for each in numbers]).reshape(4, 4)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_case(tmp_path, views=1)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["fluorobench", *words])
    cli.main()


def drr(pose: Matrix) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(project(AttenuationMap.from_volume(bone()), pose[None], CAMERA)[0, 0].numpy(), dtype=np.float32)


def test_a_registration_leaves_table_page_and_dicom(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [
        "register",
        "--case",
        "knee.toml",
        "--start",
        "AP",
        "--depth-mm",
        "700",
        "--method",
        "initial",
        "--no-check",
        "--dicom",
    ]
    run(monkeypatch, *words, "--out", "found")
    found = json.loads((folder / "found" / "registration.json").read_text())
    with (folder / "found" / "poses.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["frame"] == "registration"
    assert row["outcome"] == found["outcome"]
    matrix = [[float(row[f"rig_from_world_{i}{j}"]) for j in range(4)] for i in range(4)]
    np.testing.assert_array_equal(matrix, found["rig_from_world"])
    page = (folder / "found" / "report.html").read_text()
    assert page.count("<img ") == 3
    assert "registration, view 1: CT at the pose found by initial" in page
    assert "Verdict: not checked" in page
    assert "Depth is open: the centre of the content lies" in page
    assert "http" not in page
    dicom = folder / "found" / "registration.dcm"
    np.testing.assert_allclose(read_spatial_registration(dicom), found["rig_from_world"], atol=1e-6)
    assert UNTYPED.dcmread(dicom).SOPClassUID.name == "Spatial Registration Storage"


def test_a_spatial_registration_belongs_to_the_series_of_its_ct(tmp_path: Path) -> None:
    """An index, a report and another series in the same folder have other frames of reference."""
    header = Dataset()
    header.PatientID, header.PatientName, header.Rows, header.SeriesInstanceUID = "P7", "Test^Case", 4, "1.2.3.6"
    header.StudyInstanceUID, header.FrameOfReferenceUID = "1.2.3", "1.2.3.4"
    header.SOPClassUID, header.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.5"
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    (tmp_path / "ct").mkdir()
    (tmp_path / "ct" / "DIRFILE").write_text("no DICOM")
    header.save_as(tmp_path / "ct" / "slice.dcm", enforce_file_format=True)
    header.SeriesInstanceUID, header.FrameOfReferenceUID, header.PatientID = "1.2.3.0", "1.2.3.7", "P8"
    header.save_as(tmp_path / "ct" / "another.dcm", enforce_file_format=True)
    del header.Rows
    header.save_as(tmp_path / "ct" / "DICOMDIR", enforce_file_format=True)
    path = write_spatial_registration(
        tmp_path / "r.dcm", true_pose(), ct=tmp_path / "ct", series="1.2.3.6", description="f"
    )
    data = UNTYPED.dcmread(path)
    assert (data.PatientID, data.StudyInstanceUID) == ("P7", "1.2.3")
    fixed, moving = data.RegistrationSequence
    assert fixed.FrameOfReferenceUID == data.FrameOfReferenceUID
    assert moving.FrameOfReferenceUID == "1.2.3.4"
    np.testing.assert_allclose(read_spatial_registration(path), true_pose(), atol=1e-6)


def test_silhouette_and_inner_edges_lie_apart() -> None:
    image = drr(true_pose())
    outer, inner = silhouette(image), inner_edges(image)
    assert outer.any()
    assert inner.any()
    assert not (outer & inner).any()
    assert (image[outer] > 0).all()
    picture = outlined(image, image, scale=2)
    assert picture.shape == (192, 192, 3)
    for colour in (SILHOUETTE_COLOUR, INNER_COLOUR):
        assert (np.abs(picture - np.array(colour, np.float32)).max(axis=2) < 1e-6).any()
    assert not silhouette(np.zeros((8, 8), np.float32)).any()


def frame_pose(number: int) -> Matrix:
    """A motion of 4 mm and 2 degrees a frame."""
    centre = bone().content_centre()
    return PoseFrame(true_pose(), centre).pose([0, 0, 2.0 * number, 4.0 * number, 0, 0])


def write_frames(folder: Path, count: int) -> Path:
    (folder / "run").mkdir()
    for number in range(count):
        pixels = np.rint(60000 * np.exp(-drr(frame_pose(number)))).astype(np.uint16)
        tifffile.imwrite(folder / "run" / f"frame{number + 8}.tif", pixels, photometric="minisblack")
    return folder / "run"


SEQUENCE = ["--volume", "ct.nii.gz", "--flip", "none", "--sdd-mm", str(SDD), "--spacing-mm", str(SPACING), "--sequence"]


def test_frames_start_at_the_last_pose(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is too narrow to reach the last frame from the first start."""
    write_frames(folder, 4)
    (folder / "near.json").write_text(json.dumps({"rig_from_world": true_pose().tolist()}))
    search = ["--search", "5", "5", "5", "7", "7", "20"]
    words = ["register", *SEQUENCE, "--xray", "run", "--start", "near.json", *search, "--content", "everything"]
    words += ["--method", "opt_lm", "--no-check"]
    run(monkeypatch, *words, "--out", "found")
    with (folder / "found" / "poses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == [f"{n:04d}-frame{n + 8}" for n in range(4)]
    for number, row in enumerate(rows):
        pose = np.array([[float(row[f"rig_from_world_{i}{j}"]) for j in range(4)] for i in range(4)])
        assert rotation_angle_deg(pose, frame_pose(number)) < 1
        assert np.abs(pose[:2, 3] - frame_pose(number)[:2, 3]).max() < 4
    assert (folder / "found" / "report.html").read_text().count("<h2>") == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--xray", "none"], "no such file or folder: none"),
        (["--xray", "empty"], "no images in this folder"),
        (["--xray", "view1.tif"], "two frames or more"),
        (["--xray", "run", "--xray", "one"], "same number of frames; got 2, 1"),
    ],
)
def test_sequences_that_are_none_are_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    write_frames(folder, 2)
    (folder / "empty").mkdir()
    (folder / "one").mkdir()
    (folder / "one" / "frame1.tif").write_bytes((folder / "view1.tif").read_bytes())
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "register", *SEQUENCE, *words, "--start", "AP", "--depth-mm", "700")
    assert caught.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())
