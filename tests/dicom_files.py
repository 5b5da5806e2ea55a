"""DICOM files of every kind for tests, written by pydicom."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

_pydicom: Any = pydicom  # its data sets have attributes that no type checker knows

XA = "1.2.840.10008.5.1.4.1.1.12.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
RT_IMAGE = "1.2.840.10008.5.1.4.1.1.481.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
PLAIN = "1.2.840.10008.1.2.1"
_WHOLE_NUMBERS = ("US", "SS", "UL", "SL")


def dataset(values: Mapping[str, Any]) -> Any:
    """A data set; texts hold several values separated by backslashes, lists of mappings are sequences."""
    made = _pydicom.Dataset()
    for name, value in values.items():
        kind = _pydicom.datadict.dictionary_VR(name)
        if kind == "SQ":
            setattr(made, name, [dataset(item) for item in value])
        elif kind in _WHOLE_NUMBERS and isinstance(value, str):
            setattr(made, name, int(value))
        else:
            setattr(made, name, value)
    return made


def write_dicom(
    path: Path,
    fields: Mapping[str, Any],
    pixels: NDArray[Any],
    *,
    sop_class: str = XA,
    syntax: str = PLAIN,
) -> Path:
    """A grey image (H, W) or (frames, H, W) with these attributes and those that pixels need; ``fields`` win."""
    bits = 8 * pixels.dtype.itemsize
    shape = {"Rows": pixels.shape[-2], "Columns": pixels.shape[-1]}
    if pixels.ndim == 3:
        shape["NumberOfFrames"] = len(pixels)
    needed = {
        "SOPClassUID": sop_class,
        "SOPInstanceUID": "1.2.3.4",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        **shape,
        **fields,
    }
    needed.setdefault("HighBit", int(needed["BitsStored"]) - 1)
    made = dataset(needed)
    made.file_meta = _pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = PLAIN
    made.file_meta.MediaStorageSOPClassUID, made.file_meta.MediaStorageSOPInstanceUID = sop_class, "1.2.3.4"
    made.PixelData = np.ascontiguousarray(pixels).tobytes()
    made["PixelData"].VR = "OW"
    if syntax != PLAIN:
        made.compress(syntax, generate_instance_uid=False)
    made.save_as(path, enforce_file_format=True)
    return path


def state_overlay(path: Path, bit: int) -> Path:
    """State that an overlay lies in a bit of a file's pixels."""
    made = _pydicom.dcmread(path)
    made.add_new((0x6000, 0x0100), "US", made.BitsAllocated)
    made.add_new((0x6000, 0x0102), "US", bit)
    made.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path, volume: NDArray[Any], positions: Sequence[Sequence[float]], fields: Mapping[str, Any] | None = None
) -> Path:
    """A CT as one file a slice: [i, j, k] stored numbers, k-th slice at ``positions[k]``; None: left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, position in enumerate(positions):
        values: dict[str, Any] = {
            "Modality": "CT",
            "SeriesInstanceUID": "1.2.3.9",
            "SOPInstanceUID": f"1.2.3.9.{number + 1}",
            "InstanceNumber": str(number + 1),
            "ImagePositionPatient": [*position],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [2, 2],
            "RescaleSlope": "1",
            "RescaleIntercept": "-1024",
            **(fields or {}),
        }
        kept = {name: value for name, value in values.items() if value is not None}
        write_dicom(folder / f"{number:03d}.dcm", kept, np.transpose(volume[:, :, number]), sop_class=CT)
    return folder
