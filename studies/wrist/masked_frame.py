"""Masked X-rays as a trained network sees them, and the frame in which it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.contract import Problem, View
from bench.geometry import Camera, Matrix, PoseFrame, invert
from bench.learn import WeightsCard
from studies.wrist.acquired import acquired_refusal, known_set_up
from studies.wrist.crop import Crop
from studies.wrist.masked_grey import cropped
from studies.wrist.window import through

# A larger share of the window is no outline of a bone.
_MAX_VALID = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class MaskedFrame:
    """The frame of a network's answers, as its card states it.

    Attributes:
        turn: From the calibrated camera to the window's.
        frame: In the window's camera.
        window: Intrinsics of the window.
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
        """Share of the window that is valid in the X-ray."""
        return float(np.mean(np.asarray(through(view, self.turn, self.window).valid)))


@dataclass(frozen=True, slots=True, eq=False)
class MaskedCrop:
    """The part of an X-ray that a network sees.

    Attributes:
        image: (1, 1, S, S), 0 to 1.
        from_rig: camera_from_rig of the camera that looks at the crop's middle, 4x4.
        frame: In that camera.
    """

    image: Tensor
    from_rig: Matrix
    frame: PoseFrame

    def pose(self, theta: Matrix) -> Matrix:
        """rig_from_world of theta (6,)."""
        return np.asarray(invert(self.from_rig) @ self.frame.pose(theta))


def masked_refusal(card: WeightsCard, problem: Problem) -> str | None:
    """Why weights for masked X-rays cannot take a problem (camera, patient, nominal pose, no outline), or None."""
    if MaskedFrame.of(card) is None:
        return f"the weights of {card.method} here are for unmasked images; give weights of a masked network"
    why = acquired_refusal(card, problem)
    if why is not None:
        return why
    view, frame = problem.views[0], MaskedFrame.of(card)
    if known_set_up(card, view, problem.nominal, problem.centre) is None:
        names = ", ".join(each["name"] for each in card.scene["set_ups"])
        return (
            f"trained about the nominal poses of {names}; this problem has another: run the protocol with its own seed"
        )
    if frame is None or view.valid is None or frame.share(view) > _MAX_VALID:
        return "trained on an outlined bone alone; this X-ray has no outline"
    return None
