"""Pose from the outline of a bone alone: a baseline that uses no pixel value of the X-ray.

Where X-rays are masked by hand, the position and shape of the mask carry part of the answer. This method draws poses
within the search box, outlines their renderings (``studies.wrist.outline``), fits a ridge regression from masks to
poses, and applies it to the given mask. A network on masked X-rays is of use where it is more accurate than this row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.contract import Card, Estimate, Outcome, Problem, View
from bench.drr import AttenuationMap, project
from bench.geometry import Camera, Matrix, PoseFrame, invert, transform_points
from bench.volume import Volume
from bench.xray.outline import Mask
from studies.wrist.forearm import continued
from studies.wrist.outline import OutlineDistribution
from studies.wrist.window import aimed, through, window_pixels

# A larger share of the window is no outline of a bone.
_MAX_VALID = 0.5
_VISIBLE = 0.03
_AT_ONCE = 50


@dataclass(frozen=True, slots=True, eq=False)
class Bone:
    """The volume where it will be rendered, and its shaft beyond the end of the CT."""

    volume: AttenuationMap
    shaft: AttenuationMap


@dataclass(frozen=True, kw_only=True)
class OutlineAlone:
    """Ridge regression from masks to poses, fitted for each problem.

    Attributes:
        draws: Number of drawn outlines in the fit.
        share: Poses are drawn uniformly within this share of the search half-widths.
        window_mm: Edge of the square window about the nominal centre.
        pixels: Pixels along its edge.
        cells: Blocks along an edge, whose means are the regressors.
        ridge: Weight of the coefficients' squares; blocks have variance 1.
        outline: Distribution of the outlines.
    """

    draws: int = 800
    share: float = 2 / 3
    window_mm: float = 110.0
    pixels: int = 64
    cells: int = 32
    ridge: float = 30.0
    outline: OutlineDistribution = field(default_factory=OutlineDistribution)

    def prepare(self, volume: Volume, views: Sequence[View]) -> Bone:
        """Make the volume ready to be rendered."""
        bone = AttenuationMap.from_volume(volume)
        return Bone(bone, continued(bone))

    def skip(self, problem: Problem) -> str | None:
        """Why there is no outline to use, or None."""
        if len(problem.views) != 1:
            return f"reads the outline in one view; this problem has {len(problem.views)}"
        window = self._window(problem)
        valid = window.seen.valid
        if problem.views[0].valid is None or valid is None or not 0 < float(valid.mean()) < _MAX_VALID:
            return "no bone is outlined in this X-ray"
        return None

    def register(self, problem: Problem, prepared: Bone) -> Estimate:
        """Estimate the pose from the outline."""
        random, window = np.random.default_rng(problem.seed), self._window(problem)
        theta = random.uniform(-1, 1, size=(self.draws, 6)) * self.share * problem.search
        masks = np.stack(self._masks(prepared, window, theta, random))
        read = self._read(masks, theta, np.asarray(window.seen.valid, dtype=np.bool_))
        pose = invert(problem.views[0].camera_from_rig) @ invert(window.turn) @ window.frame.pose(read)
        return Estimate(np.asarray(pose), Outcome.CONVERGED, drr_evaluations=2 * self.draws)

    def _window(self, problem: Problem) -> "_Window":
        view = problem.views[0]
        nominal = view.camera_from_rig @ problem.nominal
        turn = aimed(transform_points(nominal, problem.centre))
        frame = PoseFrame(turn @ nominal, problem.centre)
        depth = float(frame.centre_in_rig[2])
        spacing = self.window_mm / self.pixels
        camera = Camera.centred(sdd_mm=depth, height=self.pixels, width=self.pixels, spacing_mm=spacing)
        return _Window(turn, frame, camera, spacing, through(view, turn, camera), view.camera)

    def _masks(self, bone: Bone, window: "_Window", theta: Matrix, random: np.random.Generator) -> list[Mask]:
        made: list[Mask] = []
        for first in range(0, len(theta), _AT_ONCE):
            poses = window.frame.pose(theta[first : first + _AT_ONCE])
            images = project(bone.volume, poses, window.camera) + project(bone.shaft, poses, window.camera)
            for image in images[:, 0].numpy():
                silhouette = image > _VISIBLE * max(float(image.max()), 1e-6)
                made.append(self.outline.draw(silhouette, random, pixel_mm=window.pixel_mm) & window.drawn)
        return made

    def _read(self, masks: NDArray[np.bool_], theta: Matrix, given: Mask) -> Matrix:
        """Theta (6,) of the given mask."""
        known, asked = self._blocks(masks), self._blocks(given[None])
        mean, middle = known.mean(axis=0), theta.mean(axis=0)
        spread = np.maximum(known.std(axis=0), 0.05)
        x, y = (known - mean) / spread, theta - middle
        # Solved in the dual form: as many unknowns as outlines, not as blocks.
        inner: Matrix = np.matmul(x, x.T)
        weights = np.asarray(np.linalg.solve(inner + self.ridge * np.eye(len(x)), y), dtype=np.float64)
        like: Matrix = np.matmul((asked - mean) / spread, x.T)
        return np.asarray(np.matmul(like, weights)[0] + middle)

    def _blocks(self, masks: NDArray[np.bool_]) -> Matrix:
        edge = self.pixels // self.cells
        blocks = masks.astype(np.float64).reshape(len(masks), self.cells, edge, self.cells, edge)
        return np.asarray(blocks.mean(axis=(2, 4)).reshape(len(masks), -1))


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """The window on the X-ray: the rotation to it, its frame, camera, mm of the bone a pixel."""

    turn: Matrix
    frame: PoseFrame
    camera: Camera
    pixel_mm: float
    seen: View
    xray: Camera

    @property
    def drawn(self) -> Mask:
        """Rows of the window above the lowest row of the outline in the X-ray."""
        rows = window_pixels(self.xray, self.turn, self.camera)[0].mean(axis=0)
        lowest = rows[np.asarray(self.seen.valid, dtype=np.bool_)].max()
        return np.asarray(rows <= lowest, dtype=np.bool_)


plugin = OutlineAlone

card = Card(
    title="Outline alone (ridge regression on the hand-drawn mask; no X-ray is seen)",
    source="ours",
    citation="none",
    licence="Apache-2.0",
    uses_start=False,
)
