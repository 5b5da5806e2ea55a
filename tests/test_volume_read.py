"""Reading volumes: any orientation keeps its world content; whatever cannot be used is refused in one line."""

import itertools
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from bench.geometry import transform_points
from bench.volume import Volume, VolumeError
from bench.volume.labels import present
from bench.volume.read import dicom_series, read_volume

sitk: Any = SimpleITK
SHAPE = (5, 6, 7)
AFFINE = np.array([[1.0, 0, 0, -20], [0, 1.5, 0, 30], [0, 0, 2.0, -400], [0, 0, 0, 1]])
ORIENTATIONS = [
    (order, flips) for order in itertools.permutations(range(3)) for flips in itertools.product((False, True), repeat=3)
]


def hounsfield() -> NDArray[np.int16]:
    return np.random.default_rng(7).integers(-1000, 1500, SHAPE).astype(np.int16)


def write(path: Path, array: NDArray[Any], affine: NDArray[np.float64] = AFFINE) -> Path:
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose()))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    sitk.WriteImage(image, str(path))
    return path


def restored(
    array: NDArray[Any], affine: NDArray[np.float64], order: tuple[int, ...], flips: tuple[bool, ...]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The same world content with its axes stored in another order and direction."""
    change = np.zeros((4, 4))
    change[3, 3] = 1
    for axis, (source, flip) in enumerate(zip(order, flips, strict=True)):
        change[source, axis] = -1 if flip else 1
        change[source, 3] = array.shape[source] - 1 if flip else 0
    stored = array.transpose(order)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    return stored, affine @ change


def assert_same_world(volume: Volume, array: NDArray[Any], affine: NDArray[np.float64]) -> None:
    index = np.argwhere(np.ones(array.shape, dtype=bool))
    index_from_world = np.asarray(np.linalg.inv(volume.affine), dtype=np.float64)
    found = transform_points(index_from_world, transform_points(affine, index))
    nearest = np.rint(found).astype(int)
    assert np.abs(found - nearest).max() < 1e-3
    assert np.array_equal(volume.hu[tuple(nearest.T)], array[tuple(index.T)].astype(np.float32))


def refusal(*arguments: Any, **options: Any) -> str:
    with pytest.raises(VolumeError) as caught:
        read_volume(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS)
def test_every_axis_order_and_flip_keeps_the_world(
    tmp_path: Path, order: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    stored, affine = restored(hounsfield(), AFFINE, order, flips)
    volume = read_volume(write(tmp_path / "ct.nii.gz", stored, affine))
    assert volume.hu.dtype == np.float32
    assert volume.hu.flags.c_contiguous
    assert volume.shape == stored.shape
    assert_same_world(volume, hounsfield(), AFFINE)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_an_oblique_grid_keeps_the_world(tmp_path: Path, suffix: str) -> None:
    oblique = AFFINE.copy()
    oblique[:3, :3] = Rotation.from_euler("XYZ", [20, -35, 50], degrees=True).as_matrix() @ AFFINE[:3, :3]
    stored, affine = restored(hounsfield(), oblique, (2, 0, 1), (True, False, False))
    assert_same_world(read_volume(write(tmp_path / f"ct{suffix}", stored, affine)), hounsfield(), oblique)


def test_labels_and_mask_come_on_the_grid(tmp_path: Path) -> None:
    labels = (hounsfield() % 3).astype(np.uint8)
    volume = read_volume(
        write(tmp_path / "ct.nii", hounsfield()),
        labels=write(tmp_path / "labels.nii", labels.astype(np.float64)),
        label_scheme="verse",
        mask=write(tmp_path / "mask.nii", labels),
    )
    assert volume.labels is not None
    assert volume.mask is not None
    assert volume.labels.dtype == np.uint16
    assert np.array_equal(volume.labels, labels)
    assert np.array_equal(volume.mask, labels > 0)


@pytest.mark.parametrize("what", ["shape", "shift", "flip"])
def test_a_mask_on_another_grid_is_refused_with_both_affines(tmp_path: Path, what: str) -> None:
    mask, affine = np.ones(SHAPE, np.uint8), AFFINE.copy()
    if what == "shape":
        mask = mask[:-1]
    elif what == "shift":
        affine[0, 3] += 0.2
    else:
        mask, affine = restored(mask, AFFINE, (0, 1, 2), (True, False, False))
    ct = write(tmp_path / "ct.nii", hounsfield())
    message = refusal(ct, mask=write(tmp_path / "mask.nii", mask, affine))
    for part in (str(affine[:3].tolist()), str(AFFINE[:3].tolist()), str(mask.shape), str(SHAPE)):
        assert part.replace("-0.0", "0.0") in message.replace("-0.0", "0.0")


def test_labels_need_a_scheme_and_a_scheme_labels(tmp_path: Path) -> None:
    ct = write(tmp_path / "ct.nii", hounsfield())
    assert "name the numbering" in refusal(ct, labels=ct)
    assert "without labels" in refusal(ct, label_scheme="verse")
    assert "did you mean 'verse'" in refusal(ct, labels=ct, label_scheme="vrese")


@pytest.mark.parametrize("value", [0.5, -1.0, 70000.0, np.nan])
def test_labels_must_be_whole_numbers(tmp_path: Path, value: float) -> None:
    labels = np.full(SHAPE, value, dtype=np.float32)
    ct = write(tmp_path / "ct.nii", hounsfield())
    message = refusal(ct, labels=write(tmp_path / "labels.nii", labels), label_scheme="verse")
    assert ("finite numbers" if np.isnan(value) else "whole numbers") in message


def test_an_empty_mask_is_refused(tmp_path: Path) -> None:
    ct = write(tmp_path / "ct.nii", hounsfield())
    assert "empty" in refusal(ct, mask=write(tmp_path / "mask.nii", np.zeros(SHAPE, np.uint8)))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".img", ".nrrd"])
def test_voxels_that_are_no_numbers_are_counted(tmp_path: Path, suffix: str) -> None:
    hu = hounsfield().astype(np.float32)
    hu[0, 0, 0], hu[1, 2, 3], hu[4, 4, 4] = np.nan, np.inf, -np.inf
    assert "3 of 210 voxels" in refusal(write(tmp_path / f"ct{suffix}", hu))


def test_what_is_no_volume_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.nii.gz"
    text.write_text("no image")
    flat = write(tmp_path / "flat.nii", hounsfield()[:, :, :1])
    many = sitk.JoinSeries([sitk.ReadImage(str(write(tmp_path / "ct.nii", hounsfield())))] * 2)
    sitk.WriteImage(many, str(tmp_path / "4d.nii"))
    colour = sitk.GetImageFromArray(np.zeros((4, 5, 6, 3), np.uint8), isVector=True)
    sitk.WriteImage(colour, str(tmp_path / "colour.nii"))
    assert "no such file" in refusal(tmp_path / "absent.nii")
    assert "cannot be read as an image" in refusal(text)
    assert "at least 2 voxels" in refusal(flat)
    assert "4 axes" in refusal(tmp_path / "4d.nii")
    assert "colour or vector" in refusal(tmp_path / "colour.nii")
    assert "no DICOM series" in refusal(tmp_path)
    assert "is a file" in refusal(tmp_path / "ct.nii", series="1.2.3")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".img", ".tif"])
def test_a_file_cut_short_is_refused_without_noise(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    large = np.random.default_rng(0).integers(-1000, 1000, (30, 40, 50)).astype(np.int16)
    path = write(tmp_path / f"ct{suffix}", large)
    said: dict[str, Any] = {"voxel_spacing_mm": (1.0, 1.5, 2.0)} if suffix == ".tif" else {}
    assert read_volume(path, **said).shape == large.shape
    os.truncate(path, path.stat().st_size // 2)
    refusal(path, **said)
    assert capfd.readouterr().err == ""


def patched(path: Path, *fields: tuple[str, int, tuple[float, ...]]) -> Path:
    raw = bytearray(path.read_bytes())
    for form, offset, values in fields:
        struct.pack_into(form, raw, offset, *values)
    path.write_bytes(raw)
    return path


def test_a_nifti_header_must_state_one_geometry(tmp_path: Path) -> None:
    plain = patched(write(tmp_path / "plain.nii", hounsfield()), ("<hh", 252, (0, 0)))
    rows = (-1.0, 0, 0, 20, 0, -1.5, 0, -30, 0, 0, 9.0, -400)
    other = patched(write(tmp_path / "other.nii", hounsfield()), ("<hh", 252, (0, 1)), ("<12f", 280, rows))
    sheared = (-1.0, 0, 1.0, 20, 0, -1.5, 0, -30, 0, 0, 3**0.5, -400)
    shear = patched(write(tmp_path / "shear.nii", hounsfield()), ("<hh", 252, (0, 1)), ("<12f", 280, sheared))
    assert "states no orientation" in refusal(plain)
    assert "contradicts itself" in refusal(other)
    # Sheared axes are a geometry like any other.
    np.testing.assert_array_equal(
        read_volume(shear).affine[:3], np.diag([-1, -1, 1]) @ np.array(sheared, dtype=np.float32).reshape(3, 4)
    )


@pytest.fixture
def real_data() -> Path:
    folder = os.environ.get("FLUOROBENCH_DATA")
    if folder is None:
        pytest.skip("FLUOROBENCH_DATA is not set: no real CTs here")
    return Path(folder)


def test_a_real_ct_with_labels(real_data: Path) -> None:
    case = real_data / "lumbar-3mm"
    volume = read_volume(case / "ct.nii.gz", labels=case / "vertebrae.nii.gz", label_scheme="totalsegmentator")
    assert volume.shape == (122, 101, 112)
    assert present(volume) == ("S1", "L5", "L4", "L3", "L2", "L1", "T12", "T11")
    assert np.allclose(np.diag(volume.affine)[:3], [-3, -3, 3])


def test_a_real_ct_in_another_orientation(real_data: Path) -> None:
    case = real_data / "vertebra-l3"
    volume = read_volume(
        case / "sub-ct_label-22_ct.nii.gz", labels=case / "sub-ct_seg-vert_label-22_msk.nii.gz", label_scheme="verse"
    )
    assert present(volume) == ("L2", "L3", "L4")
    # Stored as posterior, inferior, right.
    assert np.allclose(volume.affine[:3, :3], [[0, 0, -1.5], [1.5, 0, 0], [0, -1.5, 0]])
    assert volume.labels is not None
    heights = [transform_points(volume.affine, np.argwhere(volume.labels == n)).mean(axis=0)[2] for n in (21, 22, 23)]
    assert heights[0] > heights[1] > heights[2]


def test_a_real_oblique_mask_has_its_vertebrae_in_order(real_data: Path) -> None:
    path = real_data / "verse-mask" / "sub-verse004_seg-vert_msk.nii.gz"
    volume = read_volume(path, labels=path, label_scheme="verse")
    assert present(volume) == ("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")
    assert volume.labels is not None
    heights = [transform_points(volume.affine, np.argwhere(volume.labels == n)).mean(axis=0)[2] for n in range(16, 25)]
    assert (np.diff(heights) < -10).all()


def test_a_real_dicom_folder(real_data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    volume = read_volume(real_data / "dicom-slab")
    assert volume.shape == (512, 512, 20)
    assert np.allclose(volume.spacing_mm, [0.9765625, 0.9765625, 2.0])
    assert volume.affine[2, 3] == -804.5
    assert volume.hu.min() >= -1100
    assert list(dicom_series(real_data / "dicom-slab").values()) == ["CT Body 3.0, 20 slices"]
    assert "no DICOM series '1.2.3'; it holds" in refusal(real_data / "dicom-slab", series="1.2.3")
    assert capfd.readouterr().err == ""


def copied_slab(real_data: Path, folder: Path) -> list[Path]:
    folder.mkdir()
    return [Path(shutil.copyfile(path, folder / path.name)) for path in sorted((real_data / "dicom-slab").iterdir())]


def test_a_dicom_folder_with_a_slice_missing_or_cut_short(real_data: Path, tmp_path: Path) -> None:
    slices = copied_slab(real_data, tmp_path / "slab")
    os.truncate(slices[9], 100_000)
    assert slices[9].name in refusal(tmp_path / "slab")
    assert "name the folder" in refusal(slices[9])
    slices[9].unlink()
    assert "slices are missing" in refusal(tmp_path / "slab")
    assert "name the folder" in refusal(slices[0])


def test_a_plain_dicom_slice_cut_short(tmp_path: Path) -> None:
    write_series(tmp_path, "1.2.3.4", 4)
    assert read_volume(tmp_path).hu[0, 0].tolist() == [40, 41, 42, 43]
    cut = tmp_path / "1.2.3.4-1.dcm"
    os.truncate(cut, cut.stat().st_size - 20)
    refusal(tmp_path)


def test_a_tilted_gantry_is_read_as_a_sheared_grid(tmp_path: Path) -> None:
    write_series(tmp_path, "1.2.3.4", 4, tilt_mm=0.5)
    volume = read_volume(tmp_path)
    np.testing.assert_allclose(volume.affine[:3, 2], (0, 0.5, 2.0), atol=1e-12)
    assert volume.hu[0, 0].tolist() == [40, 41, 42, 43]


def test_several_series_are_listed_and_one_can_be_chosen(tmp_path: Path) -> None:
    folder = tmp_path / "two"
    folder.mkdir()
    for uid, slices in (("1.2.3.4", 3), ("1.2.3.5", 4)):
        write_series(folder, uid, slices)
    message = refusal(folder)
    assert "2 DICOM series" in message
    assert "--series UID" in message
    assert "1.2.3.4: no description, 3 slices; 1.2.3.5: no description, 4 slices" in message
    assert read_volume(folder, series="1.2.3.5").shape == (6, 5, 4)


def write_series(folder: Path, uid: str, slices: int, tilt_mm: float = 0.0) -> None:
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number in range(slices):
        image = sitk.GetImageFromArray(np.full((5, 6), 40 + number, np.int16))
        tags = {
            "0008|0060": "CT",
            "0008|0018": f"{uid}.{number + 1}",
            "0020|000e": uid,
            "0020|000d": "1.2.3",
            "0020|0013": str(number),
            "0020|0032": f"0\\{tilt_mm * number}\\{2.0 * number}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
        }
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{uid}-{number}.dcm"))
        writer.Execute(image)
