"""A weights' card may hold anything; what a network cannot be built from is refused in one line, before it is built."""

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from bench import registry
from bench.contract import View
from bench.errors import FluorobenchError
from bench.geometry import Camera
from bench.learn import WeightsError, read_card
from bench.volume import Volume

NETWORKS = ("deep_reg", "lgff_reg", "res_reg_net", "rtpi", "sopi", "zhang")
SHIPPED = Path(__file__).parents[1] / "methods"


@pytest.fixture
def volume() -> Volume:
    """A block of bone."""
    hu = np.full((16, 16, 16), -1000, dtype=np.float32)
    hu[5:11, 5:11, 5:11] = 800
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    return Volume(hu, affine).with_mask(hu > 0)


class Mine:
    """A copy of the shipped weights whose card the test may change."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder / "weights"
        shutil.copytree(SHIPPED / name / "weights", self.folder)
        self.path = next(iter(sorted(self.folder.glob("*.toml"))))
        self.card: dict[str, Any] = tomllib.loads(self.path.read_text())

    @property
    def architecture(self) -> dict[str, Any]:
        table: dict[str, Any] = self.card["architecture"]
        return table

    def prepared(self, volume: Volume) -> Any:
        """What a run does first with them."""
        self.path.write_text(tomli_w.dumps(self.card))
        table = self.card["scene"]["camera"]
        camera = Camera(np.array(table["K"], dtype=np.float64), table["height"], table["width"], None)
        settings = {"weights": str(self.folder)} | ({"initialiser": "nominal"} if self.name == "sopi" else {})
        view = View(camera, np.eye(4))
        return registry.build("methods", self.name, settings).prepare(volume, [view])

    def refused(self, volume: Volume) -> str:
        with pytest.raises(FluorobenchError) as caught:
            self.prepared(volume)
        said = str(caught.value)
        assert "\n" not in said
        assert len(said) < 500
        assert "train" in said
        return said


@pytest.fixture(params=NETWORKS)
def mine(request: pytest.FixtureRequest, tmp_path: Path) -> Mine:
    return Mine(request.param, tmp_path)


def test_the_shipped_card_is_taken(mine: Mine, volume: Volume) -> None:
    assert mine.prepared(volume) is not None


def test_an_unknown_part_is_refused(mine: Mine, volume: Volume) -> None:
    mine.architecture["spiral"] = 3
    said = mine.refused(volume)
    assert "'spiral' is unknown" in said
    assert all(key in said for key in mine.architecture if key != "spiral")


def test_a_missing_part_is_refused(mine: Mine, volume: Volume) -> None:
    for key in list(mine.architecture):
        if (mine.name, key) == ("sopi", "contrast"):
            continue  # cards from before that choice mean ``range``
        value = mine.architecture.pop(key)
        assert f"{key} is missing" in mine.refused(volume)
        mine.architecture[key] = value


@pytest.mark.parametrize("value", ["64", True, 1.5, [], [1, 2], {"a": 1}, float("nan"), float("-inf")], ids=str)
def test_another_type_is_refused(mine: Mine, volume: Volume, value: Any) -> None:
    """Each key in turn; where the value happens to be of its type, the network must refuse it or be the same one."""
    kept = dict(mine.architecture)
    for key, good in kept.items():
        mine.architecture[key] = value
        if value.__class__ is not good.__class__ and not (good.__class__ is float and value.__class__ is int):
            assert key in mine.refused(volume)
        elif isinstance(value, float) and not np.isfinite(value):
            mine.refused(volume)
        mine.architecture[key] = good


@pytest.mark.parametrize("value", [0, -1, -64, 10**9, 10**18, 10**40], ids=str)
def test_sizes_without_sense_are_refused_before_memory_is_asked_for(mine: Mine, volume: Volume, value: int) -> None:
    for key, good in dict(mine.architecture).items():
        sizes = good.__class__ is list and good[0].__class__ in (int, float)
        if (good.__class__ in (int, float) or sizes) and good != value:
            mine.architecture[key] = [value, *good[1:]] if sizes else value
            mine.refused(volume)
            mine.architecture[key] = good


@pytest.mark.parametrize("value", [5, "text", [], True], ids=str)
def test_an_architecture_that_is_no_table_is_refused(mine: Mine, volume: Volume, value: Any) -> None:
    mine.card["architecture"] = value
    assert "architecture should be a table" in mine.refused(volume)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("rtpi", {"hidden": 8192}),
        ("rtpi", {"volume_widths": [8, 16, 8192]}),
        ("rtpi", {"localisation_widths": [64, 32, 16]}),
        ("rtpi", {"image": 128}),
        ("rtpi", {"local": False}),
        ("lgff_reg", {"stages": 5}),
        ("lgff_reg", {"image_size": 4096}),
        ("lgff_reg", {"image_size": 16 * 10**6}),
        ("sopi", {"shared": False}),
    ],
    ids=lambda value: json.dumps(value),
)
def test_another_network_than_the_weights_is_refused(
    tmp_path: Path, volume: Volume, name: str, changes: dict[str, Any]
) -> None:
    own = Mine(name, tmp_path)
    own.architecture.update(changes)
    own.refused(volume)


@pytest.mark.parametrize("image", [8 * 12, 96, 512])
def test_images_that_are_no_whole_part_of_the_cameras_are_refused(tmp_path: Path, volume: Volume, image: int) -> None:
    own = Mine("deep_reg", tmp_path)
    own.architecture["image"] = image
    assert "should divide the 256 pixels" in own.refused(volume)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("trained_on", "hashes"), 5),
        (("trained_on", "patients"), "p1"),
        (("trained_on", "patients"), [1, 2]),
        (("trained_on", "patient_specific"), "no"),
        (("files",), {}),
        (("files",), [{"name": 3, "sha256": "", "bytes": 1}]),
        (("files",), ["rtpi.safetensors"]),
        (("version",), "1"),
        (("seconds",), 10**400),
        (("earlier",), [{"command": "x"}]),
        (("scene",), []),
        (("scene", "depth_mm"), []),
        (("scene", "camera", "height"), float("inf")),
        (("scene", "camera", "K"), "K"),
        (("held_out",), {"a": "b"}),
        (("losses",), {"total": 1}),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_cards_of_other_types_are_refused(tmp_path: Path, keys: tuple[str, ...], value: Any) -> None:
    own = Mine("rtpi", tmp_path)
    table = own.card
    for key in keys[:-1]:
        table = table[key]
    table[keys[-1]] = value
    own.path.write_text(tomli_w.dumps(own.card))
    with pytest.raises(WeightsError, match=r"rtpi\.toml.*train or fetch it again") as refused:
        read_card(own.path)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_card_of_endless_brackets_is_refused(tmp_path: Path) -> None:
    own = Mine("rtpi", tmp_path)
    own.path.write_text("a = " + "[" * 100_000)
    with pytest.raises(WeightsError, match="cannot be read"):
        read_card(own.path)
