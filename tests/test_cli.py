"""The command line: mistakes are one line and exit status 2, and leave nothing behind."""

import importlib
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cli.main import main
from bench.protocol import PROTOCOLS
from bench.protocol.load import borrowed_name

# SimpleITK has no usable types.
sitk: Any = importlib.import_module("SimpleITK")

PROTOCOL = """
name = "tiny"
title = "Tiny"
seed = 1
[data]
dataset = "ct_file"
patients = 1
landmarks = 50
region = "whole"
[camera]
view = "AP"
sdd_mm = 1000.0
height = 32
width = 32
spacing_mm = 5.0
depth_mm = {depth}
[target]
search = [12, 12, 12, 20, 20, 20]
distribution = {{ kind = "normal", width = [3, 3, 3, 5, 5, 5] }}
[start]
distribution = "near"
per_patient = 1
distributions = {{ near = {{ kind = "uniform", about = "truth", width = [5, 5, 5, 9, 9, 9] }} }}
[[methods]]
label = "{label}"
plugin = "{plugin}"
{extra}
[profile.quick]
"""


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def command(*words: str | Path, cwd: Path) -> Done:
    """The command in this process: a new one for every mistake would spend its time importing torch."""
    status = 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        patch.setattr(sys, "argv", ["fluorobench", *map(str, words)])
        patch.chdir(cwd)
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    return Done(status, out.getvalue(), err.getvalue())


# Interrupted while it works, and again while Python ends.
TWICE = """
import atexit, os, signal
from bench.cli.execute import execute
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background of a shell
atexit.register(os.kill, os.getpid(), signal.SIGINT)
execute(lambda: os.kill(os.getpid(), signal.SIGINT), "tool")
"""


