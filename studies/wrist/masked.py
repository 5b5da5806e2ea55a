"""Training images of networks for masked X-rays of one camera.

LGFF-Reg's study of real X-rays (Yang et al. 2025, section 3.6) masks the bone by hand; the network sees the crop alone.
A network sees an image and no start, so its answers need a fixed frame of reference: here the mean of the nominal poses
of one camera's X-rays. Training draws poses by the protocol's distribution about each of them, renders the bone with
simulated surroundings (``studies.wrist.forearm``) through a window turned towards the frame's centre, degrades the
image, masks it along a drawn outline and crops it about the outline's middle. Answers are measured from the camera that
looks at the crop's middle. Training uses no real X-ray, no hand-drawn outline and no reference pose.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from bench.drr import AttenuationMap, project
from bench.geometry import Camera, Matrix, PoseFrame, compose, transform_points
from bench.learn import PreparedPatient, Scene, TrainingError
from bench.learn.grey import grey
from bench.learn.source import Source
from bench.perturb import generator
from bench.xray import LowDose
from studies.wrist.acquired import AcquiredPatient, AcquiredPopulation, AcquiredScene
from studies.wrist.crop import Crop
from studies.wrist.forearm import Forearms, continued
from studies.wrist.masked_grey import cropped
from studies.wrist.outline import OutlineDistribution
from studies.wrist.window import aimed, window_pixels

_MIN_RANGE = 1e-6
# A silhouette is where the bone has this share of its largest line integral.
_VISIBLE = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedScene(AcquiredScene):
    """Set-ups of one camera, their common frame, and the distribution of masked images.

    Attributes:
        outline: Distribution of the masks.
        forearms: Distribution of the bone's surroundings.
        lowest_row: Outlines end at about this row of the X-ray, as the hand-drawn ones do.
        lowest_row_px: Half-width of the row's uniform distribution.
        crop_px: Edge of the crop, pixels of the window.
        kept: Number of training poses, each with one image; the published study has 9,000.
    """

    outline: OutlineDistribution = field(default_factory=OutlineDistribution)
    forearms: Forearms = field(default_factory=lambda: Forearms(count=20))
    lowest_row: float = np.inf
    lowest_row_px: float = 2.0
    crop_px: int = 96
    kept: int = 1200

    def __post_init__(self) -> None:
        if not self.set_ups or any(not _same(each.camera, self.set_ups[0].camera) for each in self.set_ups):
            names = ", ".join(each.name for each in self.set_ups) or "none"
            raise TrainingError(f"a masked scene needs X-rays of one camera; got {names}")

    @property
    def mean_nominal(self) -> Matrix:
        """Mean of the set-ups' nominal poses, camera_from_world of the calibrated camera."""
        poses, centre = np.stack([each.nominal for each in self.set_ups]), self.set_ups[0].centre
        turn = Rotation.from_matrix(poses[:, :3, :3]).mean().as_matrix()
        middle = np.mean([transform_points(pose, centre) for pose in poses], axis=0)
        return compose(turn, middle - turn @ centre)

    @property
    def turn(self) -> Matrix:
        """From the calibrated camera to the window's, 4x4."""
        return aimed(transform_points(self.mean_nominal, self.set_ups[0].centre))

    @property
    def frame(self) -> PoseFrame:
        """The frame of the labels, in the window's camera."""
        return PoseFrame(self.turn @ self.mean_nominal, self.set_ups[0].centre)

    def described(self) -> dict[str, Any]:
        """All settings that change the training, as plain values, with the frame of the answers."""
        masked = {
            "turn": self.turn.tolist(),
            "nominal": self.frame.nominal.tolist(),
            "centre": self.frame.centre.tolist(),
            "lowest_row": float(np.nan_to_num(self.lowest_row, posinf=-1.0)),
            "outline": str(self.outline),
            "forearms": str(self.forearms),
            "crop_px": self.crop_px,
            "kept": self.kept,
        }
        return {**AcquiredScene.described(self), "masked": masked}

    def draw(self, random: np.random.Generator) -> Matrix:
        """A pose drawn about one of the set-ups, camera_from_world of the calibrated camera."""
        chosen = self.set_ups[int(random.integers(len(self.set_ups)))]
        return PoseFrame(chosen.nominal, chosen.centre).pose(self.truth.draw(random))

    def example(
        self, patient: "MaskedPatient", low_dose: LowDose, random: np.random.Generator
    ) -> tuple[Tensor, Matrix]:
        """One masked crop (1, 1, crop_px, crop_px), 0 to 1, and theta (6,) in the camera that looks at its middle.

        Args:
            patient: Prepared by ``MaskedPopulation``.
            low_dose: Degradation.
            random: Random numbers.
        """
        pose = (patient.turn @ self.draw(random))[None]
        radius = project(patient.target, pose, self.camera)
        mask = self.mask(patient, (radius + project(patient.shaft, pose, self.camera))[0, 0].numpy(), random)
        seen = grey(self.forearms.xrays(radius, patient.target, pose, self.camera, random), self.camera.height)
        image, crop = low_dose.apply(seen, [low_dose.draw(random)]), Crop.about(mask, self.crop_px)
        return cropped(image, mask, crop), patient.frame.parameters(crop.turn(self.camera) @ pose[0])

    def mask(
        self, patient: "MaskedPatient", bone: NDArray[np.float32], random: np.random.Generator
    ) -> NDArray[np.bool_]:
        """The mask of an outline drawn round a rendered bone (H, W)."""
        silhouette = bone > _VISIBLE * max(float(bone.max()), _MIN_RANGE)
        pixel_mm = float(patient.frame.centre_in_rig[2] / self.camera.K[0, 0])
        lowest = self.lowest_row + random.uniform(-self.lowest_row_px, self.lowest_row_px)
        return self.outline.draw(silhouette, random, pixel_mm=pixel_mm) & (patient.rows <= lowest)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskedPatient(AcquiredPatient):
    """A patient in the frame of one camera.

    Attributes:
        shaft: The bone beyond the end of its CT.
        turn: From the calibrated camera to the window's.
        rows: The X-ray's row at every pixel of the window, (H, W).
        examples: Examples made so far.
    """

    shaft: AttenuationMap
    turn: Matrix
    rows: Matrix
    examples: dict[str, tuple[Tensor, Matrix]] = field(default_factory=lambda: dict[str, Any](), repr=False)


