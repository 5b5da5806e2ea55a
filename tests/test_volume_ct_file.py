"""The ct_file dataset: one patient from the user's own file."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from bench import registry
from bench.contract import Split
from bench.volume import VolumeError

sitk: Any = SimpleITK


def write_ct(path: Path) -> Path:
    image = sitk.GetImageFromArray(np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8))
    image.SetSpacing([2.0, 2.0, 3.0])
    sitk.WriteImage(image, str(path))
    return path


def test_every_split_answers_with_the_one_patient(tmp_path: Path) -> None:
    path = write_ct(tmp_path / "knee.nii.gz")
    dataset = registry.build("datasets", "ct_file", {"volume": str(path)})
    assert [list(dataset.patient_ids(split)) for split in Split] == [["knee"]] * 3
    patient = dataset.patient("knee")
    assert patient.id == "knee"
    assert patient.hash == patient.volume.fingerprint()
    assert patient.hash == dataset.patient("knee").hash
    assert patient.volume.mask is None


def test_settings_reach_the_reader(tmp_path: Path) -> None:
    path = write_ct(tmp_path / "ct.nii")
    settings = {"volume": str(path), "id": "a", "labels": str(path), "label_scheme": "verse"}
    assert registry.build("datasets", "ct_file", settings).patient("a").volume.label_scheme == "verse"


def test_bad_input_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match=r"\Ano such file[^\n]*\Z"):
        registry.build("datasets", "ct_file", {"volume": str(tmp_path / "absent.nii")}).patient("absent")
    path = write_ct(tmp_path / "ct.nii")
    with pytest.raises(VolumeError, match=r"\Ano patient 'x' in ct_file; its one patient is 'ct'\Z"):
        registry.build("datasets", "ct_file", {"volume": str(path)}).patient("x")


def test_everything_but_reading_does_without_simpleitk() -> None:
    names = ("bench.volume.labels", "bench.volume.content", "bench.volume.region", "bench.volume.landmarks")
    code = "import sys; sys.modules['SimpleITK'] = None\n" + "\n".join(
        f"import {name}" for name in (*names, "bench.datasets.ct_file")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
