"""The phantom as a plug-in: ids, splits, hashes, settings, cache, and the guard of its revision."""

import hashlib
import sys
from importlib import import_module
from pathlib import Path
from subprocess import run
from typing import Any

import numpy as np
import pytest

from bench import registry
from bench.contract import Split
from bench.errors import FluorobenchError

from .phantom_parts import inside, phantom

SMALL: dict[str, Any] = {"size": 32, "spacing_mm": 7.0}


def test_same_id_gives_the_same_bits_without_and_with_the_cache(tmp_path: Path) -> None:
    first = phantom(tmp_path / "a", **SMALL).patient("phantom-v5-000011")
    again = phantom(tmp_path / "b", **SMALL).patient("phantom-v5-000011")
    cached = phantom(tmp_path / "a", **SMALL).patient("phantom-v5-000011")
    assert first.hash == again.hash == cached.hash
    assert first.volume.fingerprint() == again.volume.fingerprint() == cached.volume.fingerprint()
    assert np.array_equal(first.landmarks[0].points, cached.landmarks[0].points)
    assert first.landmarks[0].point_names == cached.landmarks[0].point_names


def test_another_seed_is_another_patient(tmp_path: Path) -> None:
    dataset = phantom(tmp_path, **SMALL)
    first, second = (dataset.patient(f"phantom-v5-{seed:06d}") for seed in (11, 12))
    assert first.hash != second.hash
    assert np.abs(first.volume.hu - second.volume.hu).mean() > 20
    assert np.linalg.norm(first.landmarks[0].points - second.landmarks[0].points, axis=1).mean() > 2


def test_thread_count_changes_no_anatomy() -> None:
    numba: Any = import_module("numba")
    options = inside("options").PatientOptions(**SMALL, scanner=False)
    before, made = numba.get_num_threads(), list[Any]()
    for count in sorted({1, before}):
        numba.set_num_threads(count)
        made.append(inside("generate").imaged(11, options))
    numba.set_num_threads(before)
    assert all(np.array_equal(made[0].hu, each.hu) and np.array_equal(made[0].labels, each.labels) for each in made)


def test_splits_are_the_documented_disjoint_seed_ranges(tmp_path: Path) -> None:
    ids = {split: phantom(tmp_path).patient_ids(split) for split in Split}
    assert [len(ids[split]) for split in Split] == [100_000, 10_000, 10_000]
    assert ids[Split.TRAIN][0] == "phantom-v5-000000"
    assert ids[Split.VALIDATION][0] == "phantom-v5-100000"
    assert ids[Split.TEST][-1] == "phantom-v5-209999"
    assert list(ids[Split.TEST][:2]) == ["phantom-v5-200000", "phantom-v5-200001"]
    every = [name for split in Split for name in ids[split]]
    assert len(set(every)) == len(every)
    assert "phantom-v5-100000" in ids[Split.VALIDATION]
    assert "phantom-v5-100000" not in ids[Split.TRAIN]
    assert "phantom-v4-100000" not in ids[Split.VALIDATION]


@pytest.mark.parametrize(
    ("settings", "name", "recipe", "hashed"),
    [
        ({}, "phantom-v5-200000", "phantom-v5-200000-128-2.0mm", "ed65e3fb55c7544e"),
        ({}, "phantom-v5-000001", "phantom-v5-000001-128-2.0mm", "fe7580ae2c444b2e"),
        (
            {"size": 48, "spacing_mm": 7, "fractures": False, "implants": "screws"}, "phantom-v5-100001",
            "phantom-v5-100001-48-7.0mm-screws-0", "09b03941e014811f",
        ),
    ],
)  # fmt: skip
def test_a_hash_is_of_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], name: str, recipe: str, hashed: str
) -> None:
    """Trained weights name their patients by these hashes: they must not change without a new revision."""
    made = inside("generate").generate(1, inside("options").PatientOptions(size=16, spacing_mm=8.0, scanner=False))

    def generate(seed: int, options: object) -> Any:
        assert seed == int(name[-6:])
        assert options is not None
        return made

    monkeypatch.setattr(inside("generate"), "generate", generate)
    assert phantom(tmp_path, **settings).patient(name).hash == hashed
    assert hashlib.sha256(recipe.encode()).hexdigest()[:16] == hashed
    assert [path.stem for path in tmp_path.iterdir()] == [recipe]


