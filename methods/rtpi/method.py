"""RTPI at work: features of the volume once a patient, then one pass of the network an image."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.contract import Estimate, Outcome, Problem, View
from bench.drr import AttenuationMap
from bench.geometry import Matrix, PoseFrame, StandardView, nominal_pose, rotation_angle_deg
from bench.learn import WeightsCard, camera_refusal, find_weights, load_weights, read_card, refusal
from bench.volume import Volume

from .inputs import image_input, volume_input
from .network import Rtpi
from .trainer import VERSION, RtpiTrainer, trainer_of

FOLDER = Path(__file__).parent / "weights"
_NAME = "rtpi"
_MOST_TURNED_DEG = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A patient's volume features, and the frame that the network's answers are measured in."""

    network: Rtpi
    trainer: RtpiTrainer
    features: Tensor
    frame: PoseFrame


@dataclass(frozen=True, kw_only=True)
class RtpiMethod:
    """Regress the pose from volume and image; needs no start.

    Attributes:
        weights: Folder of weights of one's own, or their card (.toml); None = the shipped ones.
        device: ``cpu`` or ``cuda``.
    """

    weights: str | None = None
    device: str = "cpu"

    def prepare(self, volume: Volume, views: Sequence[View]) -> Prepared | None:
        """Run the volume branch; None where ``skip`` will decline.

        Raises:
            WeightsError: Damaged or foreign weights.
        """
        path = self._card_path()
        if path is None or len(views) != 1 or camera_refusal(read_card(path), views) is not None:
            return None
        loaded = load_weights(path, method=_NAME, version=VERSION)
        trainer = trainer_of(loaded.card.architecture)
        network = trainer.network()
        loaded.fill(network).to(self.device)
        centre = volume.content_centre()
        view = StandardView[loaded.card.scene["view"]]
        frame = PoseFrame(nominal_pose(view, centre, float(loaded.card.scene["depth_mm"])), centre)
        grid = volume_input(
            AttenuationMap.from_volume(volume), frame.nominal, centre=centre, shape=trainer.shape.volume,
            voxel_mm=trainer.voxel_mm,
        )  # fmt: skip
        if not isinstance(network, Rtpi):
            raise TypeError("RTPI's trainer builds RTPI's network")
        with torch.no_grad():
            return Prepared(network, trainer, network.volume_features(grid[None].to(self.device)), frame)

    def register(self, problem: Problem, prepared: Prepared) -> Estimate:
        """One pass of the image branch and the localisation part."""
        began = time.perf_counter()
        image = problem.views[0].image
        if image is None:
            raise ValueError("RTPI needs the view's image")
        with torch.no_grad():
            pixels = torch.as_tensor(np.ascontiguousarray(image))[None, None].to(self.device)
            output = prepared.network(prepared.features, image_input(pixels, prepared.trainer.shape.image))
        reach = np.array(prepared.trainer.reach)
        theta: Matrix = (2 * output[0].double().cpu().numpy() - 1) * reach
        pose = prepared.frame.pose(theta)
        return Estimate(pose=pose, outcome=Outcome.CONVERGED, seconds={"network": time.perf_counter() - began})

    def skip(self, problem: Problem) -> str | None:
        """No weights, another camera, another view."""
        path = self._card_path()
        if path is None:
            where = "--ship" if self.weights is None else f"--weights {self.weights}"
            return f"no weights for {_NAME}; train them: fluorobench train {_NAME} --budget 80m {where}"
        card = _card(path)
        reason = refusal(card, problem)
        nominal = StandardView[card.scene["view"]].rotation
        if reason is None and rotation_angle_deg(problem.nominal[:3, :3], nominal) > _MOST_TURNED_DEG:
            reason = f"trained for the {card.scene['view']} view; the nominal pose looks another way"
        return reason

    def _card_path(self) -> Path | None:
        if self.weights is not None and not Path(self.weights).is_dir():
            return Path(self.weights)
        return find_weights(FOLDER if self.weights is None else Path(self.weights), _NAME)


@cache
def _card(path: Path) -> WeightsCard:
    return read_card(path)
