"""Poses as DICOM Spatial Registration objects (PS3.3 A.39.1). Touches pydicom.

The registered coordinate system is that of the C-arm's first camera at one frame: origin at the source, x along
columns, y along rows, z from source to detector, mm. It has no frame of reference in DICOM, so a new UID stands for it.
The matrix takes points of the CT's patient coordinates (LPS, mm) there: rig_from_world.
"""

from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from bench.files import write_whole
from bench.geometry import Matrix, require_rigid
from bench.volume.dicom_series import series_of

SPATIAL_REGISTRATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.1"

# pydicom's own types of paths are incomplete.
_pydicom: Any = pydicom

_COPIED = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime")
_COPIED_MORE = ("StudyID", "AccessionNumber", "ReferringPhysicianName")


def write_spatial_registration(
    path: Path, pose: Matrix, *, ct: Path, description: str, series: str | None = None
) -> Path:
    """Write rig_from_world as a Spatial Registration object.

    Args:
        path: The file.
        pose: rig_from_world, 4x4, mm.
        ct: The CT: of a DICOM series patient, study and frame of reference are taken, of any other file they are
            empty or new.
        description: Of the registration, such as the name of the X-ray frame.
        series: UID of the CT's series, where its folder holds several.
    """
    rigid = require_rigid(pose, "rig_from_world")
    source = _header(ct, series)
    data = _identification(source, description)
    fixed, moving = generate_uid(), str(source.get("FrameOfReferenceUID", "")) or generate_uid()
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = fixed, ""
    data.RegistrationSequence = [_item(fixed, np.eye(4)), _item(moving, rigid)]
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return write_whole(path, lambda part: data.save_as(part, enforce_file_format=True))


def _header(ct: Path, series: str | None) -> Dataset:
    """The header of the CT's first slice; an empty one where it is not DICOM."""
    known = series_of(ct) if ct.is_dir() else {}
    slices = [headers[0].path for uid, headers in known.items() if series in (None, uid)]
    for file in slices if ct.is_dir() else [ct]:
        try:
            found: Dataset = _pydicom.dcmread(file, stop_before_pixels=True)
            return found
        except (OSError, InvalidDicomError):
            continue
    return Dataset()


def _identification(source: Dataset, description: str) -> Dataset:
    now = datetime.now()
    data = Dataset()
    for name in (*_COPIED, *_COPIED_MORE):
        setattr(data, name, source.get(name, ""))
    data.StudyInstanceUID = data.StudyInstanceUID or generate_uid()
    data.SOPClassUID, data.SOPInstanceUID = SPATIAL_REGISTRATION_STORAGE, generate_uid()
    data.Modality, data.SeriesInstanceUID, data.SeriesNumber, data.InstanceNumber = "REG", generate_uid(), "1", "1"
    data.Manufacturer, data.ManufacturerModelName = "fluorobench", "fluorobench"
    data.SoftwareVersions = metadata.version("fluorobench")
    data.DeviceSerialNumber = "none"
    data.ContentDate, data.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    data.SeriesDescription = description[:64]
    data.ContentLabel, data.ContentDescription, data.ContentCreatorName = "REGISTRATION", description[:64], ""
    return data


def _item(frame_of_reference: str, matrix: Matrix) -> Dataset:
    transform = Dataset()
    transform.FrameOfReferenceTransformationMatrix = [f"{each:.10g}"[:16] for each in matrix.ravel().tolist()]
    transform.FrameOfReferenceTransformationMatrixType = "RIGID"
    registration = Dataset()
    registration.MatrixSequence = [transform]
    registration.RegistrationTypeCodeSequence = []
    item = Dataset()
    item.FrameOfReferenceUID = frame_of_reference
    item.MatrixRegistrationSequence = [registration]
    return item
