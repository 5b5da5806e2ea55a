"""Several CTs of the user's own: the list, its folder, and each one's part of its CT."""

from pathlib import Path
from typing import Any

import pytest

from bench import registry
from bench.cases.prepare import prepare_patient
from bench.cases.scene import scene_of
from bench.cli.several_cts import cts_of, starts_each
from bench.contract import Dataset, Split
from bench.errors import FluorobenchError
from bench.volume.miniature import bone_blocks
from bench.volume.write import write_image

from .test_cli import PROTOCOL, command

LIST = """
[[ct]]
id = "anna"
volume = "anna/ct.nii.gz"
labels = "anna/map.nii.gz"
label_scheme = "verse"

[[ct]]
id = "bert"
volume = "bert/ct.nii.gz"
box = [-20, -20, -290, 20, 20, -210]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    hu, labels, affine = bone_blocks((20, 21, 22))
    for name in ("anna", "bert"):
        (tmp_path / name).mkdir()
        write_image(tmp_path / name / "ct.nii.gz", hu, affine)
        write_image(tmp_path / name / "map.nii.gz", labels, affine)
    (tmp_path / "cts.toml").write_text(LIST, encoding="utf-8")
    return tmp_path


def test_a_folder_is_what_its_list_says(folder: Path) -> None:
    table = cts_of(folder)
    assert table is not None
    assert table == cts_of(folder / "cts.toml")
    assert (table["dataset"], table["patients"]) == ("ct_list", 2)
    dataset: Dataset = registry.build("datasets", "ct_list", table["settings"])
    assert dataset.patient_ids(Split.TEST) == ("anna", "bert")
    first, second = (dataset.patient(name) for name in ("anna", "bert"))
    assert first.volume.labels is not None
    assert (first.region, first.box) == (None, None)
    assert (second.region, second.box) == ("whole", ((-20, -20, -290), (20, 20, -210)))


def test_each_patient_has_its_own_part(folder: Path) -> None:
    table = cts_of(folder)
    assert table is not None
    dataset: Dataset = registry.build("datasets", "ct_list", table["settings"])
    scene = scene_of("mismatch", region="whole")
    whole, boxed = (prepare_patient(scene, dataset.patient(name)) for name in ("anna", "bert"))
    assert whole.moving.shape == (28, 24, 40)
    assert boxed.scene.box == ((-20, -20, -290), (20, 20, -210))
    assert all(part < all_of for part, all_of in zip(boxed.moving.shape, whole.moving.shape, strict=True))
    # The X-ray shows all of the CT.
    assert boxed.extent.shape == whole.extent.shape


def test_a_folder_without_a_list_is_one_of_cts(folder: Path) -> None:
    (folder / "cts.toml").unlink()
    for name in ("anna", "bert"):
        (folder / name / "map.nii.gz").rename(folder / name / "ct_labels.nii.gz")
    table = cts_of(folder, "verse")
    assert table is not None
    dataset: Dataset = registry.build("datasets", table["dataset"], table["settings"])
    assert dataset.patient_ids(Split.TEST) == ("anna.ct~0", "bert.ct~0")
    with pytest.raises(FluorobenchError, match="label_scheme"):
        cts_of(folder)


def test_the_command_line_takes_it(folder: Path) -> None:
    tiny = folder / "tiny.toml"
    tiny.write_text(PROTOCOL.format(depth=700, label="M", plugin="initial", extra=""), encoding="utf-8")
    done = command("run", tiny, "--data", folder, "--starts", "2", cwd=folder)
    assert done.returncode == 0, done.stderr
    text = (folder / "runs" / "latest" / "problems.jsonl").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 4
    assert '"anna/001"' in text
    assert '"bert/001"' in text


def test_a_list_has_at_least_the_cases_of_the_profile() -> None:
    assert [starts_each(20, patients) for patients in (1, 3, 20, 30)] == [20, 7, 1, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ct = 3", "expected a table"),
        ('[[ct]]\nvolume = "a"\n[data]\nmargin_mm = 3', "alone"),
    ],
)
def test_wrong_lists_are_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "cts.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FluorobenchError, match=words):
        cts_of(tmp_path)


@pytest.mark.parametrize(
    ("cts", "words"),
    [
        ([], "at least one CT"),
        ([{"volume": "a/ct.nii.gz"}, {"volume": "b/ct.nii.gz"}], "id of its own"),
        ([{"volume": "a.nii.gz", "lables": "b.nii.gz"}], "lables"),
    ],
)
def test_wrong_settings_are_refused(cts: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(FluorobenchError, match=words):
        registry.build("datasets", "ct_list", {"cts": cts})


def test_a_scheme_belongs_to_a_folder_without_a_list(folder: Path) -> None:
    with pytest.raises(FluorobenchError, match="label-scheme"):
        cts_of(folder, "verse")
