"""Residuals of local correlation and their normal equations in theta, robust to content that the volume lacks.

Every small window of an image is a residual of its own, zero-mean and unit-norm: half its sum of squares is 1 - NCC of
the window. Tissue that the moving volume lacks, scatter and beam hardening change slowly across a window: they are
its gain and offset.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from bench.drr import AttenuationMap
from bench.geometry import Matrix, PoseFrame
from bench.register.pyramid import LevelView
from bench.register.residuals import Pixels, Residuals, ray_means

# A window that varies less than this share of its image's variance is left out.
_LEAST_VARIANCE = 1e-3
Background: TypeAlias = Callable[[LevelView], Pixels]

_DERIVATIVES, _MOVING, _FIXED = slice(0, 6), 6, 7


class WindowResiduals(Residuals):
    """Mean over windows of 2 (1 - NCC) between the rendered and the given views, linearised.

    Windows in which the target varies too little are left out, independently of the rendered image.
    """

    def __init__(
        self,
        views: Sequence[LevelView],
        factors: Sequence[int],
        *,
        attenuation: AttenuationMap,
        corners: Matrix,
        frame: PoseFrame,
        window: int,
        stride: int,
        background: Background | None = None,
    ) -> None:
        """Bind what stays the same at one level.

        Args:
            views: The targets.
            factors: How many pixels a side each of them was binned by.
            attenuation: The moving volume.
            corners: (8, 3) world corners of its content, mm.
            frame: Of theta.
            window: Side of a window, pixels.
            stride: Pixels from one window to the next.
            background: Rendering (1, H, W) of what does not move, which is added to every image of a view; None =
                nothing.
        """
        targets = [
            _Windows(view, factor, window, stride, None if background is None else background(view))
            for view, factor in zip(views, factors, strict=True)
        ]
        super().__init__(targets, attenuation=attenuation, corners=corners, frame=frame)


class _Windows:
    """One view's target, cut into windows.

    Windows overlap, and their residuals are not noise: none counts as independent.
    """

    residual_count = 0

    def __init__(self, view: LevelView, factor: int, window: int, stride: int, background: Pixels | None) -> None:
        self.view, self._background = view, background
        self._window = max(2, min(window, view.camera.height, view.camera.width))
        self._stride, self._spread = stride, (1 - 1 / factor**2) / 24
        self._fixed = np.asarray(view.fixed.numpy()[0], dtype=np.float32)
        inside = np.ones(self._fixed.shape, dtype=np.bool_) if view.valid is None else view.valid.numpy()[0]
        self._fixed = np.where(inside, self._fixed - self._fixed[inside].mean(), np.float32(0))
        self._counted = self._cut(inside.astype(np.float32)).min(axis=(1, 2)) > 0
        cut = self._cut(self._fixed)[self._counted]
        variance = cut.var(axis=(1, 2), dtype=np.float64) if len(cut) else np.zeros(0)
        self._telling = variance > _LEAST_VARIANCE * float(self._fixed[inside].var())

    def linearise(self, images: Pixels, slopes: Pixels) -> tuple[Matrix, Matrix, Matrix]:
        """See ``Target``."""
        if self._background is not None:
            images = images + self._background
        if self._spread > 0:
            images = ray_means(images, self._spread)
        each = [self._linearise(image, slope) for image, slope in zip(images, slopes, strict=True)]
        costs, gradients, curvatures = zip(*each, strict=True)
        return np.array(costs), np.array(gradients), np.array(curvatures)

    def _linearise(self, image: Pixels, slopes: Pixels) -> tuple[float, Matrix, Matrix]:
        """Of one image (1, H, W) and its derivatives (6, H, W).

        With u the unit-norm window, s its norm before, f the target's, D the centred derivatives: J = (D - u u.D) / s
        and J.(u - f) = (u.D u.f - D.f) / s. The image is cut to whole windows, its border left out.
        """
        least = _LEAST_VARIANCE * float(image.var()) * self._window**2
        if least <= 0 or not self._telling.any():
            return np.inf, np.zeros(6), np.eye(6)
        gram = self._gram(np.concatenate([slopes, image - image.mean(), self._fixed]))
        energy, seen = gram[:, _MOVING, _MOVING], gram[:, _FIXED, _FIXED]
        s = np.sqrt(np.maximum(energy, least))
        along = gram[:, _DERIVATIVES, _MOVING] / s[:, None]
        towards = gram[:, _DERIVATIVES, _FIXED] / np.sqrt(seen)[:, None]
        alike = gram[:, _MOVING, _FIXED] / (s * np.sqrt(seen))
        # A window without content has no direction of its own to project out, and nothing to gain by turning.
        live = np.where(energy > least, 1 / s**2, 0.0)
        curvature = gram[:, _DERIVATIVES, _DERIVATIVES] - along[:, :, None] * along[:, None, :]
        gradient = ((along * alike[:, None] - towards) / s[:, None]).mean(axis=0)
        return 2 * float(1 - alike.mean()), gradient, (curvature * live[:, None, None]).mean(axis=0)

    def _gram(self, rows: Pixels) -> Matrix:
        """Sums of products of all pairs of mean-free rows within every window that is used, (k, 8, 8)."""
        cut = self._cut(rows).reshape(-1, len(rows), self._window**2)[self._counted][self._telling]
        cut = cut - cut.mean(axis=2, keepdims=True)
        return np.asarray(cut @ cut.transpose(0, 2, 1), dtype=np.float64)

    def _cut(self, rows: Pixels) -> Pixels:
        """Windows of images (c, H, W): (k, c, window, window), or (k, window, window) of one image."""
        side, step = self._window, self._stride
        cut = np.lib.stride_tricks.sliding_window_view(rows, (side, side), axis=(1, 2))[:, ::step, ::step]
        moved = np.moveaxis(cut, 0, 2).reshape(-1, len(rows), side, side)
        return np.asarray(moved[:, 0] if len(rows) == 1 else moved)
