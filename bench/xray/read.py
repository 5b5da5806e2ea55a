"""Read X-ray images: DICOM, TIFF, PNG, NIfTI.

Pixels are returned as intensities (they grow with the X-rays that arrive) as seen from the source. A mirror cannot be
seen in pixels: where the file does not state it, ``flip`` is required. Whether bone is bright can be seen only
sometimes: a DICOM file that does not state it needs ``bright``, any other is taken as air bright unless its border
looks inverted. Sign, bits and ``bright`` refer to stored numbers: no rescale, no VOI window and no inversion for
display is applied; only a Modality LUT that makes logarithmic numbers linear is. Resolution tags of TIFF and PNG are
never taken for a pixel spacing: scanners and viewers fill them with their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from bench.files import at_home
from bench.volume.dicom import DicomHeader, is_dicom, read_header, stored_numbers, through_modality_lut
from bench.volume.dicom_series import OTHER_MODALITIES
from bench.volume.memory import require_memory
from bench.volume.nifti import is_nifti, read_nifti
from bench.volume.sitk_file import image_shape, read_numbers
from bench.volume.volume import VolumeError
from bench.xray.dicom_fields import DicomFields, dicom_fields
from bench.xray.found import Found, missing
from bench.xray.intensities import Meaning, Override, to_intensities
from bench.xray.line_integrals import Pixels, XrayError
from bench.xray.orientation import Orientation, Point

Flip: TypeAlias = Literal["none", "horizontal", "vertical", "both"]
Spacing: TypeAlias = tuple[float, float]

# Of one frame; detectors have up to 4300 x 4300.
_MAX_PIXELS = 1 << 27
_NO_XRAYS = {**OTHER_MODALITIES, "CT": "a CT slice"}
_OF_HEADER = ("spacing_mm", "sdd_mm", "source_to_patient_mm", "angles_deg", "principal_point_px", "bright")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class XrayImage:
    """An X-ray image as seen from the source.

    Attributes:
        intensities: (H, W) float32, not negative, growing with the X-rays that arrive.
        full_scale: The intensity at which the stored numbers end.
        spacing_mm: On the detector, along (columns, rows); None where neither file nor user stated it.
        sdd_mm: Source to detector, or None.
        source_to_patient_mm: Source to patient, or None.
        angles_deg: DICOM positioner angles (primary, secondary) of this frame, or None.
        photometric: As stored: MONOCHROME1, MONOCHROME2, or None for files that are not DICOM.
        path: Where it was read.
        principal_point_px: (column, row) where the axis meets the detector, as far as the header states it; None =
            unknown.
        origins: Where each value comes from, by its name: stated, derived, assumed or missing (``bench.xray.found``).
    """

    intensities: Pixels
    full_scale: float
    spacing_mm: Spacing | None
    sdd_mm: float | None
    source_to_patient_mm: float | None
    angles_deg: tuple[float, float] | None
    photometric: str | None
    path: str
    principal_point_px: Point | None = None
    origins: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, eq=False)
class _Raw:
    """Stored numbers (H, W) of one frame, its interpreted header, and the spacing of a file that is not DICOM."""

    numbers: NDArray[Any]
    fields: DicomFields | None
    spacing: Spacing | None

    def found(self) -> dict[str, Found[Any]]:
        """What the file states, by the names of ``XrayImage.origins``."""
        none: Found[Any] = missing("not a DICOM file")
        if self.fields is not None:
            names = {name: getattr(self.fields, name) for name in _OF_HEADER}
            return {**names, "flip": self.fields.orientation}
        return {
            **dict.fromkeys((*_OF_HEADER, "flip"), none),
            "spacing_mm": none if self.spacing is None else Found(self.spacing, "stated: pixdim with its unit"),
            "bright": Found(None, "assumed: high numbers mean many X-rays"),
        }


def read_xray(
    path: str | Path,
    *,
    spacing_mm: float | Spacing | None = None,
    sdd_mm: float | None = None,
    flip: Flip | None = None,
    bits: int | None = None,
    bright: Meaning | None = None,
    zero: float | None = None,
    frame: int | None = None,
) -> XrayImage:
    """Read one X-ray image. The user's statements override the file's.

    Args:
        path: DICOM, TIFF, PNG or NIfTI.
        spacing_mm: Pixel spacing at the detector, one number or (columns, rows).
        sdd_mm: Source to detector.
        flip: What turns the stored image into the one seen from the source; needed where the file does not state it.
        bits: Of a stored number, where fewer than its type holds (12 bits in 16).
        bright: ``air`` where high stored numbers mean many X-rays, ``bone`` where they mean few, ``integrals`` where
            they are line integrals already, -log(I / I0), as ``fluorobench render`` writes them.
        zero: The stored number that means no X-rays, where it is not 0.
        frame: Of a file of several, from 0.

    Raises:
        XrayError: A file that is missing, cut short or in colour, a value that is missing (named) or impossible.
    """
    file = at_home(path)
    if flip is not None and flip not in get_args(Flip):
        raise XrayError(f"flip must be one of {', '.join(get_args(Flip))}; got {flip!r}")
    raw = _read(file, frame)
    found = raw.found()
    override = Override(bits=bits, bright=bright, zero=zero)
    stored, full_scale = to_intensities(raw.numbers, str(file), raw.fields, override)
    orientation: Orientation | None = found["flip"].value
    return XrayImage(
        intensities=np.ascontiguousarray(_as_seen(stored, file, raw.fields, flip)),
        full_scale=full_scale,
        spacing_mm=_spacing(spacing_mm, found["spacing_mm"].value, orientation if flip is None else None),
        sdd_mm=found["sdd_mm"].value if sdd_mm is None else sdd_mm,
        source_to_patient_mm=found["source_to_patient_mm"].value,
        angles_deg=found["angles_deg"].value,
        principal_point_px=_point_as_seen(found["principal_point_px"].value, stored.shape, orientation, flip),
        photometric=None if raw.fields is None else raw.fields.photometric,
        origins=_origins(found, {"spacing_mm": spacing_mm, "sdd_mm": sdd_mm, "flip": flip, "bright": bright}),
        path=str(file),
    )


def frames_in(path: str | Path) -> int:
    """How many frames a file holds, from its header.

    Raises:
        XrayError: The file is missing or damaged.
    """
    file = _existing(at_home(path))
    try:
        if is_dicom(file):
            return read_header(file).frames
        shape = read_nifti(file).grid.array.shape if is_nifti(file) else image_shape(file).size
    except VolumeError as error:
        raise XrayError(str(error)) from None
    return int(shape[2]) if len(shape) > 2 else 1


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise XrayError(f"no such file: {path}; expected an X-ray image (DICOM, TIFF, PNG or NIfTI)")
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise XrayError(f"{path}: a JPEG file is lossy and may end early unnoticed; give DICOM, TIFF, PNG or NIfTI")
    return path


def _read(path: Path, frame: int | None) -> _Raw:
    try:
        if is_dicom(_existing(path)):
            return _read_dicom(read_header(path), frame)
        return _read_other(path, frame)
    except VolumeError as error:
        raise XrayError(str(error)) from None


def _read_other(path: Path, frame: int | None) -> _Raw:
    spacing: Spacing | None = None
    if is_nifti(path):
        image = read_nifti(path)
        frames = np.transpose(image.grid.array)
        spacing = None if image.spacing_mm is None else (image.spacing_mm[0], image.spacing_mm[1])
    else:
        shape = image_shape(path)
        components = shape.components
        require_memory(path, shape.size[:2], most=_MAX_PIXELS)
        if components != 1:
            raise XrayError(
                f"{path}: expected one grey value a pixel; got {components} (colour); convert it to grey first"
            )
        frames = read_numbers(path)
    frames = frames if frames.ndim == 3 else frames[np.newaxis]
    if frames.ndim != 3:
        raise XrayError(f"{path}: expected an image of rows and columns; got shape {frames.shape[1:]}")
    numbers = frames[_chosen(path, frame, len(frames))]
    if not np.isfinite(numbers).all():
        raise XrayError(f"{path}: some pixels are NaN or infinite; expected finite numbers, repair them")
    return _Raw(numbers, None, spacing)


def _read_dicom(header: DicomHeader, frame: int | None) -> _Raw:
    if header.number("Rows") is None:
        raise XrayError(
            f"{header.path}: a DICOM file without pixels ({header.text('Modality') or 'a DICOMDIR or other index'}); "
            "expected an X-ray image; name its file"
        )
    _require_xray(header)
    chosen = _chosen(header.path, frame, header.frames)
    own = header.of_frame(chosen)
    fields = dicom_fields(own, chosen)
    numbers = stored_numbers(header, chosen)
    if not fields.linearised_by_lut:
        return _Raw(numbers, fields, None)
    descriptor = own.items("ModalityLUTSequence")[0].numbers("LUTDescriptor", 3)
    linear = through_modality_lut(own, numbers)
    return _Raw(linear, replace(fields, bits=int(descriptor[2]), signed=False, zero=None), None)


def _require_xray(header: DicomHeader) -> None:
    modality = header.text("Modality") or ""
    if modality in _NO_XRAYS:
        raise XrayError(
            f"{header.path}: {_NO_XRAYS[modality]} (Modality {modality}); expected an X-ray image; name its file"
        )


def _chosen(path: Path, frame: int | None, count: int) -> int:
    chosen = 0 if frame is None and count == 1 else frame
    if chosen is None or not 0 <= chosen < count:
        raise XrayError(
            f"{path}: it holds {count} frames; choose one with --frame 0 to {count - 1} (frame = 0 in a case file); "
            f"got {frame}"
        )
    return chosen


def _spacing(given: float | Spacing | None, stated: Spacing | None, orientation: Orientation | None) -> Spacing | None:
    """Along (columns, rows) of the image as seen: the user's, else the file's, of the stored image."""
    pair = (float(given), float(given)) if isinstance(given, int | float) else given
    if pair is not None and not all(np.isfinite(edge) and edge > 0 for edge in pair):
        raise XrayError(f"spacing_mm must be positive, one number or (columns, rows); got {given}")
    stored = stated if pair is None else pair
    turned = orientation is not None and orientation.quarter_turns % 2 == 1
    return stored if stored is None or not turned else (stored[1], stored[0])


def _as_seen(image: Pixels, path: Path, fields: DicomFields | None, flip: Flip | None) -> Pixels:
    """Undo the turns and mirrors applied since the acquisition."""
    if flip is not None:
        rows, columns = flip in ("vertical", "both"), flip in ("horizontal", "both")
        return image[:: -1 if rows else 1, :: -1 if columns else 1]
    if fields is None or fields.orientation.value is None:
        absent = "FieldOfViewHorizontalFlip, nor PatientOrientation with positioner angles" if fields else "orientation"
        raise XrayError(
            f"{path}: the file states no {absent}; give flip (--flip, or flip in a case file): none, horizontal, "
            "vertical or both, what turns it into the image seen from the source (a mirror cannot be seen in pixels)"
        )
    return fields.orientation.value.undo(image)


def _point_as_seen(
    point: Point | None, size: tuple[int, int], orientation: Orientation | None, flip: Flip | None
) -> Point | None:
    """The stored image's point, in the image as seen."""
    if point is None:
        return None
    height, width = size
    if flip is None:
        return point if orientation is None else orientation.undo_point(point, height=height, width=width)
    column = width - 1 - point[0] if flip in ("horizontal", "both") else point[0]
    return column, height - 1 - point[1] if flip in ("vertical", "both") else point[1]


def _origins(found: Mapping[str, Found[Any]], given: Mapping[str, object]) -> dict[str, str]:
    """The origin of each value."""
    origins = {name: each.origin for name, each in found.items()}
    if found["principal_point_px"].value is None:
        hint = origins["principal_point_px"].removeprefix("missing").removeprefix(": ")
        origins["principal_point_px"] = f"assumed: the middle of the image{f' ({hint})' if hint else ''}"
    return {**origins, **{name: "given by the user" for name, value in given.items() if value is not None}}
