"""CTs and X-ray images of every format."""

import gzip
import os
import shutil
import zipfile
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from bench.volume.miniature import bone_blocks
from bench.volume.read import read_volume
from bench.volume.write import write_image
from bench.xray.read import read_xray
from studies.torture.inputs.forms import Form, require_finite
from studies.torture.inputs.mutations import damaged_inside
from studies.torture.inputs.structures import damage_binary, damage_bytes, damage_dicom

_PATIENT = (
    *(("Modality", "CT"), ("PatientID", "x"), ("SeriesInstanceUID", "1.2.3.9"), ("StudyInstanceUID", "1.2.3")),
    *(("RescaleSlope", "1"), ("RescaleIntercept", "-1024"), ("PixelSpacing", [2, 2]), ("SliceThickness", "2.5")),
    ("ImageOrientationPatient", [1, 0, 0, 0, 1, 0]),
)
_XA = (
    *(("Modality", "XA"), ("DistanceSourceToDetector", "1020.5"), ("DistanceSourceToPatient", "700")),
    *(("ImagerPixelSpacing", [0.4, 0.3]), ("PositionerPrimaryAngle", "0"), ("PositionerSecondaryAngle", "0")),
    *(("FieldOfViewRotation", "0"), ("FieldOfViewHorizontalFlip", "NO"), ("PixelIntensityRelationship", "LIN")),
    ("PixelIntensityRelationshipSign", 1),
)
_VOXELS = (3.0, 3.0, 3.0)


def _ct() -> tuple[Any, Any]:
    hu, _, affine = bone_blocks((20, 21))
    return hu[::2, ::2, ::2].astype(np.int16), affine @ np.diag([2.0, 2.0, 2.0, 1.0])


def _write(folder: Path, *names: str) -> None:
    """The same small CT under several names, compressed where the ending or the name says so."""
    sitk: Any = import_module("SimpleITK")
    hu, affine = _ct()
    source = write_image(folder / "source.mha", hu, affine)
    image = sitk.ReadImage(str(source))
    source.unlink()
    for name in names:
        sitk.WriteImage(image, str(folder / name), "packed" in name)


def _awkward(folder: Path, *patterns: str) -> None:
    """Files that users report trouble with, where they are at hand."""
    data = os.environ.get("FLUOROBENCH_DATA")
    for pattern in patterns if data else ():
        for number, path in enumerate(sorted((Path(data or "") / "awkward-files").glob(pattern))):
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(folder)
            else:
                shutil.copyfile(path, folder / f"awkward-{number}-{path.name}")


def _images(folder: Path, names: tuple[str, ...], patterns: tuple[str, ...]) -> None:
    _write(folder, *names)
    _awkward(folder, *patterns)


def _pixels() -> Any:
    rows, columns = np.mgrid[:24, :32]
    return (60000 * np.exp(-((rows - 12) ** 2 + (columns - 15) ** 2) / 60)).astype(np.uint16)


def _pictures(folder: Path, suffix: str, pattern: str) -> None:
    sitk: Any = import_module("SimpleITK")
    for name, values in (("deep", _pixels()), ("flat", (_pixels() >> 8).astype(np.uint8))):
        sitk.WriteImage(sitk.GetImageFromArray(values), str(folder / f"{name}{suffix}"), name == "flat")
    _awkward(folder, pattern)


def _dicom(path: Path, pixels: Any, fields: Any, sop_class: str) -> None:
    pydicom: Any = import_module("pydicom")
    made = pydicom.Dataset()
    needed = {
        "SOPClassUID": sop_class, "SOPInstanceUID": f"1.2.3.4.{path.stem.strip('x')or 1}", "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15,
        "PixelRepresentation": 0, "Rows": pixels.shape[0], "Columns": pixels.shape[1],
    }  # fmt: skip
    for name, value in {**needed, **dict(fields)}.items():
        setattr(made, name, value)
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    made.file_meta.MediaStorageSOPClassUID, made.file_meta.MediaStorageSOPInstanceUID = sop_class, made.SOPInstanceUID
    made.PixelData = pixels.tobytes()
    made["PixelData"].VR = "OW"
    made.save_as(path, enforce_file_format=True)


def _slices(folder: Path) -> None:
    hu, _ = _ct()
    (folder / "series").mkdir()
    for number in range(5):
        fields = (*_PATIENT, ("InstanceNumber", str(number + 1)), ("ImagePositionPatient", [0, 0, 2.5 * number]))
        pixels = np.ascontiguousarray((hu[:, :, number + 8].T + 1024).astype(np.uint16))
        _dicom(folder / "series" / f"{number + 1}.dcm", pixels, fields, "1.2.840.10008.5.1.4.1.1.2")


def _dicom_xrays(folder: Path) -> None:
    _dicom(folder / "x1.dcm", _pixels(), _XA, "1.2.840.10008.5.1.4.1.1.12.1")
    _awkward(folder, "monochrome1/*.dcm", "xray_rescale/*.dcm", "rotational_run/*.dcm", "fov_origin/*.dcm")


def _packed_nrrd(path: Path, random: Random) -> None:
    """The header, or the numbers inside their compression."""
    head, empty, numbers = path.read_bytes().partition(b"\n\n")
    if random.random() < 0.5 or not numbers.startswith(b"\x1f\x8b"):
        damage_bytes(path, random)
    else:
        path.write_bytes(head + empty + damaged_inside(numbers, random))


