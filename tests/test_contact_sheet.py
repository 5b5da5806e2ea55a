"""The contact sheet of a dataset: which way up its pictures are, and what the command refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench import registry
from bench.cli.main import main
from bench.contract import Patient
from bench.report.contact_sheet import PER_ROW, pictures, write_sheet
from bench.volume import Volume


def volume(*, flipped: bool = False) -> Volume:
    """Water with a dense ball at the left, front, top; stored along LPS, or turned and mirrored."""
    hu = np.zeros((20, 16, 12), dtype=np.float32)
    hu[15:18, 2:5, 8:11] = 3000
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    if flipped:
        hu = np.ascontiguousarray(hu[::-1].transpose(2, 0, 1))
        affine = np.array([[0.0, -2, 0, 38], [0, 0, 2, 0], [3, 0, 0, 0], [0, 0, 0, 1]])
    return Volume(hu, affine)


def command(monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    monkeypatch.setattr("sys.argv", ["fluorobench", "info", "phantom", *options])
    main()


def brightest(image: Any) -> tuple[float, float]:
    row, column = np.argwhere(image > 0.5 * (image.max() + image.min())).mean(axis=0)
    return row / image.shape[0], column / image.shape[1]


@pytest.mark.parametrize("flipped", [False, True])
def test_pictures_stand_upright_however_the_ct_is_stored(flipped: bool) -> None:
    (ap, _, aspect), (lateral, _, _), *_ = pictures(volume(flipped=flipped))
    assert ap.shape == (12, 20)
    assert lateral.shape == (12, 16)
    assert aspect == pytest.approx(1.5)
    row, column = brightest(ap)
    assert row < 0.4, "head up"
    assert column > 0.6, "the patient's left on the right"
    assert brightest(lateral)[1] < 0.4, "front to the left"


def test_a_sheet_holds_every_patient(tmp_path: Path) -> None:
    made = (Patient(id=f"p{n}", hash="0", volume=volume()) for n in range(PER_ROW + 1))
    with Image.open(write_sheet(tmp_path / "new" / "sheet.png", made, count=PER_ROW + 1)) as picture:
        grey = np.asarray(picture)
    assert picture.mode == "L"
    below = grey[int(0.6 * grey.shape[0]) :]
    assert (below[:, : grey.shape[1] // PER_ROW] < 250).any()
    assert (below[:, grey.shape[1] // 2 :] == 255).all(), "no patient, no picture"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sheet", "sheet.jpg"], "is a PNG"),
        (["--sheet", "sheet.png", "--patients", "0"], "at least 1 patient"),
        (["--sheet", "sheet.png", "--patients", "100000"], "at most 300 patients"),
        (["--sheet", "folder.png", "--fresh"], "is a folder"),
        (["--sheet", "file/sheet.png"], "its folder cannot be made"),
        (["--patients", "3"], "add --sheet PNG"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_before_any_patient_is_made(
    options: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def made(*_: object) -> None:
        pytest.fail("a patient was made")

    registry.load("datasets", "phantom")
    monkeypatch.setattr("bench.datasets.phantom.dataset.Phantom.patient", made)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as stopped:
        command(monkeypatch, *options)
    assert stopped.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_sheet_that_is_there_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "sheet.png"
    there.write_bytes(b"mine")
    with pytest.raises(SystemExit) as stopped:
        command(monkeypatch, "--sheet", str(there))
    assert stopped.value.code == 2
    assert "--fresh" in capsys.readouterr().err
    assert there.read_bytes() == b"mine"