@dataclass(frozen=True, kw_only=True)
class MaskedPopulation(AcquiredPopulation):
    """The one patient of acquired X-rays, prepared in a camera's frame."""

    def prepare(self, patient_id: str, scene: Scene) -> PreparedPatient:
        """Load the patient and place it before the camera."""
        if not isinstance(scene, MaskedScene):
            raise TrainingError("masked X-rays need a MaskedScene")
        prepared = super().prepare(patient_id, scene)
        plain = {name: getattr(prepared, name) for name in AcquiredPatient.__dataclass_fields__}
        rows = window_pixels(scene.set_ups[0].camera, scene.turn, scene.camera)[0].mean(axis=0)
        plain |= {"frame": scene.frame, "turn": scene.turn, "rows": rows}
        return MaskedPatient(**plain, shaft=continued(prepared.target))


def examples(source: Source, numbers: NDArray[np.int64], *, low_dose: LowDose, seed: int) -> tuple[Tensor, Matrix]:
    """Masked crops (B, 1, crop_px, crop_px) and their theta (B, 6), each made once from its number and then kept."""
    patient, scene = source.patients()[0], source.scene
    if not isinstance(patient, MaskedPatient) or not isinstance(scene, MaskedScene):
        raise TrainingError("masked examples need a MaskedScene and its MaskedPopulation")
    made: list[tuple[Tensor, Matrix]] = []
    for number in numbers:
        key = f"masked {source.split} {seed} {number} {low_dose}"
        if key not in patient.examples:
            random = generator(seed, "masked", str(source.split), int(number))
            patient.examples[key] = scene.example(patient, low_dose, random)
        made.append(patient.examples[key])
    return torch.cat([each for each, _ in made]).to(source.device), np.array([theta for _, theta in made])


def _same(one: Camera, other: Camera) -> bool:
    return (one.height, one.width) == (other.height, other.width) and np.allclose(one.K, other.K)
