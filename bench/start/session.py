"""Content and actions of the page: renderings of a pose, movements in a view's own axes, poses of clicked landmarks."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL.Image

from bench.contract import Image, Problem
from bench.drr import AttenuationMap, ProjectionError, project
from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix, Rig, RigCamera, compose, invert
from bench.geometry.rigid import rotation_from_angles
from bench.report.overlay import grey
from bench.start.clicked import clicked_pose
from bench.start.clicks import NamedPixel, check_clicks
from bench.start.landmarks import LandmarkError, label_landmark
from bench.volume.labels import present
from bench.xray.line_integrals import bin_pixels

SIDE = 448
"""Longest side of a picture on the page, pixels: rendered in a tenth of a second on two cores."""

_MAX_MM, _MAX_DEG = 10_000.0, 720.0


class SessionError(FluorobenchError):
    """A request of the page that cannot be carried out."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """One view at the page's resolution."""

    camera: Camera
    camera_from_rig: Matrix
    image: Image
    binning: int


class Session:
    """One case on the page. Poses come from the page and go back to it; requests are stateless."""

    def __init__(self, problem: Problem, landmarks: Mapping[str, Matrix] | None = None) -> None:
        """Prepare pictures and attenuation.

        Args:
            problem: With images; its start is the pose that the page begins with.
            landmarks: Positions by name that can be clicked, LPS mm; None = the labels of the volume.
        """
        self._problem = problem
        self._attenuation = AttenuationMap.from_volume(problem.volume)
        self._views = [_shown(view.camera, view.camera_from_rig, view.image) for view in problem.views]
        self._landmarks = dict(landmarks or {})
        self._names = list(self._landmarks) or list(present(problem.volume))

    def begin(self) -> dict[str, Any]:
        """X-rays, their sizes, names of landmarks and the first pose with its renderings."""
        views = [
            {
                "width": each.camera.width,
                "height": each.camera.height,
                "mm_per_px": self._depth(each) / float(each.camera.K[0, 0]),
                "xray": _png(grey(each.image)),
            }
            for each in self._views
        ]
        return {"views": views, "names": self._names, "case": self._problem.case_id, **self.render(self._problem.start)}

    def render(self, pose: Matrix) -> dict[str, Any]:
        """Renderings of a pose and its six parameters from the start."""
        rigid = _nearest_rigid(pose)
        try:
            pictures = [
                _png(grey(project(self._attenuation, (each.camera_from_rig @ rigid)[None], each.camera)[0, 0].numpy()))
                for each in self._views
            ]
        except ProjectionError as error:
            raise SessionError(f"this pose cannot be rendered: {error}") from None
        return {
            "pose": rigid.tolist(),
            "theta": [float(each) for each in self._problem.frame.parameters(rigid)],
            "drrs": pictures,
        }

    def move(self, pose: Matrix, view: int, turn_deg: Sequence[float], shift_mm: Sequence[float]) -> dict[str, Any]:
        """Turn the volume about its centre and shift it, both along the axes of a view's camera, then render.

        Args:
            pose: rig_from_world, 4x4, mm.
            view: From 0.
            turn_deg: (3,) about camera x (right), y (down) and z (away from the source).
            shift_mm: (3,) along them.
        """
        if not 0 <= view < len(self._views):
            raise SessionError(f"expected a view from 0 to {len(self._views) - 1}; got {view}")
        turn, shift = np.array(turn_deg, dtype=np.float64), np.array(shift_mm, dtype=np.float64)
        if turn.shape != (3,) or shift.shape != (3,) or not np.isfinite([turn, shift]).all():
            raise SessionError("a movement has three angles in degrees and three shifts in mm")
        if np.abs(turn).max() > _MAX_DEG or np.abs(shift).max() > _MAX_MM:
            raise SessionError("a movement of more than two turns or ten metres is refused")
        from_rig = self._views[view].camera_from_rig
        seen = from_rig @ _nearest_rigid(pose)
        centre = seen[:3, :3] @ self._problem.centre + seen[:3, 3]
        rotation = rotation_from_angles(turn)
        moved = compose(rotation, centre + shift - rotation @ centre) @ seen
        return self.render(invert(from_rig) @ moved)

    def place(self, theta: Sequence[float]) -> dict[str, Any]:
        """The pose of six parameters from the start (degrees, mm), rendered."""
        numbers = np.array(theta, dtype=np.float64)
        if numbers.shape != (6,) or not np.isfinite(numbers).all():
            raise SessionError("expected six numbers: three angles in degrees, three shifts in mm")
        return self.render(self._problem.frame.pose(numbers))

    def solve(self, clicks: Sequence[Mapping[str, Any]], *, keep_view: bool, pose: Matrix) -> dict[str, Any]:
        """The pose of clicked landmarks, rendered, with residuals and warnings.

        Args:
            clicks: ``view`` (from 0), ``name``, ``column`` and ``row`` in pixels of the page's pictures.
            keep_view: Take the present pose as the rough one, so that landmarks on a line suffice.
            pose: The present pose.
        """
        try:
            pixels = [
                NamedPixel(int(each["view"]), str(each["name"]), float(each["column"]), float(each["row"]))
                for each in clicks
            ]
        except (KeyError, TypeError, ValueError, OverflowError):
            raise SessionError("a click has a view, a name, a column and a row") from None
        check_clicks(pixels, [(each.camera.height, each.camera.width) for each in self._views])
        points = {each.name: self._landmark(each.name) for each in pixels}
        rig = Rig(tuple(RigCamera(each.camera, each.camera_from_rig) for each in self._views))
        found = clicked_pose(rig, pixels, points, rough=_nearest_rigid(pose) if keep_view else None)
        shown = {key: found[key] for key in ("rms_px", "rms_mm", "residuals", "warnings")}
        return {**shown, **self.render(np.array(found["rig_from_world"]))}

    def saved(self, pose: Matrix) -> dict[str, Any]:
        """The content of the start file."""
        rigid = _nearest_rigid(pose)
        parameters = self._problem.frame.parameters(rigid).tolist()
        return {"kind": "start", "rig_from_world": rigid.tolist(), "theta_from_first_pose": parameters, "by": "page"}

    def _landmark(self, name: str) -> Matrix:
        if name not in self._landmarks:
            if name not in self._names:
                raise LandmarkError(f"no landmark named {name!r}; known: {', '.join(self._names) or 'none'}")
            self._landmarks[name] = label_landmark(self._problem.volume, name)
        return self._landmarks[name]

    def _depth(self, view: _Shown) -> float:
        seen = view.camera_from_rig @ self._problem.start
        return float((seen[:3, :3] @ self._problem.centre + seen[:3, 3])[2])


def _shown(camera: Camera, camera_from_rig: Matrix, image: Image | None) -> _Shown:
    if image is None:
        raise SessionError("every view needs its image")
    binning = max(1, -(-max(image.shape) // SIDE))
    small, _ = bin_pixels(image, binning)
    return _Shown(camera.binned(binning), camera_from_rig, small, binning)


def _nearest_rigid(pose: Matrix) -> Matrix:
    """The nearest rigid transform, since poses lose digits as text."""
    given = np.asarray(pose, dtype=np.float64)
    if given.shape != (4, 4) or not np.isfinite(given).all() or np.abs(np.linalg.det(given[:3, :3]) - 1) > 0.01:
        raise SessionError("expected a pose as a rigid 4x4 matrix")
    if np.abs(given[:3, 3]).max() > _MAX_MM:
        raise SessionError("a pose more than ten metres away is refused")
    u, _, v = np.linalg.svd(given[:3, :3])
    return compose(u @ v, given[:3, 3])


def _png(picture: Image) -> str:
    """8-bit grey PNG of brightness in [0, 1], as a data URL."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.rint(255 * picture).astype(np.uint8)).save(buffer, format="PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