# Mean HU, its mean inside L3, and the sum of all landmarks' coordinates: of seeds and of implants.
CHECKSUMS: list[tuple[int, dict[str, Any], tuple[float, float, float]]] = [
    (11, SMALL, (-29.7659, 150.3772, 741.6032)),
    (100001, SMALL, (-76.1942, 234.9677, 1135.8325)),
    (200000, {**SMALL, "fractures": False}, (-112.5672, 195.2040, 1106.4569)),
    (12, {"size": 40, "spacing_mm": 4.0}, (-41.9265, 287.5819, 1023.1800)),
    (200007, {**SMALL, "implants": "screws"}, (-106.8821, 542.1362, 1004.7452)),
    (200008, {**SMALL, "implants": "cement"}, (-50.1467, 349.6749, 818.4384)),
    (200009, {"size": 64, "spacing_mm": 6.0, "implants": "hip"}, (-541.8300, 203.5488, 1035.3909)),
]


@pytest.mark.parametrize(("seed", "settings", "due"), CHECKSUMS)
def test_the_voxels_are_those_of_the_revision(
    tmp_path: Path, seed: int, settings: dict[str, Any], due: tuple[float, float, float]
) -> None:
    """Means, not bits: another processor may round the last digit otherwise."""
    made = phantom(tmp_path, **settings).patient(f"phantom-v5-{seed:06d}")
    hu = made.volume.hu.astype(np.float64)
    found = hu.mean(), hu[made.volume.labels == 22].mean(), made.landmarks[0].points.sum()
    assert found == pytest.approx(due, abs=0.01), (
        "the generator makes other patients than before: raise REVISION in datasets/phantom/population.py, "
        "freeze these numbers anew and train the shipped weights again"
    )


@pytest.mark.parametrize("damage", [b"", b"not a zip", None])
def test_damaged_cache_file_is_regenerated(tmp_path: Path, damage: bytes | None) -> None:
    dataset = phantom(tmp_path, **SMALL)
    wanted = dataset.patient("phantom-v5-000011").volume.fingerprint()
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(content[:middle] + b"\x5a" * 64 + content[middle + 64 :] if damage is None else damage)
    assert dataset.patient("phantom-v5-000011").volume.fingerprint() == wanted
    assert file.stat().st_size == len(content)
    assert [left.name for left in tmp_path.iterdir()] == [file.name]


def test_what_a_killed_process_began_to_keep_is_removed(tmp_path: Path) -> None:
    """The process that makes patients in advance is ended wherever it is."""
    half = tmp_path / ".a1b2c3d4.part-phantom-v5-000011-24-8.0mm.npz"
    half.write_bytes(b"half")
    phantom(tmp_path, **SMALL).patient("phantom-v5-000011")
    assert not half.exists()


def test_a_cache_file_of_another_patient_is_not_read(tmp_path: Path) -> None:
    dataset = phantom(tmp_path, **SMALL)
    wanted = dataset.patient("phantom-v5-000011").volume.fingerprint()
    (file,) = tmp_path.iterdir()
    dataset.patient("phantom-v5-000012")
    (other,) = set(tmp_path.iterdir()) - {file}
    other.replace(file)
    assert dataset.patient("phantom-v5-000011").volume.fingerprint() == wanted


def test_a_cache_file_of_another_layout_is_not_read(tmp_path: Path) -> None:
    dataset = phantom(tmp_path, **SMALL)
    wanted = dataset.patient("phantom-v5-000011").volume.fingerprint()
    (file,) = tmp_path.iterdir()
    with np.load(file) as stored:
        fields = {name: stored[name] for name in stored.files if name != "recipe"}
    np.savez(file, allow_pickle=False, **(fields | {"hu": fields["hu"] + 1}))
    assert dataset.patient("phantom-v5-000011").volume.fingerprint() == wanted


def test_settings_do_not_share_cache_files(tmp_path: Path) -> None:
    first = phantom(tmp_path, size=32, spacing_mm=7.0).patient("phantom-v5-000011")
    second = phantom(tmp_path, size=32, spacing_mm=7.5).patient("phantom-v5-000011")
    assert first.volume.spacing_mm[0] != second.volume.spacing_mm[0]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("phantom-v5-abc", "six digits"),
        ("phantom-v2-000001", "of revision 2; name phantom-v5-000001.*git tag phantom-versions-1-to-4"),
        ("phantom-v6-000001", "of revision 6"),
        ("phantom-v5-150000", "no split"),
        ("phantom-v5-000001 ", "six digits"),
        (11, "six digits; got 11"),
        (11.5, "six digits; got 11.5"),
        (None, "six digits; got None"),
    ],
)
def test_bad_ids_are_refused_in_one_line(tmp_path: Path, name: Any, says: str) -> None:
    with pytest.raises(FluorobenchError, match=says) as caught:
        phantom(tmp_path).patient(name)
    assert "\n" not in str(caught.value)


