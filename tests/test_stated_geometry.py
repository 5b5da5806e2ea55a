"""Geometry that volume files state, contradict or leave out, in every format; and how exactly it is used."""

import locale
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
import tifffile
from numpy.typing import NDArray

from bench.drr import AttenuationMap, project
from bench.geometry import Camera, StandardView, nominal_pose, transform_points
from bench.volume import Volume, VolumeError
from bench.volume.describe import describe_volume, is_volume
from bench.volume.read import read_volume
from bench.volume.write import write_image

sitk: Any = SimpleITK
nib: Any = nibabel
SHAPE = (12, 10, 8)
RAS = np.array([[2.0, 0, 0, -30], [0, 2, 0, -40], [0, 0, 3, 100], [0, 0, 0, 1]])
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def hounsfield() -> NDArray[np.int16]:
    hu = np.full(SHAPE, -1000, np.int16)
    hu[2:10, 2:8, 1:7] = 40
    hu[3:6, 3:7, 2:4] = 1200
    return hu


def nifti(
    path: Path, sform: Any = RAS, sform_code: int = 1, qform: Any = None, qform_code: int = 0, **more: Any
) -> Path:
    image = nib.Nifti1Image(hounsfield(), sform if sform is not None else np.eye(4))
    image.set_sform(sform, code=sform_code)
    image.set_qform(qform, code=qform_code)
    if "unit" in more:
        image.header.set_xyzt_units(more["unit"])
    nib.save(image, path)
    return path


def nrrd(path: Path, *lines: str) -> Path:
    head = ["NRRD0005", "type: int16", "dimension: 3", "sizes: 12 10 8", "endian: little", "encoding: raw", *lines]
    path.write_bytes("\n".join(head).encode() + b"\n\n" + hounsfield().tobytes(order="F"))
    return path


def meta(path: Path, *lines: str) -> Path:
    head = ["ObjectType = Image", "NDims = 3", "BinaryData = True", "BinaryDataByteOrderMSB = False", *lines]
    head += ["DimSize = 12 10 8", "ElementType = MET_SHORT", "ElementDataFile = LOCAL"]
    path.write_bytes("\n".join(head).encode() + b"\n" + hounsfield().tobytes(order="F"))
    return path


def refusal(path: Path, **said: Any) -> str:
    with pytest.raises(VolumeError) as caught:
        read_volume(path, **said)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def moved(**change: float) -> NDArray[np.float64]:
    affine = RAS.copy()
    affine[0, 3] += change.get("shift", 0.0)
    affine[0, 1] += change.get("shear", 0.0)
    return affine


def test_the_sform_is_taken_exactly(tmp_path: Path) -> None:
    """Also where it is not orthonormal, which a qform and SimpleITK cannot hold."""
    for shear in (0.0, 0.0012, 0.3, 1.0):
        affine = moved(shear=shear)
        affine[2, 0] = shear / 2
        volume = read_volume(nifti(tmp_path / "ct.nii.gz", affine, 2))
        np.testing.assert_array_equal(volume.affine, LPS_FROM_RAS @ affine.astype(np.float32).astype(np.float64))


@pytest.mark.parametrize("codes", [(1, 1), (2, 1), (4, 1), (1, 2)])
def test_sform_and_qform_that_contradict_each_other_are_refused(tmp_path: Path, codes: tuple[int, int]) -> None:
    flipped = RAS @ np.diag([-1.0, 1, 1, 1])
    for name, other in (("flip", flipped), ("shift", moved(shift=50.0)), ("turn", RAS[[1, 0, 2, 3]])):
        path = nifti(tmp_path / f"{name}.nii.gz", RAS, codes[0], other, codes[1])
        assert "sform and qform place the grid's corners up to" in refusal(path)
    close = nifti(tmp_path / "close.nii.gz", moved(shear=0.01), codes[0], RAS, codes[1])
    expected = LPS_FROM_RAS @ moved(shear=0.01).astype(np.float32)
    np.testing.assert_array_equal(read_volume(close).affine, expected.astype(np.float64))


def test_a_qform_alone_is_read(tmp_path: Path) -> None:
    path = nifti(tmp_path / "ct.nii", None, 0, RAS, 1)
    np.testing.assert_allclose(read_volume(path).affine, LPS_FROM_RAS @ RAS, atol=1e-5)
    assert "qform (code 1)" in describe_volume(path).calibration[0][2]


def test_a_nifti_without_orientation_is_asked_about(tmp_path: Path) -> None:
    path = nifti(tmp_path / "ct.nii", None, 0, None, 0)
    assert "sform and qform code 0" in refusal(path)
    assert read_volume(path, voxel_spacing_mm=(2.0, 2.0, 3.0)).hu.max() == 1200


@pytest.mark.parametrize(("unit", "scale"), [("mm", 1.0), ("meter", 1000.0), ("micron", 0.001), ("unknown", 1.0)])
def test_units_of_a_nifti_header_count(tmp_path: Path, unit: str, scale: float) -> None:
    stored = RAS.copy()
    stored[:3] /= scale
    volume = read_volume(nifti(tmp_path / "ct.nii", stored, unit=unit))
    np.testing.assert_allclose(volume.affine, LPS_FROM_RAS @ RAS, rtol=1e-5, atol=1e-6)


