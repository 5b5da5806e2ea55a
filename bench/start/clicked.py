"""The pose of a case from clicked landmarks, with warnings and numbers on what the clicks leave undetermined."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bench.geometry import Matrix, Rig, rotation_angle_deg
from bench.geometry.rig_pose import (
    CLICK_SD_MM,
    MAX_DEPTH_SD_MM,
    MAX_ROTATION_SD_DEG,
    PRIOR_SD_DEG,
    Click,
    RigPose,
    contradicting,
    rig_pose,
)
from bench.start.clicks import NamedPixel

# Residuals beyond it are more than the error of a click.
_LARGE_MM = 3 * CLICK_SD_MM


def clicked_pose(
    rig: Rig, pixels: Sequence[NamedPixel], points: Mapping[str, Matrix], *, rough: Matrix | None = None
) -> dict[str, Any]:
    """Find the pose that a start file holds.

    Args:
        rig: Cameras of the whole images.
        pixels: Clicks, counted in the images as seen from the source.
        points: Positions of the landmarks, LPS mm, by name.
        rough: A pose that is right to some 15 degrees, rig_from_world, 4x4, mm; None = the clicks alone decide.

    Returns:
        ``rig_from_world`` and its residuals, deviations, other poses and warnings, ready for JSON.

    Raises:
        RigPoseError: Clicks that determine no pose.
    """
    clicks = [Click(each.name, each.view, points[each.name], np.array([each.column, each.row])) for each in pixels]
    found = rig_pose(rig, clicks, rough=rough)
    wrong = contradicting(rig, clicks, found, rough=rough)
    residuals = [
        {"name": click.name, "view": click.view + 1, "px": round(float(px), 3), "mm": round(float(mm), 3)}
        for click, px, mm in zip(clicks, found.residuals_px, found.residuals_mm, strict=True)
    ]
    return {
        "kind": "start",
        "rig_from_world": found.pose.tolist(),
        "rms_px": found.rms_px,
        "rms_mm": found.rms_mm,
        "residuals": residuals,
        "rotation_sd_deg": found.rotation_sd_deg.tolist(),
        "translation_sd_mm": found.translation_sd_mm.tolist(),
        "rough_pose_used": found.prior_used,
        "others": [each.tolist() for each in found.others],
        "warnings": _warnings(found, wrong),
        "landmarks": {name: np.asarray(point).tolist() for name, point in points.items()},
        "clicks": [
            {"name": each.name, "view": each.view + 1, "column": each.column, "row": each.row} for each in pixels
        ],
    }


def _warnings(found: RigPose, wrong: Click | None) -> list[str]:
    """Warnings about the pose, one sentence each."""
    return [*_undetermined(found), *_misfit(found, wrong)]


def _undetermined(found: RigPose) -> Iterator[str]:
    """Ambiguity, rotation and depth."""
    if found.others:
        apart = ", ".join(f"{rotation_angle_deg(found.pose, each):.0f}" for each in found.others[:3])
        yield (
            f"ambiguous: {len(found.others)} other pose(s) fit the clicks as well, turned by {apart} degrees; click "
            "more landmarks, or state a rough view (--start)"
        )
    if found.rotation_sd_deg[-1] > MAX_ROTATION_SD_DEG:
        axis = ", ".join(f"{each:.2f}" for each in found.open_axis)
        taken = (
            f"it was taken from the rough view, right to about {PRIOR_SD_DEG:g} degrees"
            if found.prior_used
            else "state a rough view (--start AP --depth-mm 700)"
        )
        yield (
            f"the rotation about the world axis ({axis}) is determined to {found.rotation_sd_deg[-1]:.0f} degrees only "
            f"(landmarks near one line or plane): {taken}, or click landmarks off that line, or in a second view"
        )
    if found.translation_sd_mm[2] > MAX_DEPTH_SD_MM:
        yield (
            f"the depth is determined to {found.translation_sd_mm[2]:.0f} mm only: click landmarks that lie farther "
            "apart, or in a second view"
        )


def _misfit(found: RigPose, wrong: Click | None) -> Iterator[str]:
    if wrong is not None:
        yield (
            f"{wrong.name} in view {wrong.view + 1} contradicts the others: without it they fit three times as well; "
            "check its name, its side and its pixel"
        )
    elif found.rms_mm > _LARGE_MM:
        yield (
            f"the clicks miss their landmarks by {found.rms_mm:.1f} mm (rms): check names, sides, --flip and the "
            "calibration"
        )
