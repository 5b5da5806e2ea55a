"""The command that compares a population with a real CT: what it refuses, and that both sides get one protocol."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK

from bench import registry
from bench.contract import Split
from bench.errors import FluorobenchError
from bench.perturb import MtreStartDistribution
from bench.protocol import Protocol
from bench.score.capture_range import SuccessCurve, fit_success_curve
from studies.realism.__main__ import Compare
from studies.realism.comparison import Comparison
from studies.realism.request import Request

BOX = (-10.0, -10.0, -10.0, 10.0, 10.0, 10.0)


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    """A block of water beside air, with voxels of 1 x 1 x 5 mm, called ct like any other."""
    path = tmp_path / "patient-seven" / "ct.nii.gz"
    path.parent.mkdir()
    water = np.zeros((12, 40, 40), np.float32)
    water[:, 0] = -1000
    image = SimpleITK.GetImageFromArray(water)
    image.SetSpacing((1.0, 1.0, 5.0))  # type: ignore[no-untyped-call]  # pyright: ignore[reportUnknownMemberType]
    SimpleITK.WriteImage(image, str(path))
    return path


def request(ct: Path) -> Request:
    return Request(
        dataset="phantom",
        settings={},
        ct=ct,
        labels=None,
        label_scheme=None,
        box=BOX,
        patients=4,
        pool=None,
        split=Split.VALIDATION,
        profile="quick",
    )


def report(request: Request, out: Path) -> None:
    Comparison(request=request, out=out, fresh=False).report()


def test_both_sides_get_one_protocol_one_grid_and_one_definition_of_bone(ct: Path) -> None:
    ours, theirs = request(ct).protocols()
    for key in ("spacing_mm", "bone"):
        assert ours.data.settings[key] == theirs.data.settings[key]
    assert ours.data.settings["spacing_mm"] == [2.0, 2.0, 5.0]  # the coarser of both along each axis
    assert ours.data.settings["bone"] == "threshold"
    assert (ours.target, ours.methods, ours.camera) == (theirs.target, theirs.methods, theirs.camera)
    assert ours.start.distributions == theirs.start.distributions
    assert (ours.data.patients, theirs.data.patients) == (4, 1)
    assert theirs.data.settings["settings"]["id"] == "patient-seven"


@pytest.mark.parametrize("profile", ["smoke", "quick", "full"])
def test_every_bin_of_the_starts_is_filled_alike(ct: Path, profile: str) -> None:
    for protocol in replace(request(ct), profile=profile).protocols():
        law = protocol.start.used
        assert isinstance(law, MtreStartDistribution)
        assert protocol.start.per_patient % law.bins == 0


def test_what_cannot_be_compared_is_one_clear_line(ct: Path) -> None:
    with pytest.raises(FluorobenchError, match="where is the lumbar spine"):
        Compare(ct)()
    with pytest.raises(FluorobenchError, match="at least 3 patients; got --patients 2"):
        Compare(ct, box=BOX, patients=2)()
    with pytest.raises(FluorobenchError, match="did you mean 'phantom'"):
        Compare(ct, dataset="phantmo", box=BOX)()
    with pytest.raises(FluorobenchError, match="at least 0 patients; got --pool -1"):
        Compare(ct, box=BOX, pool=-1)()
    with pytest.raises(FluorobenchError, match="6 patients are chosen from a pool of more; got --pool 6"):
        Compare(ct, box=BOX, profile="quick", pool=6)()
    with pytest.raises(FluorobenchError, match="phantom has 10000 test patients; got --pool 10001"):
        Compare(ct, box=BOX, pool=10001)()


def test_a_wrong_ct_is_found_before_any_phantom_is_made(ct: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: object) -> None:
        pytest.fail("a phantom was made")

    monkeypatch.setattr("bench.datasets.phantom.dataset.Phantom.patient", made)
    for box, said in (
        (
            (900.0, 900.0, 900.0, 910.0, 910.0, 910.0),
            r"box \(900, 900, 900\) .* misses the CT, which reaches from \(0, 0",
        ),
        ((10.0, 0.0, 0.0, 0.0, 5.0, 5.0), "lower corner first"),
    ):
        with pytest.raises(FluorobenchError, match=said):
            report(replace(request(ct), box=box), ct.parent)
    labelled = replace(request(ct), labels=ct, label_scheme="verse", box=None)
    with pytest.raises(FluorobenchError, match="whole numbers"):
        report(labelled, ct.parent)
    ones = SimpleITK.GetImageFromArray(np.ones((12, 40, 40), np.uint8))
    ones.SetSpacing((1.0, 1.0, 5.0))  # type: ignore[no-untyped-call]  # pyright: ignore[reportUnknownMemberType]
    SimpleITK.WriteImage(ones, str(seg := ct.parent.parent / "seg.nii.gz"))
    with pytest.raises(FluorobenchError, match="no lumbar spine: the labels hold the numbers 1; scheme 'verse'"):
        report(replace(labelled, labels=seg), ct.parent)
    assert [each.name for each in ct.parent.iterdir()] == ["ct.nii.gz"]


def test_a_label_map_is_no_ct_to_compare_with(ct: Path) -> None:
    image = SimpleITK.GetImageFromArray(np.ones((12, 40, 40), np.uint8))
    SimpleITK.WriteImage(image, str(ct))
    with pytest.raises(FluorobenchError, match=r"expected a CT in HU.*lowest value is 1"):
        request(ct).protocols()


def test_the_pool_has_eight_patients_for_each_that_is_matched_by_default(ct: Path) -> None:
    chosen = request(ct)
    ours, _ = chosen.protocols()
    assert chosen.pool_size(ours) == 32
    assert replace(chosen, pool=9).pool_size(ours) == 9
    assert replace(chosen, pool=0).pool_size(ours) == 4
    alone = replace(chosen, settings={"only": "phantom-v5-000007"})
    assert alone.pool_size(ours) == 4


def written(path: Path, array: np.ndarray, spacing_mm: float) -> Path:
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    image.SetSpacing((spacing_mm,) * 3)  # type: ignore[no-untyped-call]  # pyright: ignore[reportUnknownMemberType]
    SimpleITK.WriteImage(image, str(path))
    return path


def made_up(protocol: Protocol) -> list[SuccessCurve]:
    """Success of three methods that never registered anything."""
    settings = protocol.data.settings
    names: list[str] = settings.get("only", [f"p{index}" for index in range(protocol.data.patients)])
    random = np.random.default_rng(len(names))
    initial = random.uniform(0, 48, 12 * len(names))
    good = random.uniform(0, 48, initial.size) > initial
    rows = pd.DataFrame(
        {
            "label": "Opt-GC",
            "case_id": [f"{index:04d}" for index in range(initial.size)],
            "patient_id": [name for name in names for _ in range(12)],
            "initial_mtre_mm": initial,
            "mpd_mm": np.where(good, 1.0, 30.0),
        }
    )
    return [fit_success_curve(rows, "Opt-GC", limit_mm=48.0, draws=40)]


def no_figures(*_: object) -> list[Path]:
    """Their own test draws them."""
    return []


def test_a_ct_that_is_one_of_the_pool_is_its_own_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"size": 40, "spacing_mm": 6.0, "cache_dir": str(tmp_path / "cache")}
    twin = "phantom-v5-100005"
    volume = registry.build("datasets", "phantom", settings).patient(twin).volume
    spacing = float(volume.spacing_mm[0])
    ct = written(tmp_path / "twin.nii.gz", volume.hu, spacing)
    labels = written(tmp_path / "labels.nii.gz", volume.labels, spacing)
    seen: list[Protocol] = []

    def captures(_: Comparison, protocol: Protocol) -> list[SuccessCurve]:
        seen.append(protocol)
        return made_up(protocol)

    monkeypatch.setattr(Comparison, "_captures", captures)
    monkeypatch.setattr("studies.realism.comparison.write_figures", no_figures)
    chosen = replace(request(ct), settings=settings, labels=labels, label_scheme="phantom", box=None, pool=7)
    report(chosen, tmp_path)
    [folder] = tmp_path.glob("compare-phantom-*")
    pool = pd.read_csv(folder / "pool.csv")
    assert len(pool) == 8
    assert pool["patient_id"][1] == twin
    assert pool["distance"][1] < 0.2 < pool["distance"][2]
    assert seen[2].data.settings["only"] == sorted(pool["patient_id"][1:5])
    assert (seen[2].start, seen[2].target, seen[2].methods) == (seen[0].start, seen[0].target, seen[0].methods)
    assert twin in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} >= {"comparison.md", "matched_drrs.png", "patients.png"}