def test_a_second_interrupt_at_the_end_prints_no_traceback(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    words = [sys.executable, "-c", TWICE]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 130
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_the_installed_command_answers(tmp_path: Path) -> None:
    words = [str(Path(sys.executable).with_name("fluorobench")), "list"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "opt_gc" in done.stdout


@pytest.mark.parametrize("words", [["--help"], ["list"], ["info", "phantom"]])
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path, words: list[str]) -> None:
    """As in ``fluorobench --help | head``."""
    program = [str(Path(sys.executable).with_name("fluorobench")), *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode != 0


def protocol(folder: Path, *, depth: float = 700.0, label: str = "M", plugin: str = "initial", extra: str = "") -> Path:
    path = folder / "tiny.toml"
    path.write_text(PROTOCOL.format(depth=depth, label=label, plugin=plugin, extra=extra))
    return path


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    hu = np.full((24, 20, 28), -1000, np.float32)
    hu[6:18, 6:14, 6:20] = 40
    hu[8:15, 8:12, 9:16] = 700
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing((4.0, 4.0, 4.0))
    path = tmp_path / "ct.nii.gz"
    sitk.WriteImage(image, str(path))
    return path


PROGRESS = re.compile(r"preparing: \d+ of \d+( |$)")


def refused(done: Done, *words: str) -> None:
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip() and not PROGRESS.match(line)]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("fluorobench: ")
    for word in words:
        assert word in lines[0]


def test_a_run_ends_with_its_rows(tmp_path: Path, ct: Path) -> None:
    done = command("run", protocol(tmp_path), "--volume", ct, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "latest" / "truth.jsonl").is_file()
    assert (tmp_path / "runs" / "latest" / "scores.parquet").is_file()
    again = command("run", protocol(tmp_path), "--volume", ct, cwd=tmp_path)
    assert "already complete" in again.stderr
    assert command("score", "runs/latest", cwd=tmp_path).returncode == 0


def test_several_protocols_are_read_first_then_run_in_order(tmp_path: Path, ct: Path) -> None:
    first, second = protocol(tmp_path), tmp_path / "second.toml"
    second.write_text(first.read_text().replace('name = "tiny"', 'name = "second"'))
    refused(command("run", first, "sopi-smi", "--volume", ct, cwd=tmp_path), "did you mean 'sopi-sim'")
    assert not (tmp_path / "runs").exists()
    done = command("run", second, first, "--volume", ct, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("runs/second") < done.stdout.index("runs/tiny")
    refused(command("run", cwd=tmp_path), "name of a protocol")
    refused(command("run", first, "mismatch", "--only", "M", "--volume", ct, cwd=tmp_path), "mismatch has none")


def test_a_run_of_a_ct_that_changed_leaves_its_tables_alone(tmp_path: Path, ct: Path) -> None:
    """The folder of a run is named after the protocol, in which the CT is a path."""
    words = protocol(tmp_path, extra='[artefacts]\nnames = ["success_curve"]'), "--volume", ct
    assert command("run", *words, cwd=tmp_path).returncode == 0
    folder = (tmp_path / "runs" / "latest").resolve()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    image = sitk.ReadImage(str(ct))
    sitk.WriteImage(image + 1, str(ct))
    for again in (("run", *words), ("report", "runs/latest")):
        done = command(*again, cwd=tmp_path)
        assert done.returncode == 2
        assert "its CT or the code changed since: use --fresh to run it again" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_copy_of_a_protocol_that_keeps_its_name_is_noticed(tmp_path: Path, ct: Path) -> None:
    shipped, copy = PROTOCOLS / "regress.toml", tmp_path / "mine.toml"
    copy.write_text(shipped.read_text())
    assert borrowed_name(str(copy)) is None
    assert borrowed_name("regress") is None
    copy.write_text(shipped.read_text().replace("seed = ", "seed = 1"))
    assert borrowed_name(str(copy)) == "regress"
    tiny = protocol(tmp_path)
    assert "calls itself" not in command("run", tiny, "--volume", ct, cwd=tmp_path).stderr
    tiny.write_text(tiny.read_text().replace('name = "tiny"', 'name = "regress"'))
    done = command("run", tiny, "--volume", ct, cwd=tmp_path)
    assert done.returncode == 0
    assert "still calls itself regress" in " ".join(done.stderr.split())


def test_a_label_cannot_leave_the_folder_or_become_markup(tmp_path: Path, ct: Path) -> None:
    hostile = protocol(tmp_path, label="../../[red]$<b>")
    assert command("run", hostile, "--volume", ct, cwd=tmp_path).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.toml", "ct.nii.gz", "runs"}


MISTAKES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown plugin": ({"plugin": "initail"}, ("did you mean 'initial'",)),
    "unknown key": ({"extra": 'prest = "x"'}, ("prest", "did you mean 'preset'")),
    "unknown setting": ({"plugin": "opt_gc", "extra": "settings = { levls = 3 }"}, ("levls",)),
    "unknown preset": ({"plugin": "opt_gc", "extra": 'preset = "papr"'}, ("did you mean 'paper'",)),
    "source in the volume": ({"depth": 20.0}, ("source", "depth_mm")),
    "not TOML": ({"extra": "= ="}, ("TOML",)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_in_a_protocol(tmp_path: Path, ct: Path, mistake: str) -> None:
    changes, words = MISTAKES[mistake]
    refused(command("run", protocol(tmp_path, **changes), "--volume", ct, cwd=tmp_path), *words)
    assert not (tmp_path / "runs").exists()


def test_two_methods_of_one_label(tmp_path: Path, ct: Path) -> None:
    twice = protocol(tmp_path, extra='[[methods]]\nlabel = "M"\nplugin = "nominal"')
    refused(command("run", twice, "--volume", ct, cwd=tmp_path), "unique")


def test_names_of_protocol_and_profile(tmp_path: Path) -> None:
    refused(command("run", "sopi-smi", cwd=tmp_path), "did you mean 'sopi-sim'")
    refused(command("run", "sopi-sim", "--profile", "quik", cwd=tmp_path), "did you mean 'quick'")
    refused(command("info", "opt_gcc", cwd=tmp_path), "opt_gc")
    refused(command("report", "nowhere", cwd=tmp_path), "nowhere")


def test_a_list_says_what_protocols_are_and_info_takes_the_labels_of_tables(tmp_path: Path) -> None:
    listed = command("list", cwd=tmp_path).stdout
    assert "SOPI Table 1" in listed
    assert "smoke, quick, full" in listed
    done = command("info", "Opt-SGC", cwd=tmp_path)
    assert done.returncode == 0
    assert "Opt-SGC is a row of" in done.stderr
    assert "its plug-in is opt_sgc" in done.stderr
    # The card, with neither Python's names nor its brackets.
    assert "tuned on 1 patient of autoscoper, split test (wrist-biplane); settings tried: not counted" in " ".join(
        part.strip() for line in done.stdout.splitlines() for part in line.split("\u2502") if part.strip()
    ).replace("exposure ", "")
    assert "TrainingProvenance(" not in done.stdout
    preset = command("info", "opt_gc", cwd=tmp_path).stdout
    assert "{" not in preset
    assert "Level(" not in preset


def test_errors_are_short_and_in_plain_words(tmp_path: Path) -> None:
    for words in (("info", "nosuch.dcm"), ("info", "xyzzyq"), ("run", "sopi-sim", "--data", "none.toml")):
        done = command(*words, cwd=tmp_path)
        refused(done, words[-1])
        assert len(done.stderr) < 200
        assert "Errno" not in done.stderr
    refused(command("info", "OPT-GC", cwd=tmp_path), "did you mean 'opt_gc'")
    refused(command("register", "--case", "none.toml", cwd=tmp_path), "there is no such file")
    (tmp_path / "junk.nii.gz").write_bytes(b"junk")
    done = command("run", protocol(tmp_path), "--volume", "junk.nii.gz", cwd=tmp_path)
    refused(done, "junk.nii.gz", "damaged, or not a NIfTI file")
    assert "ImageIO" not in done.stderr


def test_volumes_that_cannot_be_used(tmp_path: Path, ct: Path) -> None:
    tiny = protocol(tmp_path)
    refused(command("run", tiny, "--volume", tmp_path / "no.nii", cwd=tmp_path), "no.nii")
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(ct.read_bytes()[:400])
    refused(command("run", tiny, "--volume", cut, cwd=tmp_path), "cut.nii.gz")
    image = sitk.ReadImage(str(ct))
    array = sitk.GetArrayFromImage(image)
    array[3, 3, 3] = np.nan
    broken = sitk.GetImageFromArray(array)
    broken.CopyInformation(image)
    sitk.WriteImage(broken, str(tmp_path / "nan.mha"))
    refused(command("run", tiny, "--volume", tmp_path / "nan.mha", cwd=tmp_path), "nan.mha")
    refused(command("run", tiny, "--volume", ct, "--region", "L3", cwd=tmp_path), "label")
    assert not (tmp_path / "runs").exists()


def test_labels_that_do_not_fit(tmp_path: Path, ct: Path) -> None:
    tiny = protocol(tmp_path)
    image = sitk.ReadImage(str(ct))
    labels = sitk.Cast(image > 300, sitk.sitkUInt8) * 22
    labels.CopyInformation(image)
    fitting = tmp_path / "labels.nii.gz"
    sitk.WriteImage(labels, str(fitting))
    scheme = ("--label-scheme", "verse")
    refused(command("run", tiny, "--volume", ct, "--labels", fitting, cwd=tmp_path), "scheme")
    refused(command("run", tiny, "--volume", ct, "--labels", fitting, "--label-scheme", "vers", cwd=tmp_path), "verse")
    refused(command("run", tiny, "--volume", ct, "--labels", fitting, *scheme, "--region", "L9", cwd=tmp_path), "L9")
    labels.SetOrigin((9.0, 9.0, 9.0))
    sitk.WriteImage(labels, str(fitting))
    refused(command("run", tiny, "--volume", ct, "--labels", fitting, *scheme, cwd=tmp_path), "affine")


def test_info_says_what_settings_mean(tmp_path: Path) -> None:
    said = " ".join(command("info", "ct_folder", cwd=tmp_path).stdout.split())
    assert "Whether labelled vertebrae move rigidly" in said
    assert "NAME_labels (or _label" in said


def test_info_speaks_of_a_start_for_methods_alone(tmp_path: Path) -> None:
    assert "uses start" in command("info", "opt_gc", cwd=tmp_path).stdout
    for name in ("phantom", "ngi", "sopi_table1"):
        assert "uses start" not in command("info", name, cwd=tmp_path).stdout


def test_info_of_weights_prints_their_card_and_refuses_that_of_an_earlier_version(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[1] / "methods" / "rtpi" / "weights"
    said = " ".join(command("info", shipped, cwd=tmp_path).stdout.split())
    assert "weights: " in said
    assert "phantom revision 5" in said
    older = (shipped / "rtpi.toml").read_text().replace("schema = 2", "schema = 1")
    (tmp_path / "rtpi.toml").write_text(older)
    (tmp_path / "rtpi.safetensors").write_bytes(b"")
    refused(command("info", ".", cwd=tmp_path), "rtpi.toml has schema 1", "train again")


def test_a_study_s_protocol_is_named_with_its_page(tmp_path: Path) -> None:
    refused(command("run", "realism", cwd=tmp_path), "a study's protocol", "studies/realism/README.md")
    refused(command("run", "lgff-xray", cwd=tmp_path), "studies/wrist/README.md")


def test_a_method_without_any_pose_says_why_below_the_tables(tmp_path: Path, ct: Path) -> None:
    done = command("run", protocol(tmp_path, plugin="zhang"), "--volume", ct, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "M: no pose in 1 of 1 cases; the first reason: " in " ".join(done.stdout.split())
    assert "no reason was given" not in done.stdout
