"""RTPI as a method: features of the volume once per nominal view, then one pass of the network per image."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.contract import Estimate, Outcome, Problem, View
from bench.drr import AttenuationMap
from bench.geometry import Matrix, PoseFrame, StandardView, rotation_angle_deg
from bench.learn import (
    WeightsCard,
    camera_refusal,
    find_weights,
    learnt_view,
    load_weights,
    read_card,
    refusal,
    tell_of_resampling,
    weights_folder,
)
from bench.volume import Volume

from .network import Rtpi
from .trainer import VERSION, Architecture, RtpiTrainer, trainer_of

FOLDER = Path(__file__).parent / "weights"
_NAME = "rtpi"
# Patients of the training lie turned by so much at most, but for 1 in 50.
_MAX_TURNED_DEG = 15.0


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A patient's volume, and its features by nominal pose: the network sees a volume as the nominal camera does."""

    network: Rtpi
    trainer: RtpiTrainer
    attenuation: AttenuationMap
    card: WeightsCard
    device: str
    known: dict[bytes, Tensor] = field(default_factory=lambda: dict[bytes, Tensor]())

    def frame(self, rotation: Matrix, centre: Matrix) -> PoseFrame:
        """Of the network's answers: the nominal rotation, and the centre on the beam's axis, as in training."""
        nominal = np.eye(4)
        nominal[:3, :3] = rotation
        nominal[:3, 3] = np.array([0.0, 0.0, float(self.card.scene["depth_mm"])]) - rotation @ centre
        return PoseFrame(nominal, centre)

    def features(self, frame: PoseFrame) -> Tensor:
        """Of the volume in a frame; computed at its first use."""
        key = np.round(np.concatenate([frame.nominal[:3, :3].ravel(), frame.centre]), 6).tobytes()
        if key not in self.known:
            grid = self.trainer.grid(self.attenuation, frame)
            with torch.no_grad():
                self.known[key] = self.network.volume_features(grid[None].to(self.device))
        return self.known[key]


@dataclass(frozen=True, kw_only=True)
class RtpiMethod:
    """Regress the pose from volume and image; needs no start.

    Attributes:
        weights: Folder of the user's weights, or their card (.toml), or ``untrained``; None = the shipped ones.
        device: ``cpu`` or ``cuda``.
    """

    weights: str | None = None
    device: str = "cpu"

    def prepare(self, volume: Volume, views: Sequence[View]) -> Prepared | None:
        """Run the volume branch for the view that was trained for; None where ``skip`` will decline.

        Raises:
            WeightsError: Damaged or foreign weights.
        """
        path = self._card_path()
        if path is None or len(views) != 1 or camera_refusal(read_card(path), views) is not None:
            return None
        loaded = load_weights(path, method=_NAME, version=VERSION)
        tell_of_resampling(loaded.card, views)
        trainer = trainer_of(loaded.architecture(Architecture))
        network = loaded.network(trainer.network).to(self.device)
        if not isinstance(network, Rtpi):
            raise TypeError("RTPI's trainer builds RTPI's network")
        scene, attenuation = loaded.card.scene, AttenuationMap.from_volume(volume)
        prepared = Prepared(network, trainer, attenuation, loaded.card, self.device)
        standing = np.array(StandardView[scene["view"]].rotation, dtype=np.float64)
        prepared.features(prepared.frame(standing, volume.content_centre()))
        return prepared

    def register(self, problem: Problem, prepared: Prepared) -> Estimate:
        """One pass of the image branch and the localisation part; of the volume's too where the view is a new one."""
        began = time.perf_counter()
        image = learnt_view(prepared.card, problem.views[0]).image
        if image is None:
            raise ValueError("RTPI needs the view's image")
        frame = prepared.frame(problem.nominal[:3, :3], problem.centre)
        with torch.no_grad():
            pixels = torch.as_tensor(np.ascontiguousarray(image))[None, None].to(self.device)
            output = prepared.network(prepared.features(frame), prepared.trainer.image(pixels))
        reach = np.array(prepared.trainer.reach)
        theta: Matrix = (2 * output[0].double().cpu().numpy() - 1) * reach
        pose = frame.pose(theta)
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
        if reason is None and rotation_angle_deg(problem.nominal[:3, :3], nominal) > _MAX_TURNED_DEG:
            reach = f"{_MAX_TURNED_DEG:g} degrees about it"
            reason = f"trained for the {card.scene['view']} view and {reach}; the nominal pose has another direction"
        return reason

    def _card_path(self) -> Path | None:
        place = weights_folder(self.weights, _NAME, FOLDER)
        return place if self.weights is not None and not place.is_dir() else find_weights(place, _NAME)


@cache
def _card(path: Path) -> WeightsCard:
    return read_card(path)
