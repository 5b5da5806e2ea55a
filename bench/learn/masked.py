"""Networks for masked X-rays of one camera: what they see of a bone, in training and on real X-rays.

LGFF-Reg's study of real X-rays (Yang et al. 2025, section 3.6) masks the bone by hand; the network sees the crop alone.
A network sees an image and no start, so its answers need a frame that stands still: here that of one camera, the mean
of the nominal poses that a protocol tells for that camera's X-rays. Training draws poses by the protocol's law about
each of them, renders the bone in invented surroundings (``bench.learn.forearm``) through a window turned towards the
frame's centre, degrades the image and cuts it along a drawn outline. No real X-ray, no outline of one and no reference
pose is trained on.
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
from bench.learn.errors import TrainingError
from bench.learn.forearm import Forearms, continued
from bench.learn.grey import grey, masked_grey
from bench.learn.population import Scene, StagedPatient
from bench.learn.weights_card import WeightsCard
from bench.learn.window import aimed, through, window_pixels
from bench.xray import LowDose
from bench.xray.outline import OutlineLaw

_LEAST_RANGE = 1e-6
# A silhouette is where the bone has this share of its largest line integral.
_VISIBLE = 0.03
# More of the window than this is no outline of a bone.
_MOST_VALID = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedScene(AcquiredScene):
    """Set-ups of one camera, their common frame, and how masked images are drawn.

    Attributes:
        outline: Law of the masks.
        forearms: What surrounds the bone.
        lowest_row: Outlines stop at this row of the X-ray, give or take ``lowest_row_px``: the drawer's choice.
        lowest_row_px: Half-width.
    """

    outline: OutlineLaw = field(default_factory=OutlineLaw)
    forearms: Forearms = field(default_factory=Forearms)
    lowest_row: float = np.inf
    lowest_row_px: float = 2.0

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

    @property
    def pixel_mm(self) -> float:
        """Of the bone, that a pixel of the window shows."""
        return float(self.frame.centre_in_rig[2] / self.camera.K[0, 0])

    def described(self) -> dict[str, Any]:
        """Everything that makes a difference, as plain values, with the frame that answers are measured from."""
        masked = {
            "turn": self.turn.tolist(),
            "nominal": self.frame.nominal.tolist(),
            "centre": self.frame.centre.tolist(),
            "lowest_row": float(np.nan_to_num(self.lowest_row, posinf=-1.0)),
            "outline": str(self.outline),
            "forearms": str(self.forearms),
        }
        return {**AcquiredScene.described(self), "masked": masked}

    def draw(self, random: np.random.Generator, count: int) -> Matrix:
        """Poses by the law about the set-ups, as theta (count, 6) of ``frame``."""
        chosen = [self.set_ups[number] for number in random.integers(len(self.set_ups), size=count)]
        poses = [PoseFrame(each.nominal, each.centre).pose(self.truth.draw(random)) for each in chosen]
        return np.array([self.frame.parameters(self.turn @ pose) for pose in poses])

    def images(
        self, patient: "MaskedPatient", theta: Matrix, low_dose: LowDose, random: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Degraded X-rays of the bone in drawn surroundings, (B, 1, H, W), 0 to 1, and masks of the same shape, bool.

        Args:
            patient: Staged by ``MaskedPopulation``.
            theta: Poses in ``frame``, (B, 6).
            low_dose: Degradation.
            random: Draws.
        """
        poses = self.frame.pose(theta)
        radius = project(patient.target, poses, self.camera)
        whole = (radius + project(patient.shaft, poses, self.camera))[:, 0].numpy()
        masks = torch.as_tensor(np.stack([self.mask(each, random) for each in whole]))[:, None]
        seen = self.forearms.xrays(radius, patient.target, poses, self.camera, random)
        draws = [low_dose.draw(random) for _ in theta]
        return low_dose.apply(grey(seen, self.camera.height), draws), masks

    def mask(self, bone: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.bool_]:
        """An outline drawn round a rendered bone (H, W)."""
        silhouette = bone > _VISIBLE * max(float(bone.max()), _LEAST_RANGE)
        drawn = self.outline.draw(silhouette, random, pixel_mm=self.pixel_mm)
        lowest = self.lowest_row + random.uniform(-self.lowest_row_px, self.lowest_row_px)
        return drawn & (_rows(self.set_ups[0].camera, self.turn, self.camera) <= lowest)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskedPatient(AcquiredPatient):
    """A patient in the frame of one camera.

    Attributes:
        shaft: The bone beyond the end of its CT.
    """

    shaft: AttenuationMap