def test_slope_and_big_endian_of_a_nifti(tmp_path: Path) -> None:
    image = nib.Nifti1Image(hounsfield().astype(">i2"), RAS, nib.Nifti1Header(endianness=">"))
    image.header.set_slope_inter(2.0, -100.0)
    nib.save(image, tmp_path / "ct.nii")
    np.testing.assert_array_equal(read_volume(tmp_path / "ct.nii").hu, 2.0 * hounsfield() - 100)


def test_one_volume_of_a_series_of_one(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(hounsfield()[..., np.newaxis], RAS), tmp_path / "one.nii")
    assert read_volume(tmp_path / "one.nii").shape == SHAPE


SPACE = "space: left-posterior-superior"
DIRECTIONS = "space directions: (2,0,0) (0,2,0) (0,0.8,3)"
ORIGIN = "space origin: (30,40,100)"


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        ((), "spacing, direction, origin"),
        (("spacings: 2 2 3",), "direction, origin"),
        ((SPACE, DIRECTIONS), "origin"),
        (("space dimension: 3", DIRECTIONS, ORIGIN), "direction (space)"),
    ],
)
def test_what_a_nrrd_leaves_out_is_asked_for(tmp_path: Path, lines: tuple[str, ...], missing: str) -> None:
    path = nrrd(tmp_path / "ct.nrrd", *lines)
    message = refusal(path)
    assert f"missing: {missing})" in message
    assert "--voxel-spacing-mm" in message
    assert describe_volume(path).missing
    np.testing.assert_array_equal(read_volume(path, voxel_spacing_mm=(2.0, 2.0, 3.0)).spacing_mm, (2, 2, 3))


def test_a_sheared_nrrd_is_read_exactly(tmp_path: Path) -> None:
    path = nrrd(tmp_path / "ct.nrrd", SPACE, DIRECTIONS, ORIGIN)
    expected = np.array([[2, 0, 0, 30], [0, 2, 0.8, 40], [0, 0, 3, 100], [0, 0, 0, 1.0]])
    np.testing.assert_allclose(read_volume(path).affine, expected, atol=1e-12)
    assert "off perpendicular" in describe_volume(path).calibration[2][1]
    other = nrrd(
        tmp_path / "ras.nrrd",
        "space: RAS",
        "space directions: (-2,0,0) (0,-2,0) (0,-0.8,3)",
        "space origin: (-30,-40,100)",
    )
    np.testing.assert_allclose(read_volume(other).affine, expected, atol=1e-12)
    assert "expected left-posterior-superior" in refusal(
        nrrd(tmp_path / "scanner.nrrd", "space: scanner-xyz", DIRECTIONS, ORIGIN)
    )


def test_units_of_a_nrrd_header_count(tmp_path: Path) -> None:
    millimetres = read_volume(nrrd(tmp_path / "mm.nrrd", SPACE, DIRECTIONS, ORIGIN, 'space units: "mm" "mm" "mm"'))
    metres = read_volume(
        nrrd(
            tmp_path / "m.nrrd", SPACE, "space directions: (.002,0,0) (0,.002,0) (0,.0008,.003)",
            "space origin: (.03,.04,.1)", 'space units: "m" "m" "m"',
        )
    )  # fmt: skip
    np.testing.assert_allclose(metres.affine, millimetres.affine, atol=1e-9)
    path = nrrd(tmp_path / "inch.nrrd", SPACE, DIRECTIONS, ORIGIN, 'space units: "inch" "inch" "inch"')
    assert "space units" in refusal(path)


META = {
    "spacing": "ElementSpacing = 2 2 3",
    "origin": "Offset = 30 40 100",
    "direction": "TransformMatrix = 1 0 0 0 1 0 0 0 1",
}


@pytest.mark.parametrize("left_out", [(), ("spacing",), ("origin",), ("direction",), tuple(META)])
def test_what_a_metaimage_leaves_out_is_asked_for(tmp_path: Path, left_out: tuple[str, ...]) -> None:
    path = meta(tmp_path / "ct.mha", *(line for name, line in META.items() if name not in left_out))
    if not left_out:
        np.testing.assert_array_equal(read_volume(path).affine[:3, 3], (30, 40, 100))
        return
    assert f"missing: {', '.join(left_out)})" in refusal(path)
    assert read_volume(path, voxel_spacing_mm=(2.0, 2.0, 3.0)).hu.max() == 1200


