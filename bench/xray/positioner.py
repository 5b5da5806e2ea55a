"""Position of source and detector as stated in a header, frame by frame.

Positioner Angle Increments (PS3.3 C.8.7.5.1.3) are one average change per frame, or a vector of offsets from the
initial angles with one value for each frame. Enhanced images state angles in each frame's functional groups. An RT
image states the gantry's angle (IEC 61217: at 0 the source is above a supine patient, at 90 on the patient's left),
which for a patient head first and supine is a positioner's angle of 180 degrees more.
"""

from itertools import pairwise

from bench.volume.dicom import DicomHeader
from bench.xray.found import Found, derived, missing, stated

Angles = tuple[float, float]

_NAMES = ("PositionerPrimaryAngle", "PositionerSecondaryAngle")
_TIPPED = ("GantryPitchAngle", "PatientSupportAngle", "TableTopPitchAngle", "TableTopRollAngle")
_FULL_TURN = 360.0
_SUPINE = "HFS"


class _UnclearError(ValueError):
    """Ambiguous increments."""


def angles_of(header: DicomHeader, frame: int) -> Found[Angles]:
    """Positioner angles (primary, secondary) of a frame, degrees.

    Missing, with the reason, where increments are not one for each frame or contradict the initial angle.

    Args:
        header: Of the frame (``DicomHeader.of_frame``).
        frame: From 0.
    """
    primary, secondary = (header.number(name) for name in _NAMES)
    if primary is None or secondary is None:
        return _gantry(header)
    try:
        increments = [_increment(header, name, frame) for name in _NAMES]
    except _UnclearError as error:
        return missing(str(error))
    if increments[0] is None and increments[1] is None:
        return stated((primary, secondary), ", ".join(_NAMES))
    turned = _wrapped(primary + (increments[0] or 0.0)), secondary + (increments[1] or 0.0)
    return derived(turned, f"{_NAMES[0]} and {_NAMES[1]} with their increments of frame {frame}")


def _increment(header: DicomHeader, name: str, frame: int) -> float | None:
    """Offset of a frame's angle from the initial one, or None where the header states none."""
    values, frames = header.numbers(f"{name}Increment"), header.frames
    if not values or frames == 1:
        return None
    if len(values) == 1:
        return frame * values[0]
    if len(values) != frames:
        raise _UnclearError(f"{name}Increment has {len(values)} values for {frames} frames")
    initial = header.number(name) or 0.0
    steps = [abs(after - before) for before, after in pairwise(values)]
    if values[-1] != 0 and max(steps[1:], default=0.0) == 0 and frames > 2:
        raise _UnclearError(f"{name}Increment is {values[-1]:g} degrees for every frame, which is not an offset")
    if initial != 0 and abs(values[0]) > max(steps) + 1e-6:
        raise _UnclearError(
            f"{name}Increment begins with {values[0]:g} degrees although {name} is {initial:g} and not 0, so that it "
            "holds neither offsets nor absolute angles"
        )
    return values[frame]


def _wrapped(angle: float) -> float:
    """Into [-180, 180]."""
    return angle if abs(angle) <= _FULL_TURN / 2 else (angle + _FULL_TURN / 2) % _FULL_TURN - _FULL_TURN / 2


def _gantry(header: DicomHeader) -> Found[Angles]:
    gantry, position = header.number("GantryAngle"), header.text("PatientPosition")
    if gantry is None:
        return missing()
    tipped = [name for name in _TIPPED if (header.number(name) or 0.0) != 0]
    if position != _SUPINE or tipped:
        why = ", ".join(tipped) or f"PatientPosition {position or 'not stated'}"
        return missing(f"GantryAngle {gantry:g}, but {why}: expected {_SUPINE} and a straight couch")
    return derived((_wrapped(gantry + _FULL_TURN / 2), 0.0), f"GantryAngle {gantry:g}, patient {_SUPINE}")