@dataclass(frozen=True, kw_only=True)
class MaskedPopulation(AcquiredPopulation):
    """The one patient of acquired X-rays, staged in a camera's frame."""

    def stage(self, patient_id: str, scene: Scene) -> StagedPatient:
        """Load the patient and put it before the camera."""
        if not isinstance(scene, MaskedScene):
            raise TrainingError("masked X-rays need a MaskedScene")
        staged = super().stage(patient_id, scene)
        plain = {name: getattr(staged, name) for name in AcquiredPatient.__dataclass_fields__}
        return MaskedPatient(**{**plain, "frame": scene.frame}, shaft=continued(staged.target))


@dataclass(frozen=True, slots=True, eq=False)
class MaskedFrame:
    """What a card says of the frame that a network's answers are measured from.

    Attributes:
        turn: From the calibrated camera to the window's.
        frame: Before the window's camera.
        window: Its intrinsics.
    """

    turn: Matrix
    frame: PoseFrame
    window: Camera

    @classmethod
    def of(cls, card: WeightsCard) -> "MaskedFrame | None":
        """A card's; None where its network is for unmasked images."""
        table: Mapping[str, Any] | None = card.scene.get("masked")
        if table is None:
            return None
        turn, nominal, centre = (np.array(table[name], dtype=np.float64) for name in ("turn", "nominal", "centre"))
        camera = card.scene["camera"]
        window = Camera(np.array(camera["K"], dtype=np.float64), int(camera["height"]), int(camera["width"]), None)
        return cls(turn, PoseFrame(nominal, centre), window)

    def seen(self, view: View) -> View:
        """The window on an X-ray."""
        return through(view, self.turn, self.window)

    def image(self, view: View, size: int) -> Tensor:
        """What the network sees of an X-ray, (1, 1, size, size)."""
        seen = self.seen(view)
        image, valid = (torch.as_tensor(each)[None, None] for each in (seen.image, seen.valid))
        return masked_grey(image, valid, size)

    def pose(self, theta: Matrix, view: View) -> Matrix:
        """rig_from_world of theta (6,)."""
        return np.asarray(invert(view.camera_from_rig) @ invert(self.turn) @ self.frame.pose(theta))


def masked_refusal(card: WeightsCard, problem: Problem) -> str | None:
    """Why weights for masked X-rays cannot take a problem (camera, patient, nominal pose, no outline), or None."""
    why = acquired_refusal(card, problem)
    if why is not None:
        return why
    view, frame = problem.views[0], MaskedFrame.of(card)
    if known_set_up(card, view, problem.nominal, problem.centre) is None:
        names = ", ".join(each["name"] for each in card.scene["set_ups"])
        return f"trained about the nominal poses of {names}; this problem's is another: play the protocol's own seed"
    if frame is None or view.valid is None or float(np.mean(frame.seen(view).valid)) > _MOST_VALID:
        return "trained on a bone outlined by hand and nothing beside it; this X-ray has no outline"
    return None


def _rows(camera: Camera, turn: Matrix, window: Camera) -> Matrix:
    """The X-ray's row at every pixel of the window, (H, W)."""
    return np.asarray(window_pixels(camera, turn, window)[0].mean(axis=0))


def _same(one: Camera, other: Camera) -> bool:
    return (one.height, one.width) == (other.height, other.width) and np.allclose(one.K, other.K)
