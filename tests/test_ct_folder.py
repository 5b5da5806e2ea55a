"""The ct_folder dataset: the user's own CTs and variants of them."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from bench import registry
from bench.contract import Dataset, Split
from bench.errors import FluorobenchError
from bench.geometry import Matrix, transform_points
from bench.volume import FloatGrid, Volume
from bench.volume.read import read_volume

sitk: Any = SimpleITK
deformation: Any = import_module("bench.datasets.ct_folder.deformation")
rigid: Any = import_module("bench.datasets.ct_folder.rigid")
variant: Any = import_module("bench.datasets.ct_folder.variant")
BONES = (23, 22)  # from below upwards


def scene() -> tuple[FloatGrid, FloatGrid]:
    """A body of water with two bones, 12 mm apart, and their labels, [k, j, i] as SimpleITK wants them."""
    hu = np.full((44, 36, 40), -1000, dtype=np.float32)
    hu[:, 4:32, 3:37] = 20
    labels = np.zeros(hu.shape, dtype=np.float32)
    for number, start in zip(BONES, (10, 24), strict=True):
        labels[start : start + 10, 12:26, 13:27] = number
    hu[labels > 0] = 400
    hu += np.random.default_rng(0).normal(0, 5, hu.shape).astype(np.float32)
    return hu, labels


def write(path: Path, grid: FloatGrid, spacing: float = 3.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(grid)
    image.SetSpacing([spacing] * 3)
    # Voxels stored posterior to anterior and turned a little: no axis is the world's.
    turn, c, s = np.diag([-1.0, -1.0, 1.0]), np.cos(0.2), np.sin(0.2)
    image.SetDirection((np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ turn).reshape(-1).tolist())
    image.SetOrigin([40.0, 20.0, -300.0])
    sitk.WriteImage(image, str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    hu, labels = scene()
    write(tmp_path / "a.nii.gz", hu)
    write(tmp_path / "a_labels.nii.gz", labels)
    write(tmp_path / "b.mha", hu)
    write(tmp_path / "case 3" / "early.nii", hu)
    write(tmp_path / "case 3" / "late.nii", hu)
    (tmp_path / "README.txt").write_text("not an image")
    return tmp_path


def opened(folder: Path, **settings: Any) -> Dataset:
    small = {"folder": str(folder), "label_scheme": "verse", "grid_mm": 40.0, "amplitude_mm": 10.0, "variants": 3}
    dataset: Dataset = registry.build("datasets", "ct_folder", {**small, **settings})
    return dataset


def names(dataset: Dataset, split: Split) -> set[str]:
    return {each.rpartition("~")[0] for each in dataset.patient_ids(split)}


def volume_of(folder: Path, patient: str, **settings: Any) -> Volume:
    return opened(folder, **settings).patient(patient).volume


def test_every_ct_is_found_once_and_its_variants_stay_in_one_split(folder: Path) -> None:
    dataset = opened(folder)
    found = {split: names(dataset, split) for split in Split}
    assert set().union(*found.values()) == {"a", "b", "case 3.early", "case 3.late"}
    assert sum(len(each) for each in found.values()) == 4
    assert any({"case 3.early", "case 3.late"} <= each for each in found.values())
    assert sum(len(dataset.patient_ids(split)) for split in Split) == 12


def test_splits_can_be_named_and_the_cts_themselves_come_first(folder: Path) -> None:
    dataset = opened(folder, validation=["b"], test=["case 3"])
    assert list(dataset.patient_ids(Split.TRAIN)) == ["a~0", "a~1", "a~2"]
    assert list(dataset.patient_ids(Split.VALIDATION)) == ["b~0", "b~1", "b~2"]
    assert list(dataset.patient_ids(Split.TEST))[:3] == ["case 3.early~0", "case 3.late~0", "case 3.early~1"]


def test_another_ct_changes_no_split(folder: Path) -> None:
    before = {split: names(opened(folder), split) for split in Split}
    write(folder / "new.nrrd", scene()[0])
    import_module("bench.datasets.ct_folder.files")._found.cache_clear()
    after = {split: names(opened(folder), split) for split in Split}
    assert set().union(*after.values()) - set().union(*before.values()) == {"new"}
    assert all(before[split] <= after[split] for split in Split)


def test_variant_zero_is_the_ct_itself(folder: Path) -> None:
    ct = read_volume(folder / "a.nii.gz", labels=folder / "a_labels.nii.gz", label_scheme="verse")
    patient = opened(folder).patient("a~0")
    assert patient.hash == ct.fingerprint()
    assert patient.volume.label_scheme == "verse"
    assert opened(folder).patient("b~0").volume.labels is None


def test_variants_repeat_and_follow_seed_number_and_name(folder: Path) -> None:
    first, again = (opened(folder).patient("b~1") for _ in range(2))
    assert first.hash == again.hash == first.volume.fingerprint()
    others = [opened(folder).patient("b~2"), opened(folder, seed=1).patient("b~1"), opened(folder).patient("a~1")]
    for other in others:
        assert np.abs(other.volume.hu - first.volume.hu).mean() > 5


@pytest.mark.parametrize("rigid_vertebrae", [False, True])
def test_bones_and_their_labels_move_together(folder: Path, rigid_vertebrae: bool) -> None:
    still = volume_of(folder, "a~0")
    moved = volume_of(folder, "a~1", rigid_vertebrae=rigid_vertebrae, bone_scale=(1.0, 1.0))
    assert moved.labels is not None
    assert still.labels is not None
    assert (moved.labels != still.labels).sum() > 100
    assert moved.shape == still.shape
    assert set(np.unique(moved.labels)) == {0, *BONES}
    for number in BONES:
        assert float(moved.hu[moved.labels == number].mean()) == pytest.approx(400, abs=30)
    assert float(moved.hu[(moved.labels == 0) & (moved.hu > -500)].mean()) == pytest.approx(20, abs=15)


def drawn(volume: Volume, seed: int, *, rigid_bones: bool) -> tuple[Any, tuple[Any, ...]]:
    pieces = variant.rigid_pieces(volume, 12.0)
    found = variant.draw_deformation(
        volume, pieces if rigid_bones else (), amplitude_mm=12.0, grid_mm=40.0, blend_mm=12.0,
        generator=np.random.default_rng(seed),
    )  # fmt: skip
    return found, pieces


def whole(field: Any) -> FloatGrid:
    return np.concatenate([displacement for _, displacement in field.slabs(7)])


def residuals(volume: Volume, field: Any) -> Matrix:
    """Distances (mm) of the mapped voxels of each labelled bone from its nearest rigid motion."""
    assert volume.labels is not None
    displacement = whole(field)
    found: list[Matrix] = []
    at = np.rint(field.sources(displacement.copy(), 0)).astype(int)
    shown = volume.labels[tuple(np.clip(each, 0, size - 1) for each, size in zip(at, volume.shape, strict=True))]
    for number in np.unique(volume.labels[volume.labels > 0]):
        voxels = np.argwhere(shown == number)
        source = transform_points(volume.affine, voxels.astype(np.float64))
        target = source + displacement[tuple(voxels.T)]
        motion = rigid.nearest_rigid(source, target)
        found.append(np.linalg.norm(transform_points(motion, source) - target, axis=1))
    return np.concatenate(found)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rigid_bones_are_rigid_and_free_ones_are_not(folder: Path, seed: int) -> None:
    ct = volume_of(folder, "a~0")
    free, _ = drawn(ct, seed, rigid_bones=False)
    stiff, _ = drawn(ct, seed, rigid_bones=True)
    assert residuals(ct, free).mean() > 0.2
    assert residuals(ct, stiff).max() < 0.02
    # Only the surroundings of the bones differ.
    apart = np.linalg.norm(whole(free) - whole(stiff), axis=-1)
    assert apart.max() > 0.3
    assert (apart[:2] < 1e-6).all()


@pytest.mark.parametrize("seed", range(4))
def test_no_map_folds(folder: Path, seed: int) -> None:
    ct = volume_of(folder, "a~0")
    for rigid_bones in (False, True):
        field, _ = drawn(ct, seed, rigid_bones=rigid_bones)
        # Independent of the field's own check: forward differences along the three axes span positive volumes.
        at = transform_points(ct.affine, np.indices(ct.shape).reshape(3, -1).T.astype(np.float64))
        placed = (at + whole(field).reshape(-1, 3)).reshape(*ct.shape, 3)
        along = [placed[1:, :-1, :-1], placed[:-1, 1:, :-1], placed[:-1, :-1, 1:]]
        span = np.stack([each - placed[:-1, :-1, :-1] for each in along], axis=-1)
        volume = np.linalg.det(span) / np.linalg.det(ct.affine[:3, :3])
        assert volume.min() > 0
        assert field.least_jacobian() > 0.05
        assert volume.min() < 0.97


def test_jacobian_of_a_known_map() -> None:
    affine = np.diag([2.0, 1.0, 3.0, 1.0])
    strain = np.array([[0.1, 0.02, 0], [-0.05, -0.2, 0.01], [0.03, 0, 0.15]])
    points = transform_points(affine, np.indices((9, 12, 7)).reshape(3, -1).T.astype(np.float64))
    field = (points @ strain.T).reshape(9, 12, 7, 3).astype(np.float32)
    known = deformation.Deformation((9, 12, 7), affine, field, (1, 1, 1), (0, 0, 0), None, {})
    assert known.least_jacobian() == pytest.approx(float(np.linalg.det(np.eye(3) + strain)), abs=1e-4)


def test_free_map_stays_within_its_amplitude_and_draws_little_from_beyond(folder: Path) -> None:
    ct = volume_of(folder, "a~0")
    field = deformation.free_deformation(
        ct.shape, ct.affine, amplitude_mm=12.0, grid_mm=40.0, generator=np.random.default_rng(5)
    )
    along_axes = whole(field) @ (ct.affine[:3, :3] / ct.spacing_mm)
    assert 3 < np.abs(along_axes).max() <= 12.01
    for axis in range(3):
        faces = np.moveaxis(along_axes[..., axis], axis, 0)
        assert np.abs(faces[[0, -1]]).max() <= 12 / 6 + 0.1


def test_nearest_rigid_finds_a_motion() -> None:
    random = np.random.default_rng(2)
    points = random.normal(0, 20, (50, 3))
    c, s = np.cos(0.3), np.sin(0.3)
    motion = np.array([[c, -s, 0, 5.0], [s, c, 0, -2.0], [0, 0, 1, 7.0], [0, 0, 0, 1]])
    np.testing.assert_allclose(rigid.nearest_rigid(points, transform_points(motion, points)), motion, atol=1e-12)


def test_density_scales_bone_and_leaves_soft_tissue_and_metal() -> None:
    hu = np.array([-1000, 0, 90, 100, 300, 1100, 2600, 3071], dtype=np.float32)
    np.testing.assert_allclose(variant.denser(hu, 0.5), [-1000, 0, 90, 100, 200, 600, 2600, 3071])
    ramp = np.linspace(-200, 3071, 500).astype(np.float32)
    for scale in (0.5, 0.8, 1.3):
        assert (np.diff(variant.denser(ramp, scale)) > -1e-3).all()
    np.testing.assert_array_equal(variant.denser(ramp, 1.0), ramp)


def one_line(folder: Path, expected: str, patient: str | None = None, **settings: Any) -> None:
    def ask() -> None:
        dataset = opened(folder, **settings)
        if patient is None:
            dataset.patient_ids(Split.TRAIN)
        else:
            dataset.patient(patient)

    with pytest.raises(FluorobenchError) as caught:
        ask()
    message = str(caught.value)
    assert re.search(expected, message), message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"amplitude_mm": 17.0}, "amplitude_mm must be 0 to 16"),
        ({"amplitude_mm": -1.0}, "amplitude_mm"),
        ({"grid_mm": 10.0}, "grid_mm must be 40 to 400"),
        ({"variants": 0}, "variants must be 1"),
        ({"seed": -1}, "seed"),
        ({"bone_scale": (1.2, 0.8)}, "bone_scale"),
        ({"blend_mm": float("nan")}, "blend_mm"),
        ({"test": ["nobody"]}, "no CT 'nobody'.*it holds a, b"),
        ({"label_scheme": None}, "label_scheme.*never guessed"),
        ({"variants": "many"}, "variants"),
    ],
)
def test_an_option_out_of_range_is_one_line(folder: Path, settings: dict[str, Any], expected: str) -> None:
    one_line(folder, expected, **settings)


def test_a_folder_without_a_readable_ct_is_one_line(tmp_path: Path) -> None:
    one_line(tmp_path / "absent", "no such folder")
    (tmp_path / "notes.txt").write_text("hello")
    one_line(tmp_path, "no readable CT among 1 files")
    (tmp_path / "ct.nii.gz").write_text("hello")
    one_line(tmp_path, "ct.nii.gz.*cannot be read")
    one_line(tmp_path, "no readable CT", exclude=["ct*"])


def test_wrong_masks_and_ids_are_one_line(folder: Path) -> None:
    one_line(folder, "NAME~VARIANT with variants 0 to 2; got 'a'", patient="a")
    one_line(folder, "got 'a~3'", patient="a~3")
    one_line(folder, "no CT 'x'", patient="x~0")
    one_line(folder, "needs labels", patient="b~1", rigid_vertebrae=True)
    write(folder / "b_mask.nii.gz", scene()[1], spacing=2.0)
    import_module("bench.datasets.ct_folder.files")._found.cache_clear()
    one_line(folder, "do not lie on the CT's grid", patient="b~0")


def test_stray_and_doubled_label_maps_are_one_line(tmp_path: Path) -> None:
    hu, labels = scene()
    write(tmp_path / "a.nii", hu)
    write(tmp_path / "b_labels.nii", labels)
    one_line(tmp_path, "b_labels.nii: a label map without a CT")
    assert names(opened(tmp_path, exclude=["b_*"], test=["a"]), Split.TEST) == {"a"}
    (tmp_path / "b_labels.nii").rename(tmp_path / "a_labels.nii")
    write(tmp_path / "a_mask.mha", labels)
    import_module("bench.datasets.ct_folder.files")._found.cache_clear()
    one_line(tmp_path, "two label maps of one CT")


def test_labels_without_a_vertebra_cannot_be_rigid(folder: Path) -> None:
    one_line(folder, "labelled vertebrae", patient="a~1", rigid_vertebrae=True, label_scheme=str(scheme_file(folder)))


def scheme_file(folder: Path) -> Path:
    path = folder / "femurs.toml"
    path.write_text("femur_left = 22\nfemur_right = 23\n")
    return path


def test_a_dicom_series_is_a_ct(tmp_path: Path, real_data: Path) -> None:
    (tmp_path / "slab").mkdir()
    for path in (real_data / "dicom-slab").glob("CT.*"):
        (tmp_path / "slab" / path.name).symlink_to(path)
    patient = opened(tmp_path).patient("slab~0")
    assert patient.hash == read_volume(real_data / "dicom-slab").fingerprint()


def test_variants_of_a_real_ct_keep_its_vertebrae(tmp_path: Path, real_data: Path) -> None:
    (tmp_path / "l.nii.gz").symlink_to(real_data / "lumbar-3mm" / "ct.nii.gz")
    (tmp_path / "l_labels.nii.gz").symlink_to(real_data / "lumbar-3mm" / "vertebrae.nii.gz")
    dataset = opened(tmp_path, label_scheme="totalsegmentator", grid_mm=80.0, amplitude_mm=12.0, rigid_vertebrae=True)
    still, moved = (dataset.patient(f"l~{number}").volume for number in (0, 1))
    assert still.labels is not None
    assert moved.labels is not None
    for number in range(27, 32):
        before, after = (int((labels == number).sum()) for labels in (still.labels, moved.labels))
        assert after == pytest.approx(before, rel=0.02)
    pieces = variant.rigid_pieces(still, 15.0)
    field = variant.draw_deformation(
        still, pieces, amplitude_mm=12.0, grid_mm=80.0, blend_mm=15.0, generator=np.random.default_rng(1)
    )
    off = residuals(still, field)
    assert off.mean() < 0.05
    assert np.quantile(off, 0.95) < 0.1
    assert field.least_jacobian() > 0.05


@pytest.mark.parametrize("suffix", ["label", "seg", "segmentation"])
def test_label_maps_by_their_customary_names(tmp_path: Path, suffix: str) -> None:
    hu, labels = scene()
    write(tmp_path / "a.nii.gz", hu)
    write(tmp_path / f"a_{suffix}.nii.gz", labels)
    assert names(opened(tmp_path, test=["a"]), Split.TEST) == {"a"}
    assert opened(tmp_path, test=["a"]).patient("a~0").volume.labels is not None


def test_a_label_map_of_another_name_is_no_ct(tmp_path: Path) -> None:
    hu, labels = scene()
    write(tmp_path / "p" / "ct.nii.gz", hu)
    write(tmp_path / "p" / "vertebrae.nii.gz", labels)
    one_line(tmp_path, "vertebrae.nii.gz: expected a CT in HU.*lowest value is 0.*NAME_labels", patient="p.vertebrae~1")
    assert opened(tmp_path, exclude=["vertebrae*"]).patient("p.ct~0").volume.labels is None