@pytest.mark.parametrize("suffix", [".vtk", ".gipl", ".tif"])
def test_formats_without_orientation_are_asked_about(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ct{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(np.transpose(hounsfield())), str(path))
    assert "--voxel-spacing-mm" in refusal(path)
    assert is_volume(path)
    np.testing.assert_array_equal(read_volume(path, voxel_spacing_mm=(2.0, 2.0, 3.0)).hu, hounsfield())


@pytest.mark.parametrize("spacing", [None, (2.0, 2.0, 3.0)])
def test_reading_a_vtk_file_leaves_the_locale_as_it_was(
    tmp_path: Path, spacing: tuple[float, float, float] | None
) -> None:
    """ITK's reader leaves the locale "C" behind, under which Python reads text files as ASCII."""
    path = tmp_path / "ct.vtk"
    sitk.WriteImage(sitk.GetImageFromArray(np.transpose(hounsfield())), str(path))
    before = locale.setlocale(locale.LC_ALL)
    with suppress(VolumeError):
        read_volume(path, voxel_spacing_mm=spacing)
    after = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, before)
    assert after == before


def test_a_stack_of_a_segmented_bone_lies_about_the_middle(tmp_path: Path) -> None:
    stack = np.zeros((6, 8, 10), np.uint16)
    stack[2:4, 3:6, 2:8] = 1500
    tifffile.imwrite(tmp_path / "bone.tif", stack, photometric="minisblack")
    volume = read_volume(tmp_path / "bone.tif", voxel_spacing_mm=(0.5, 0.5, 1.0))
    np.testing.assert_array_equal(volume.affine[:3, 3], (-2.5, -2, -3))
    assert (volume.hu.min(), volume.hu.max()) == (-1000, 500)
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, (stack > 0).astype(np.uint8), photometric="minisblack")
    said: dict[str, Any] = {"labels": labels, "label_scheme": "verse", "voxel_spacing_mm": (0.5, 0.5, 1.0)}
    assert read_volume(tmp_path / "bone.tif", **said).labels is not None
    for spacing in ((0.0, 1.0, 1.0), (1.0, float("nan"), 1.0)):
        assert "three positive numbers" in refusal(tmp_path / "bone.tif", voxel_spacing_mm=spacing)


def test_a_nifti_header_that_promises_the_world_is_refused_quickly(tmp_path: Path) -> None:
    path = nifti(tmp_path / "ct.nii")
    raw = bytearray(path.read_bytes())
    struct.pack_into("<8h", raw, 40, 3, 32000, 32000, 32000, 1, 1, 1, 1)
    path.write_bytes(raw)
    assert "promises" in refusal(path)
    assert "header promises" in refusal(nrrd_of(tmp_path / "ct.nrrd"))


def nrrd_of(path: Path) -> Path:
    nrrd(path, SPACE, DIRECTIONS, ORIGIN)
    path.write_bytes(path.read_bytes().replace(b"sizes: 12 10 8", b"sizes: 90000 90000 90000"))
    return path


def test_the_projector_takes_a_sheared_grid_exactly() -> None:
    """A smooth ball sampled on a sheared grid renders as on a straight one: the affine, not its spacing, counts."""
    straight = np.diag([1.5, 1.5, 1.5, 1.0])
    sheared = straight.copy()
    sheared[:3, :3] += [[0, 0.4, 0], [0, 0, 0.6], [0.2, 0, 0]]
    images: list[NDArray[np.float32]] = []
    camera = Camera.centred(sdd_mm=1000, height=48, width=48, spacing_mm=2.0)
    for affine in (straight, sheared):
        placed = affine.copy()
        placed[:3, 3] = -transform_points(affine, np.full(3, 31.5))
        points = transform_points(placed, np.indices((64, 64, 64)).reshape(3, -1).T)
        ball = 1000 * np.exp(-np.square(points / 12).sum(axis=1)) - 1000
        volume = Volume(ball.reshape(64, 64, 64).astype(np.float32), placed)
        pose = nominal_pose(StandardView.AP, np.zeros(3), 700.0)
        images.append(project(AttenuationMap.from_volume(volume), pose[None], camera)[0, 0].numpy())
    np.testing.assert_allclose(images[1], images[0], atol=0.01 * images[0].max())
    assert images[0].max() > 0.3


def test_info_tells_which_numbering_labels_may_have(tmp_path: Path) -> None:
    hu = np.full((10, 10, 30), -1000, np.float32)
    hu[2:8, 2:8] = 50
    numbers = np.zeros(hu.shape, np.uint8)
    for level, number in enumerate((24, 23, 22)):  # L5, L4, L3 upwards in VerSe's numbers
        numbers[3:7, 3:7, 4 + 8 * level : 10 + 8 * level] = number
    for name, data in (("ct", hu), ("labels", numbers)):
        write_image(tmp_path / f"{name}.nii.gz", data.astype(np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    found = describe_volume(tmp_path / "ct.nii.gz", labels=tmp_path / "labels.nii.gz")
    assert ("labels", "numbers 22 to 24") in found.fields
    assert "'verse'" in found.missing[0]
    assert "--label-scheme" in found.missing[0]
    named = describe_volume(tmp_path / "ct.nii.gz", labels=tmp_path / "labels.nii.gz", label_scheme="verse")
    assert ("labels", "L3, L4, L5 (scheme 'verse')") in named.fields
    assert not named.missing
