"""Networks for masked X-rays of one camera: what they see of a bone, in training and on real X-rays.

LGFF-Reg's study of real X-rays (Yang et al. 2025, section 3.6) masks the bone by hand; the network sees the crop alone.
A network sees an image and no start, so its answers need a frame that stands still: here that of one camera, the mean
of the nominal poses that a protocol tells for that camera's X-rays. Training draws poses by the protocol's law about
each of them, renders the bone in invented surroundings (``bench.learn.forearm``) through a window turned towards the
frame's centre, degrades the image, masks it along a drawn outline and crops it to the outline's middle. Answers are
measured from the camera that would look at the crop's middle. No real X-ray, no outline of one and no reference pose is
trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from bench.contract import Problem, View
from bench.drr import AttenuationMap, project
from bench.geometry import Camera, Matrix, PoseFrame, compose, invert, transform_points
from bench.learn.acquired import AcquiredPatient, AcquiredPopulation, AcquiredScene, acquired_refusal, known_set_up
from bench.learn.crop import Crop
from bench.learn.errors import TrainingError
from bench.learn.forearm import Forearms, continued
from bench.learn.grey import grey, masked_grey
from bench.learn.population import Scene, StagedPatient
from bench.learn.source import Source
from bench.learn.weights_card import WeightsCard
from bench.learn.window import aimed, through, window_pixels
from bench.perturb import generator
from bench.xray import LowDose
from bench.xray.outline import OutlineLaw

_LEAST_RANGE = 1e-6
# A silhouette is where the bone has this share of its largest line integral.
_VISIBLE = 0.03
# More of the window than this is no outline of a bone.
_MAX_VALID = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedScene(AcquiredScene):
    """Set-ups of one camera, their common frame, and how masked images are drawn.

    Attributes:
        outline: Distribution of the masks.
        forearms: What surrounds the bone.
        lowest_row: Outlines stop at this row of the X-ray, give or take ``lowest_row_px``: the drawer's choice.
        lowest_row_px: Half-width.
        crop_px: Edge of the crop, pixels of the window.
        kept: So many poses are drawn, each with one image; the published study has 9,000.
    """

    outline: OutlineLaw = field(default_factory=OutlineLaw)
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
        """What labels are measured from, before the window's camera."""
        return PoseFrame(self.turn @ self.mean_nominal, self.set_ups[0].centre)

    def described(self) -> dict[str, Any]:
        """Everything that makes a difference, as plain values, with the frame that answers are measured from."""
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
        """A pose by the law about one of the set-ups, camera_from_world of the calibrated camera."""
        chosen = self.set_ups[int(random.integers(len(self.set_ups)))]
        return PoseFrame(chosen.nominal, chosen.centre).pose(self.truth.draw(random))

    def example(
        self, patient: "MaskedPatient", low_dose: LowDose, random: np.random.Generator
    ) -> tuple[Tensor, Matrix]:
        """One masked crop (1, 1, crop_px, crop_px), 0 to 1, and theta (6,) before the camera that looks at its middle.

        Args:
            patient: Staged by ``MaskedPopulation``.
            low_dose: Degradation.
            random: Draws.
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
        """An outline drawn round a rendered bone (H, W)."""
        silhouette = bone > _VISIBLE * max(float(bone.max()), _LEAST_RANGE)
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
        examples: Those made so far.
    """

    shaft: AttenuationMap
    turn: Matrix
    rows: Matrix
    examples: dict[str, tuple[Tensor, Matrix]] = field(default_factory=lambda: dict[str, Any](), repr=False)


@dataclass(frozen=True, kw_only=True)
class MaskedPopulation(AcquiredPopulation):
    """The one patient of acquired X-rays, staged in a camera's frame."""

    def stage(self, patient_id: str, scene: Scene) -> StagedPatient:
        """Load the patient and put it before the camera."""
        if not isinstance(scene, MaskedScene):
            raise TrainingError("masked X-rays need a MaskedScene")
        staged = super().stage(patient_id, scene)
        plain = {name: getattr(staged, name) for name in AcquiredPatient.__dataclass_fields__}
        rows = window_pixels(scene.set_ups[0].camera, scene.turn, scene.camera)[0].mean(axis=0)
        plain |= {"frame": scene.frame, "turn": scene.turn, "rows": rows}
        return MaskedPatient(**plain, shaft=continued(staged.target))


