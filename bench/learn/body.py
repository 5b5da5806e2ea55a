"""X-rays of the whole body among the problems of a training: the targets of ``mismatch`` and ``sopi-xray``.

A network that has only seen bone cut out of its body answers nonsense where a body is. A share of the problems of
every patient therefore shows the whole body, formed as ``bench.xray`` does at the resolution that is asked for.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from bench.contract import Image
from bench.geometry import Camera, Matrix
from bench.learn.errors import TrainingError
from bench.xray import Appearance, Formation, ImagingConditions, Materials, form_image


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyXrays:
    """Which problems show the whole body, and how their X-rays are formed.

    Attributes:
        share: Of the problems.
        exposed: Share of these that ``appearance`` is drawn for; the others are plain.
        region: Part of the CT that is seen.
        content: Of it.
        formation: At the scene's full resolution; its scatter fraction is drawn for each image instead.
        scatter: Ends of the scatter fraction, drawn evenly.
        appearance: Collimator, vignetting, gain, movement and metal.
    """

    share: float = 0.6
    exposed: float = 0.5
    region: str = "whole"
    content: str = "body"
    formation: Formation = field(
        default_factory=lambda: Formation(photons=20_000.0, electronic_noise=5.0, blur_px=0.6, scatter_px=40.0)
    )
    scatter: tuple[float, float] = (0.1, 0.5)
    appearance: Appearance = field(
        default_factory=lambda: Appearance(
            collimator=(0.0, 0.08), collimator_deg=(-3.0, 3.0), vignetting=(0.0, 0.2), vignetting_offset=(-0.3, 0.3),
            gain=(0.9, 1.1), motion_px=(0.0, 1.0), screws=(0, 2), tools=(0, 1),
        )
    )  # fmt: skip

    def __post_init__(self) -> None:
        if not (0 < self.share <= 1 and 0 <= self.exposed <= 1 and 0 <= self.scatter[0] <= self.scatter[1] < 1):
            raise TrainingError(
                "body X-rays need 0 < share <= 1, 0 <= exposed <= 1 and 0 <= scatter < 1, low end first; got "
                f"{self.share}, {self.exposed}, {self.scatter}"
            )

    def described(self) -> dict[str, Any]:
        """Everything that makes a difference, as plain values."""
        plain = {name: getattr(self, name) for name in ("share", "exposed", "region", "content")}
        tables = {name: _plain(asdict(getattr(self, name))) for name in ("formation", "appearance")}
        return {**plain, "scatter": list(self.scatter), **tables}

    def images(
        self,
        materials: Materials,
        poses: Matrix,
        camera: Camera,
        *,
        binned: int,
        corners: Matrix,
        random: np.random.Generator,
    ) -> list[Image]:
        """X-rays (H, W) as line integrals, one a pose (B, 4, 4).

        Args:
            materials: What is seen.
            poses: camera_from_world, mm.
            camera: Intrinsics.
            binned: How many pixels of the full resolution are one of this camera's, along an edge.
            corners: World points whose box metal lies over.
            random: Draws exposures and noise.
        """
        return [self._image(materials, pose, camera, self._scene(corners, binned, random), binned, random)
                for pose in poses]  # fmt: skip

    def _scene(self, corners: Matrix, binned: int, random: np.random.Generator) -> ImagingConditions:
        if random.random() >= self.exposed:
            return ImagingConditions()
        drawn = self.appearance.draw(random, corners)
        return replace(drawn, motion_px=drawn.motion_px / binned)

    def _image(
        self,
        materials: Materials,
        pose: Matrix,
        camera: Camera,
        scene: ImagingConditions,
        binned: int,
        random: np.random.Generator,
    ) -> Image:
        """One X-ray; behind a collimator stands the median of what is before it, as in a run."""
        fraction = float(random.uniform(*self.scatter))
        formation = replace(at_resolution(self.formation, binned), scatter_fraction=fraction)
        image, valid = form_image(materials, pose, camera, formation, random, scene), scene.valid(camera)
        return image if valid is None else np.where(valid, image, np.median(image[valid])).astype(np.float32)


def at_resolution(formation: Formation, binned: int) -> Formation:
    """The same detector, ``binned`` x ``binned`` of its pixels read as one: photons and noise add up."""
    return replace(
        formation,
        photons=None if formation.photons is None else formation.photons * binned**2,
        electronic_noise=formation.electronic_noise * binned,
        blur_px=formation.blur_px / binned,
        scatter_px=formation.scatter_px / binned,
    )


def _plain(table: dict[str, Any]) -> dict[str, Any]:
    """Lists for tuples, nothing for None: as a weights' card gives it back."""
    listed: dict[str, Any] = json.loads(json.dumps(table))
    return {key: value for key, value in listed.items() if value is not None}
