"""X-rays of the whole body among the problems of a training.

A network that has been trained on bone alone gives meaningless answers where a body surrounds it. A share of the
problems of every patient therefore shows the whole body, formed as in the protocol ``sopi-xray``, at the
resolution that the training asks for.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench.cases.prepare import target_of
from bench.cases.scene import Scene, extended, plain_table, scene_of
from bench.cases.simulate import formed_image
from bench.contract import Image
from bench.geometry import Camera, Matrix
from bench.learn.errors import TrainingError
from bench.volume import Volume
from bench.xray import Appearance, Formation, ImagingConditions, Materials


def _sopi_xray() -> Scene:
    return scene_of("sopi-xray")


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyXrays:
    """Which problems show the whole body, and the formation of their X-rays.

    Attributes:
        share: Of the problems.
        exposed: Share of these for which imaging conditions are drawn; the others have none.
        scene: Region, content, formation and appearance of the X-rays.
        scatter: Range of the scatter fraction, drawn uniformly for each image instead of the formation's.
        supersampling: Rays per pixel along each axis, instead of the formation's.
    """

    share: float = 0.6
    exposed: float = 0.5
    scene: Scene = field(default_factory=_sopi_xray)
    scatter: tuple[float, float] = (0.1, 0.5)
    supersampling: int = 1

    def __post_init__(self) -> None:
        if not (0 < self.share <= 1 and 0 <= self.exposed <= 1 and 0 <= self.scatter[0] <= self.scatter[1] < 1):
            raise TrainingError(
                "body X-rays need 0 < share <= 1, 0 <= exposed <= 1 and 0 <= scatter < 1, low end first; got "
                f"{self.share}, {self.exposed}, {self.scatter}"
            )
        if self.scene.formation is None or self.scene.appearance is None:
            raise TrainingError("body X-rays need a scene with formation and appearance, such as that of sopi-xray")

    @property
    def formation(self) -> Formation:
        """Image formation at the scene's full resolution, without scatter, which is drawn for each image."""
        found = Formation() if self.scene.formation is None else self.scene.formation
        return replace(found, scatter_fraction=0.0, supersampling=self.supersampling)

    @property
    def appearance(self) -> Appearance:
        """Distribution of the imaging conditions."""
        return Appearance() if self.scene.appearance is None else self.scene.appearance

    def described(self) -> dict[str, Any]:
        """All settings that change a training, as plain values."""
        return {
            "share": self.share,
            "exposed": self.exposed,
            "region": self.scene.target_region or self.scene.region,
            "content": self.scene.target,
            "scatter": list(self.scatter),
            "formation": plain_table(self.formation),
            "appearance": plain_table(self.appearance),
        }

    def materials(self, volume: Volume) -> Materials:
        """The part of a CT that these X-rays show, as two tissues."""
        return Materials.split(target_of(self.scene, volume), volume.attenuation)

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
            materials: What is shown.
            poses: camera_from_world, mm.
            camera: Intrinsics.
            binned: Binning factor: pixels of the full resolution along each edge of a pixel of this camera.
            corners: World points whose bounding box metal lies over.
            random: Random generator of imaging conditions and noise.
        """
        found = list[Image]()
        for pose in poses:
            conditions = self._conditions(corners, binned, random)
            fraction = float(random.uniform(*self.scatter))
            formation = replace(at_resolution(self.formation, binned), scatter_fraction=fraction)
            image, _ = formed_image(materials, pose, camera, formation, random=random, conditions=conditions)
            found.append(image)
        return found

    def _conditions(self, corners: Matrix, binned: int, random: np.random.Generator) -> ImagingConditions:
        if random.random() >= self.exposed:
            return ImagingConditions()
        drawn = self.appearance.draw(random, corners)
        return replace(drawn, motion_px=drawn.motion_px / binned)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedScene(Scene):
    """A scene in which a share of the images are X-rays of the whole body.

    Attributes:
        body: Settings of these X-rays.
    """

    body: BodyXrays

    def described(self) -> dict[str, Any]:
        """All settings that change a training, as plain values."""
        return {**Scene.described(self), "body": self.body.described()}


def with_body(scene: Scene, body: BodyXrays | None = None) -> MixedScene:
    """The scene with X-rays of the whole body mixed in; by default as in the protocol ``sopi-xray``."""
    return extended(MixedScene, scene, body=BodyXrays() if body is None else body)


def at_resolution(formation: Formation, binned: int) -> Formation:
    """The same detector, ``binned`` x ``binned`` of its pixels read as one: photons and noise add up."""
    return replace(
        formation,
        photons=None if formation.photons is None else formation.photons * binned**2,
        electronic_noise=formation.electronic_noise * binned,
        blur_px=formation.blur_px / binned,
        scatter_px=formation.scatter_px / binned,
    )
