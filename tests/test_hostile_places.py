"""What the command line says where nothing can be written, and to X-rays that show nothing."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import tifffile

from bench.cli import main as cli

_sitk: Any = SimpleITK
CAMERA = ("--sdd-mm", "1000", "--spacing-mm", "6", "--flip", "none", "--depth-mm", "700", "--start", "AP")
REGISTER = ("register", "--volume", "ct.nii.gz", "--method", "nominal", "--no-check", *CAMERA)
RENDER = ("render", "--volume", "ct.nii.gz", "--size", "32")
TRAIN = ("train", "lgff_reg", "--steps", "1", "--set", "image_size=32", "batch=2", "--volume", "ct.nii.gz")
BOX = ("--box", "-30", "-30", "-30", "30", "30", "30")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a CT, an X-ray and a file that is no folder."""
    monkeypatch.chdir(tmp_path)
    hu = np.full((24, 24, 24), -1000, dtype=np.int16)
    hu[4:20, 4:20, 4:20], hu[7:17, 7:17, 7:17] = 40, 700
    image = _sitk.GetImageFromArray(hu)
    image.SetSpacing([4.0] * 3)
    image.SetOrigin([-46.0] * 3)
    _sitk.WriteImage(image, "ct.nii.gz")
    rows, columns = np.mgrid[:32, :32]
    tifffile.imwrite("ap.tif", np.exp(-((rows - 16) ** 2 + (columns - 15) ** 2) / 30).astype(np.float32))
    Path("file").write_text("not a folder")
    return tmp_path


def refused(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of the command line's own."""
    monkeypatch.setattr("sys.argv", ["fluorobench", *words])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("fluorobench:")]
    assert len(lines) == 1
    return lines[0]


def asked(*words: str) -> tuple[str, ...]:
    return (*REGISTER, "--xray", "ap.tif", "--bright", "integrals", *words)


@pytest.mark.parametrize(
    "words",
    [
        asked("--out", "file"),
        asked("--out", "file/deeper"),
        (*RENDER, "--out", "file/ap.tif"),
        (*RENDER, "--out", "file/ap.png"),
        (*TRAIN, *BOX, "--out", "file"),
        (*TRAIN, *BOX, "--out", "trained", "--weights", "file"),
        ("run", "sopi-sim", "--profile", "smoke", "--out", "file"),
    ],
    ids=" ".join,
)
def test_a_file_where_a_folder_is_needed(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said = refused(monkeypatch, capfd, *words)
    assert "file" in said
    assert "--out" in said


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no folder here that even root cannot write to")
@pytest.mark.parametrize(
    "words", [asked("--out", "/proc/x"), (*RENDER, "--out", "/proc/x.tif"), (*TRAIN, *BOX, "--out", "/proc/x")]
)
def test_a_folder_that_cannot_be_written_to(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "cannot be used" in refused(monkeypatch, capfd, *words)


def test_a_full_disk(here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_bytes", full)
        assert "make room" in refused(patch, capfd, *asked("--out", "found"))
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        assert "make room" in refused(patch, capfd, *TRAIN, *BOX, "--out", "trained")
    assert not list((here / "trained").glob("*.part*"))
    with monkeypatch.context() as patch:
        patch.setattr("bench.xray.write._sitk.WriteImage", _fails)
        assert "make room" in refused(patch, capfd, *RENDER, "--out", "ap2.tif")
    assert not (here / "ap2.tif").exists()


def _fails(*_: Any) -> None:
    raise RuntimeError("ITK ERROR: TIFFImageIO: error out of disk space")


def test_what_is_no_matter_of_the_disk_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection, a child process: naming another folder would not help, and a bug must be seen."""
    for number in (errno.ECONNREFUSED, errno.ECHILD, errno.EPIPE, errno.EBADF):

        def fails(*_: Any, number: int = number, **__: Any) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr("pathlib.Path.write_bytes", fails)
            patch.setattr("sys.argv", ["fluorobench", *asked("--out", "found")])
            with pytest.raises(OSError, match=os.strerror(number)):
                cli.main()


@pytest.mark.parametrize("value", [0.0, 5.0])
@pytest.mark.parametrize("bright", ["integrals", "air"])
@pytest.mark.parametrize("shape", [(32, 32), (1, 1)])
def test_an_xray_that_is_the_same_everywhere(
    value: float,
    bright: str,
    shape: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    tifffile.imwrite("even.tif", np.full(shape, value, dtype=np.float32))
    said = refused(monkeypatch, capfd, *REGISTER, "--xray", "even.tif", "--bright", bright)
    assert "every pixel" in said or "all dark" in said


def test_a_film_says_where_its_frame_is_chosen(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite("film.tif", np.stack([tifffile.imread("ap.tif")] * 3), photometric="minisblack")
    said = refused(monkeypatch, capfd, *REGISTER, "--xray", "film.tif", "--bright", "integrals")
    assert "frame = 0 in a case file" in said


RUN = ("run", "sopi-sim", "--profile", "smoke", "--volume", "ct.nii.gz", "--region", "whole", "--only", "Nominal")


def test_a_runs_own_files_may_be_damaged(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A folder where the link to the newest run would be is left alone; a damaged environment is one line."""
    (here / "runs" / "latest").mkdir(parents=True)
    monkeypatch.setattr("sys.argv", ["fluorobench", *RUN, "--starts", "1"])
    cli.main()
    found = sorted(each.name for each in (here / "runs").iterdir())
    assert len(found) == 2
    assert found[0] == "latest"
    assert not (here / "runs" / "latest").is_symlink()
    environment = here / "runs" / found[1] / "environment.json"
    whole = environment.read_text()
    for damaged in ("", "no JSON", "{}", "[]"):
        environment.write_text(damaged)
        assert "start over with --fresh" in refused(monkeypatch, capfd, *RUN, "--starts", "1")
    older = {name: value for name, value in json.loads(whole).items() if name != "layout"}
    environment.write_text(json.dumps(older))
    (environment.parent / "seals.json").unlink()  # which that layout had not
    for command in (("report", str(environment.parent)), ("score", str(environment.parent)), (*RUN, "--starts", "1")):
        assert "holds run files of layout 1" in refused(monkeypatch, capfd, *command)


def test_a_bone_of_few_voxels_is_registered(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    """Its surface has fewer voxels than the points that an answer's view is judged by."""
    hu = np.full((24, 24, 24), -1000, dtype=np.int16)
    hu[4:20, 4:20, 4:20], hu[9:13, 9:13, 9:13] = 40, 700
    image = _sitk.GetImageFromArray(hu)
    image.SetSpacing([4.0] * 3)
    _sitk.WriteImage(image, "ct.nii.gz")
    monkeypatch.setattr("sys.argv", ["fluorobench", *asked("--out", "found")])
    cli.main()
    assert (here / "found" / "registration.json").is_file()
