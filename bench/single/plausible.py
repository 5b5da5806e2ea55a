"""Whether a problem's geometry can be one of an X-ray set-up: impossible ones are refused, doubtful ones reported."""

import numpy as np

from bench.contract import Problem, View
from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix, transform_points
from bench.single.moving import surface_points

# Wider than any detector: before binning, portal imagers have pixels of 0.8 mm, intensifiers and panels 0.1 to 0.4 mm.
_PIXEL_MM = (0.005, 20.0)
_DETECTOR_MM = (5.0, 2000.0)
_CONE_DEG = (0.5, 110.0)
_ASPECT = (0.5, 2.0)
_NEAREST_MM = 10.0
_MOSTLY = 0.5
_FEWEST_PIXELS = 24


class ImpossibleError(FluorobenchError):
    """A geometry that no X-ray set-up has."""


def require_possible(problem: Problem) -> None:
    """Refuse a camera that no detector has, and a start before the source or beyond the detector.

    Raises:
        ImpossibleError: What is impossible, in which view, and which option gives it.
    """
    for number, view in enumerate(problem.views, start=1):
        _require_camera(view.camera, number)
        depth = float(_in_camera(view, problem.start, problem.centre)[2])
        sdd = view.camera.sdd_mm
        if depth < _NEAREST_MM or (sdd is not None and depth > sdd):
            between = "before the source" if sdd is None else f"between the source and the detector at {sdd:.0f} mm"
            raise ImpossibleError(
                f"view {number}: expected the content's centre {between}; at the start it lies {depth:.0f} mm from the "
                "source along the axis: check --depth-mm, --sdd-mm and --start"
            )
    if not any(seen(problem, problem.start)):
        raise ImpossibleError(
            "at the start nothing of the content lies in any image: check --start, the calibration and the part of the "
            "CT that is registered (--region, --box)"
        )


def doubtful(problem: Problem) -> list[str]:
    """Reasons to doubt the geometry at the start, one phrase each."""
    reasons = list[str]()
    for number, (view, share) in enumerate(zip(problem.views, seen(problem, problem.start), strict=True), start=1):
        if view.valid is not None and (inside := float(view.valid.mean())) < _MOSTLY:
            reasons.append(
                f"view {number}: {100 * (1 - inside):.0f} % of the image are taken for collimator or border; where "
                "they are not, give a smaller --dark-fraction, or check --bright"
            )
        if share < _MOSTLY:
            reasons.append(
                f"view {number}: at the start {100 * (1 - share):.0f} % of the content lie beside the image or its "
                "border; check --start, --depth-mm and the pixel spacing"
            )
        if (size := _pixels_across(view, problem)) < _FEWEST_PIXELS:
            reasons.append(
                f"view {number}: the content is {size:.0f} pixels large; check the pixel spacing and --binning"
            )
    return reasons


def seen(problem: Problem, pose: Matrix) -> list[float]:
    """Share of the content's surface that each view's image shows at a pose, in [0, 1]; its border does not count."""
    points = surface_points(problem.volume)
    return [_shown(view, _in_camera(view, pose, points)) for view in problem.views]


def _in_camera(view: View, pose: Matrix, points: Matrix) -> Matrix:
    return transform_points(view.camera_from_rig @ pose, points)


def _require_camera(camera: Camera, number: int) -> None:
    fx, fy = float(camera.K[0, 0]), float(camera.K[1, 1])
    cone = float(np.degrees(2 * np.arctan(np.hypot(camera.width / fx, camera.height / fy) / 2)))
    measures: list[tuple[str, tuple[float, ...], tuple[float, float], str]] = [
        ("a cone of rays of", (cone,), _CONE_DEG, "degrees"),
        ("pixels whose sides are in the ratio", (fx / fy,), _ASPECT, ": 1"),
    ]
    if (spacing := camera.spacing_mm) is not None:
        sides = (spacing[0] * camera.width, spacing[1] * camera.height)
        measures += [("pixels of", spacing, _PIXEL_MM, "mm"), ("a detector of", sides, _DETECTOR_MM, "mm")]
    for what, values, (low, high), unit in measures:
        if not all(low <= value <= high for value in values):
            got = " x ".join(f"{value:.4g}" for value in values)
            raise ImpossibleError(
                f"view {number}: expected {what} {low:g} to {high:g} {unit}; got {got}: check the calibration, "
                "--sdd-mm and --spacing-mm"
            )


def _pixels_across(view: View, problem: Problem) -> float:
    pixels = view.camera.project(_in_camera(view, problem.start, problem.volume.content_corners()))
    known = pixels[np.isfinite(pixels).all(axis=1)]
    return float(np.ptp(known, axis=0).max()) if len(known) else np.inf


def _shown(view: View, points: Matrix) -> float:
    camera = view.camera
    pixels = np.rint(camera.project(points))
    inside = (points[:, 2] > 0) & ((pixels >= 0) & (pixels < [camera.width, camera.height])).all(axis=1)
    if view.valid is not None:
        columns, rows = pixels[inside].astype(int).T
        inside[inside] = view.valid[rows, columns]
    return float(inside.mean())