def test_a_version_is_refused_with_the_tag_that_has_the_earlier_ones() -> None:
    says = r"^phantom has no setting 'version' any more: .*leave it out; .*git tag phantom-versions-1-to-4$"
    with pytest.raises(FluorobenchError, match=says):
        registry.build("datasets", "phantom", {"version": 4})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"size": 8}, "size must be 16 to 512 voxels; got 8"),
        ({"size": 4000}, "size must be 16 to 512 voxels"),
        ({"spacing_mm": 0.0}, "spacing_mm must be 0.7 to 8; got 0.0"),
        ({"spacing_mm": 0.6}, "spacing_mm must be 0.7 to 8"),
        ({"spacing_mm": float("nan")}, "spacing_mm must be 0.7 to 8; got nan"),
        ({"implants": "nails"}, "implants must be one of none, screws, cement, hip"),
        ({"only": "phantom-v2-200000"}, "of revision 2"),
    ],
)
def test_settings_out_of_range_are_refused_in_one_line(tmp_path: Path, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(FluorobenchError, match=says) as caught:
        phantom(tmp_path, **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("size", "64", "a whole number of voxels; got '64' (str)"),
        ("size", 64.0, "a whole number of voxels; got 64.0 (float)"),
        ("size", True, "a whole number of voxels; got True (bool)"),
        ("spacing_mm", "2", "a number of mm; got '2' (str)"),
        ("spacing_mm", None, "a number of mm; got None (NoneType)"),
        ("spacing_mm", np.ones((2, 1)), "a number of mm; got array([[1.], [1.]]) (ndarray)"),
        ("fractures", "no", "true or false; got 'no' (str)"),
        ("fractures", 1, "true or false; got 1 (int)"),
        ("implants", None, "a text; got None (NoneType)"),
        ("implants", ["screws"], "a text; got ['screws'] (list)"),
        ("only", 200000, "a patient's id or None; got 200000 (int)"),
        ("cache_dir", 7, "a folder or None; got 7 (int)"),
    ],
)
def test_an_option_of_another_type_is_one_line(option: str, value: object, says: str) -> None:
    with pytest.raises(FluorobenchError) as caught:
        inside("dataset").Phantom(**{option: value})
    assert str(caught.value) == f"{option} must be {says}"


def test_numpys_numbers_are_numbers(tmp_path: Path) -> None:
    given = phantom(tmp_path, size=np.int64(16), spacing_mm=np.float32(4.0))
    plain = phantom(tmp_path, size=16, spacing_mm=4.0)
    assert given.patient("phantom-v5-000011").hash == plain.patient("phantom-v5-000011").hash


def test_a_whole_spacing_is_the_same_patient_and_a_cache_folder_may_be_text(tmp_path: Path) -> None:
    made = [
        inside("dataset").Phantom(size=16, spacing_mm=spacing, cache_dir=str(tmp_path)).patient("phantom-v5-000011")
        for spacing in (4, 4.0)
    ]
    assert made[0].hash == made[1].hash
    assert len(list(tmp_path.iterdir())) == 1


def test_a_hip_outside_the_cube_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FluorobenchError, match=r"needs a cube of at least 384 mm.*128 voxels of 2 mm"):
        phantom(tmp_path, size=128, spacing_mm=2.0, implants="hip")
    large = phantom(tmp_path, size=64, spacing_mm=6.0, implants="hip").patient("phantom-v5-200000")
    assert large.volume.hu.max() > 2000


def test_imports_without_heavy_or_foreign_packages() -> None:
    banned = ("SimpleITK", "pydantic", "tyro", "cmaes", "mahotas", "plotly", "pandas")
    code = f"""
import sys
for name in {banned!r}:
    sys.modules[name] = None
from bench.datasets import phantom
import bench.datasets.phantom.generate
print(phantom.card.title)
"""
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