def _inside(path: Path, random: Random) -> None:
    path.write_bytes(damaged_inside(path.read_bytes(), random))


def _read_ct(path: Path) -> None:
    volume = read_volume(path)
    require_finite("voxels or affine", volume.hu, volume.affine)


def _read_stack(path: Path) -> None:
    volume = read_volume(path, voxel_spacing_mm=_VOXELS)
    require_finite("voxels or affine", volume.hu, volume.affine)


def _read_labels(path: Path) -> None:
    volume = read_volume(path.parent / "ct.nii.gz", labels=path, label_scheme="verse")
    require_finite("labels", volume.labels)


def _read_xray(path: Path) -> None:
    image = read_xray(path, spacing_mm=0.4, sdd_mm=1000.0, flip="none", bright="air")
    require_finite("pixels", image.intensities)


def _read_plain_xray(path: Path) -> None:
    require_finite("pixels", read_xray(path).intensities)


def _read_described(path: Path) -> None:
    from bench.cli.catalogue import Info

    Info(name=str(path))()


def _with_labels(folder: Path) -> None:
    hu, labels, affine = bone_blocks((20, 21))
    write_image(folder / "ct.nii.gz", hu.astype(np.int16), affine)
    write_image(folder / "labels.nii.gz", labels, affine)


def _all_kinds(folder: Path) -> None:
    _write(folder, "ct.mha", "ct.nrrd", "ct.nii.gz")
    _pictures(folder, ".tif", "tiff_volume/*.tif")
    _dicom_xrays(folder)


def _any(path: Path, random: Random) -> None:
    (_inside if path.name.endswith(".gz") else damage_dicom if path.suffix == ".dcm" else damage_bytes)(path, random)


def _plain_nifti(folder: Path) -> None:
    _write(folder, "ct.nii", "pair.hdr")
    _awkward(folder, "nifti_sform_qform/*.nii.gz", "not_hounsfield/*.nii.gz")
    for path in list(folder.glob("awkward-*.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()


def _made(*names: str, beside: tuple[str, ...] = ()) -> Any:
    return partial(_images, names=names, patterns=beside)


def _frames(folder: Path) -> None:
    _dicom_xrays(folder)
    _awkward(folder, "multiframe_ct/*.dcm")


def _stack(folder: Path) -> None:
    sitk: Any = import_module("SimpleITK")
    hu, _ = _ct()
    sitk.WriteImage(sitk.GetImageFromArray(hu + 1024), str(folder / "stack.tif"))
    _awkward(folder, "tiff_volume/*.tif")


IMAGES = (
    Form(
        name="CT .mha",
        make=_made("ct.mha", "packed.mha", beside=("no_orientation/*.mha",)),
        entries="*.mha",
        read=_read_ct,
    ),
    Form(name="CT .mhd", make=_made("ct.mhd"), entries="*.mhd", targets=("*.mhd", "*.mhd", "*.raw"), read=_read_ct),
    Form(
        name="CT .nrrd",
        make=_made("ct.nrrd", "packed.nrrd", beside=("no_orientation/*.nrrd", "nonorthonormal_nifti/*.nrrd")),
        entries="*.nrrd",
        damage=_packed_nrrd,
        read=_read_ct,
    ),
    Form(
        name="CT .nhdr", make=_made("ct.nhdr"), entries="*.nhdr", targets=("*.nhdr", "*.nhdr", "*.raw"), read=_read_ct
    ),
    Form(name="CT .nii", make=_plain_nifti, entries="*.[nh][id][ir]", damage=damage_binary, read=_read_ct),
    Form(
        name="CT .nii.gz",
        make=_made("ct.nii.gz", beside=("nifti_sform_qform/*.gz", "nonorthonormal_nifti/*.gz")),
        entries="*.nii.gz",
        damage=_inside,
        read=_read_ct,
    ),
    Form(
        name="CT DICOM series",
        make=_slices,
        entries="series",
        targets=("series/*",),
        damage=damage_dicom,
        read=_read_ct,
    ),
    Form(
        name="CT DICOM file of frames",
        make=_frames,
        entries="*.dcm",
        damage=damage_dicom,
        read=_read_ct,
        share=0.5,
    ),
    Form(name="CT TIFF stack", make=_stack, entries="*.tif", read=_read_stack, share=0.5),
    Form(name="CT of other formats", make=_made("ct.vtk", "ct.gipl"), entries="ct.*", read=_read_ct, share=0.06),
    Form(name="label map", make=_with_labels, entries="labels.nii.gz", damage=_inside, read=_read_labels, share=0.5),
    Form(name="X-ray DICOM", make=_dicom_xrays, entries="*.dcm", damage=damage_dicom, read=_read_xray),
    Form(
        name="X-ray DICOM, nothing stated",
        make=_dicom_xrays,
        entries="*.dcm",
        damage=damage_dicom,
        read=_read_plain_xray,
        share=0.5,
    ),
    Form(name="X-ray TIFF", make=partial(_pictures, suffix=".tif", pattern="none"), entries="*.tif", read=_read_xray),
    Form(name="X-ray PNG", make=partial(_pictures, suffix=".png", pattern="none"), entries="*.png", read=_read_xray),
    Form(name="info", make=_all_kinds, entries="*.*", damage=_any, read=_read_described, share=0.5),
)
