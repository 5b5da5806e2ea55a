"""The command that compares a population with a real CT: what it refuses, and that both sides meet one protocol."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from bench.cli.catalogue import Info
from bench.cli.compare import Comparison
from bench.contract import Split
from bench.errors import FluorobenchError
from bench.perturb import GoldLaw

BOX = (-10.0, -10.0, -10.0, 10.0, 10.0, 10.0)


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    """A block of water with voxels of 1 x 1 x 5 mm, called ct like any other."""
    path = tmp_path / "patient-seven" / "ct.nii.gz"
    path.parent.mkdir()
    image = SimpleITK.GetImageFromArray(np.zeros((12, 40, 40), np.float32))
    image.SetSpacing((1.0, 1.0, 5.0))  # type: ignore[no-untyped-call]  # pyright: ignore[reportUnknownMemberType]
    SimpleITK.WriteImage(image, str(path))
    return path


def comparison(ct: Path) -> Comparison:
    return Comparison(
        dataset="phantom",
        settings={"version": 1},
        ct=ct,
        labels=None,
        label_scheme=None,
        box=BOX,
        patients=4,
        pool=None,
        split=Split.VALIDATION,
        profile="quick",
        out=ct.parent,
        fresh=False,
    )


def test_both_sides_get_one_protocol_one_grid_and_one_definition_of_bone(ct: Path) -> None:
    ours, theirs = comparison(ct).protocols()
    for key in ("spacing_mm", "bone"):
        assert ours.data.settings[key] == theirs.data.settings[key]
    assert ours.data.settings["spacing_mm"] == [2.0, 2.0, 5.0]  # the coarser of both along each axis
    assert ours.data.settings["bone"] == "threshold"
    assert (ours.target, ours.methods, ours.camera) == (theirs.target, theirs.methods, theirs.camera)
    assert ours.start.laws == theirs.start.laws
    assert (ours.data.patients, theirs.data.patients) == (4, 1)
    assert theirs.data.settings["settings"]["id"] == "patient-seven"


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_every_bin_of_the_starts_is_filled_alike(ct: Path, profile: str) -> None:
    for protocol in replace(comparison(ct), profile=profile).protocols():
        law = protocol.start.laws[protocol.start.law].law
        assert isinstance(law, GoldLaw)
        assert protocol.start.per_patient % law.bins == 0


def test_what_cannot_be_compared_is_one_clear_line(ct: Path) -> None:
    with pytest.raises(FluorobenchError, match="where is the lumbar spine"):
        Info(name="phantom", compare=ct)()
    with pytest.raises(FluorobenchError, match="at least 3 patients; got --patients 2"):
        Info(name="phantom", compare=ct, box=BOX, patients=2)()
    with pytest.raises(FluorobenchError, match="did you mean 'phantom'"):
        Info(name="phantmo", compare=ct, box=BOX)()
    with pytest.raises(FluorobenchError, match="belong to a comparison"):
        Info(name="phantom", box=BOX)()
