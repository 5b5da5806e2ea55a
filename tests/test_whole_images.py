"""A volume is written whole or not at all, and never through a link that others planted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import FluorobenchError
from bench.volume.read import read_volume
from bench.volume.write import write_image

HU = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 7)).astype(np.int16)


@pytest.mark.parametrize("name", ["ct.nii.gz", "ct.mha", "ct.nrrd"])
def test_what_was_written_is_read_again(name: str, tmp_path: Path) -> None:
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    volume = read_volume(write_image(tmp_path / "new" / name, HU, affine))
    assert np.array_equal(volume.hu, HU)
    assert np.allclose(volume.affine, affine)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


def test_a_full_disk_leaves_the_old_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_image(tmp_path / "ct.nii.gz", HU)
    before = path.read_bytes()

    def full(_: Any, part: str) -> None:
        Path(part).write_bytes(before[:20])
        raise RuntimeError("ITK ERROR: no space left on the device")

    monkeypatch.setattr("bench.volume.write._sitk.WriteImage", full)
    with pytest.raises(FluorobenchError, match="make room"):
        write_image(path, HU + 1)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "said"), [("ct.foo", "Unable to determine ImageIO"), ("ct.png", "PNG supports")])
def test_an_ending_or_type_that_is_not_written_is_named(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(FluorobenchError, match=rf"{said}.*; name another ending or data type"):
        write_image(tmp_path / name, HU)
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "ct.nii.gz").symlink_to(tmp_path / "precious")
    write_image(tmp_path / "ct.nii.gz", HU)
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize("name", ["ct.mhd", "ct.nhdr", "ct.hdr"])
def test_a_header_beside_its_numbers_cannot_be_whole(name: str, tmp_path: Path) -> None:
    with pytest.raises(FluorobenchError, match="format of one file"):
        write_image(tmp_path / name, HU)
    assert list(tmp_path.iterdir()) == []
