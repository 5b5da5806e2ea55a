"""Simulated images: rendered or formed at the true pose, with a record of their draws."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.cases.neighbours import with_neighbours
from bench.cases.prepare import PreparedPatient
from bench.cases.real import require_finite
from bench.cases.scene import Scene
from bench.contract import Image, View
from bench.drr import AttenuationMap, project, project_siddon
from bench.geometry import Camera, Matrix
from bench.perturb import generator
from bench.xray import Degradation, Formation, ImagingConditions, LowDose, Materials, form_image, photon_noise

Images = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedView:
    """A view with its image, and the strengths drawn for it; None where the scene draws none."""

    view: View
    drawn: dict[str, float] | None


@dataclass(frozen=True, slots=True)
class CaseSeed:
    """Seed of the random numbers of a case's images.

    Attributes:
        seed: The protocol's.
        case_id: Name of the case.
    """

    seed: int
    case_id: str

    def generator(self, purpose: str, number: int) -> np.random.Generator:
        """Random numbers for one purpose of the view ``number``."""
        return generator(self.seed, purpose, self.case_id, number)


def simulate_view(
    scene: Scene,
    prepared: PreparedPatient,
    truth: Matrix,
    *,
    seed: CaseSeed,
    number: int,
    recorded: Mapping[str, float] | None = None,
) -> SimulatedView:
    """Make the image of one view.

    Args:
        scene: Set-up of the images.
        prepared: The patient.
        truth: rig_from_world, 4x4, mm.
        seed: Of the random numbers.
        number: Of the view.
        recorded: Recorded strengths to repeat; None = draw them.
    """
    name, noise = f"the simulated X-ray of {seed.case_id}", seed.generator("noise", number)
    moved = with_neighbours(scene, prepared, seed.seed, seed.case_id, recorded)
    prepared, drawn = moved.prepared, moved.drawn
    view = prepared.views[number]
    pose = view.camera_from_rig @ truth @ moved.pose_change
    if prepared.materials is not None and scene.formation is not None:
        conditions = _conditions(scene, prepared, seed.generator("scene", number), recorded)
        image, valid = formed_image(
            prepared.materials, pose, view.camera, scene.formation, random=noise, conditions=conditions
        )
        made = replace(view, image=image, valid=valid)
        drawn |= {} if scene.appearance is None else conditions.record()
    else:
        clean = line_integrals(scene, prepared.target, pose[None], view.camera)
        require_finite(name, (replace(view, image=clean[0, 0]),))  # noise is undefined for other pixels
        made = replace(view, image=with_noise(scene, clean, view.camera, noise)[0, 0])
    if scene.low_dose is not None and made.image is not None:
        degradation = _degradation(scene.low_dose, seed.generator("low dose", number), recorded)
        made = replace(made, image=scene.low_dose.on_line_integrals(made.image, degradation))
        drawn |= degradation.record()
    require_finite(name, (made,))
    return SimulatedView(made, drawn or None)


def line_integrals(scene: Scene, target: AttenuationMap, poses: Matrix, camera: Camera) -> Images:
    """Images (B, 1, H, W) without noise, by the scene's kernel; poses (B, 4, 4) are camera_from_world, mm."""
    if scene.kernel == "siddon":
        return project_siddon(target, poses, camera).astype(np.float32)[:, None]
    return project(target, poses, camera).numpy()


def with_noise(scene: Scene, images: Images, camera: Camera, random: np.random.Generator) -> Images:
    """Line integrals with the scene's photon noise.

    A pixel that is the mean of a block of the scene's pixels has collected their photons together.

    Args:
        scene: With or without ``photons``.
        images: (B, 1, H, W).
        camera: Of the images: the scene's, or it binned.
        random: Random generator.
    """
    if scene.photons is None:
        return images
    return photon_noise(images, scene.photons * binning(scene, camera) ** 2, random)


def binning(scene: Scene, camera: Camera) -> int:
    """Binning factor: pixels of the scene's camera along each edge of one pixel of this camera."""
    return round(float(scene.camera.K[0, 0] / camera.K[0, 0]))


def formed_image(
    materials: Materials,
    pose: Matrix,
    camera: Camera,
    formation: Formation,
    *,
    random: np.random.Generator,
    conditions: ImagingConditions,
) -> tuple[Image, NDArray[np.bool_] | None]:
    """A formed image and its valid pixels; behind a collimator it holds the median of the valid ones, as real X-rays.

    Args:
        materials: Content of the image.
        pose: camera_from_world, 4x4, mm.
        camera: Intrinsics.
        formation: Detector, spectrum and scatter.
        random: Random generator of the noise.
        conditions: Of this exposure.
    """
    image = form_image(materials, pose, camera, formation, random, conditions=conditions)
    valid = conditions.valid(camera)
    if valid is not None:
        image = np.where(valid, image, np.median(image[valid])).astype(np.float32)
    return image, valid


def _conditions(
    scene: Scene, prepared: PreparedPatient, random: np.random.Generator, recorded: Mapping[str, float] | None
) -> ImagingConditions:
    if scene.appearance is None:
        return ImagingConditions()
    if recorded is not None:
        return ImagingConditions.from_record(recorded)
    return scene.appearance.draw(random, prepared.moving.content_corners())


def _degradation(low_dose: LowDose, random: np.random.Generator, recorded: Mapping[str, float] | None) -> Degradation:
    return low_dose.draw(random) if recorded is None else Degradation.from_record(recorded)