@dataclass(frozen=True, slots=True, eq=False)
class MaskedFrame:
    """What a card says of the frame that a network's answers are measured from.

    Attributes:
        turn: From the calibrated camera to the window's.
        frame: Before the window's camera.
        window: Its intrinsics.
        crop_px: Edge of the crop, pixels of the window.
    """

    turn: Matrix
    frame: PoseFrame
    window: Camera
    crop_px: int

    @classmethod
    def of(cls, card: WeightsCard) -> "MaskedFrame | None":
        """A card's; None where its network is for unmasked images."""
        table: Mapping[str, Any] | None = card.scene.get("masked")
        if table is None:
            return None
        turn, nominal, centre = (np.array(table[name], dtype=np.float64) for name in ("turn", "nominal", "centre"))
        camera = card.scene["camera"]
        window = Camera(np.array(camera["K"], dtype=np.float64), int(camera["height"]), int(camera["width"]), None)
        return cls(turn, PoseFrame(nominal, centre), window, int(table["crop_px"]))

    def seen(self, view: View) -> "MaskedCrop":
        """The masked crop of an outlined X-ray.

        Raises:
            WeightsError: The outlined bone is not in the window, or has no contrast.
        """
        window = through(view, self.turn, self.window)
        mask = np.asarray(window.valid, dtype=np.bool_)
        crop = Crop.about(mask, self.crop_px)
        image = cropped(torch.as_tensor(window.image)[None, None], mask, crop)
        return MaskedCrop(image, crop.turn(self.window) @ self.turn @ view.camera_from_rig, self.frame)

    def share(self, view: View) -> float:
        """Of the window that the X-ray holds validly."""
        return float(np.mean(np.asarray(through(view, self.turn, self.window).valid)))


@dataclass(frozen=True, slots=True, eq=False)
class MaskedCrop:
    """What a network sees of an X-ray.

    Attributes:
        image: (1, 1, S, S), 0 to 1.
        from_rig: To the camera that looks at the crop's middle, 4x4.
        frame: Before that camera.
    """

    image: Tensor
    from_rig: Matrix
    frame: PoseFrame

    def pose(self, theta: Matrix) -> Matrix:
        """rig_from_world of theta (6,)."""
        return np.asarray(invert(self.from_rig) @ self.frame.pose(theta))


def masked_refusal(card: WeightsCard, problem: Problem) -> str | None:
    """Why weights for masked X-rays cannot take a problem (camera, patient, nominal pose, no outline), or None."""
    why = acquired_refusal(card, problem)
    if why is not None:
        return why
    view, frame = problem.views[0], MaskedFrame.of(card)
    if known_set_up(card, view, problem.nominal, problem.centre) is None:
        names = ", ".join(each["name"] for each in card.scene["set_ups"])
        return f"trained about the nominal poses of {names}; this problem's is another: play the protocol's own seed"
    if frame is None or view.valid is None or frame.share(view) > _MAX_VALID:
        return "trained on a bone outlined by hand and nothing beside it; this X-ray has no outline"
    return None


def examples(source: Source, numbers: NDArray[np.int64], *, low_dose: LowDose, seed: int) -> tuple[Tensor, Matrix]:
    """Masked crops (B, 1, crop_px, crop_px) and their theta (B, 6), each made once of its number and then kept."""
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


def cropped(image: Tensor, mask: NDArray[np.bool_], crop: Crop) -> Tensor:
    """The crop of an image (1, 1, H, W) masked by (H, W), scaled by its masked-in pixels: (1, 1, edge, edge)."""
    part, inside = (torch.as_tensor(crop.cut(each))[None, None] for each in (image[0, 0].cpu().numpy(), mask))
    return masked_grey(part, inside, crop.edge)


def _same(one: Camera, other: Camera) -> bool:
    return (one.height, one.width) == (other.height, other.width) and np.allclose(one.K, other.K)
