"""Deep-reg as a method: a descent on the learnt distance from the start; as a setting, then gradient correlation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from bench import registry
from bench.contract import Estimate, Method, Problem, Trace, View
from bench.drr import AttenuationMap
from bench.geometry import Camera, invert
from bench.learn import (
    WeightsCard,
    WeightsError,
    camera_refusal,
    exact_last,
    learnt_view,
    load_weights,
    one_thread,
    pixels_divide,
    read_card,
    refusal,
    tell_of_resampling,
    weights_folder,
)
from bench.learn.descent import Descended, Descent, Distance, descend
from bench.learn.distance import scaled, small
from bench.learn.pose_gradient import PoseChart
from bench.volume import Volume

from .features import FeatureVolume, coarsening, features_of, input_volume
from .network import Architecture, RegiNet
from .trainer import NAME, VERSION

FOLDER = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A network and what its 3D branch made of the patient.

    Attributes:
        network: With its weights.
        volumes: From coarse voxels to those of the card.
        card: Of the weights.
        architecture: The network's settings on the card.
    """

    network: RegiNet
    volumes: tuple[FeatureVolume, ...]
    card: WeightsCard
    architecture: Architecture


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What depends on the patient alone.

    Attributes:
        networks: By the hash of the patient that each is for; "" = for any patient.
        refiner: Of gradient correlation, prepared; None without.
    """

    networks: Mapping[str, Fitted]
    refiner: Any


def _descent() -> Descent:
    # Without SOPI's freezing; ProST allows 500 iterations and 20 seconds.
    return Descent(freeze=False, iterations=100)


@dataclass(frozen=True, kw_only=True)
class DeepRegMethod:
    """Descend L_N from the start; the pose of the smallest L_N is the answer.

    Attributes:
        refine: ``none``: the network alone; ``gradncc``: then climb gradient correlation from its pose.
        descent: Steps and stops, on every volume of voxels.
        coarse: Voxels along the longest axis of the volumes that are descended on first, where the network's own has
            more: coarse ones lead from farther away, fine ones show the depth.
        weights: Folder of other weights, or ``untrained``; None = the shipped ones.
    """

    name: ClassVar[str] = NAME
    folder: ClassVar[Path] = FOLDER

    refine: Literal["none", "gradncc"] = "none"
    descent: Descent = field(default_factory=_descent)
    coarse: tuple[int, ...] = (64,)
    weights: str | None = None

    def skip(self, problem: Problem) -> str | None:
        """Why it cannot take this problem, or None."""
        if any(view.image is None for view in problem.views):
            return "the view has no image"
        cards = [card for _, card in self._cards()]
        if not cards:
            folder = self.weights or f"methods/{self.name}/weights"
            return f"it has no weights; train them: fluorobench train {self.name} --weights {folder}"
        reasons = [self.refuse(card, problem) for card in cards]
        return None if None in reasons else reasons[0]

    def prepare(self, volume: Volume, views: Sequence[View]) -> Prepared:
        """Run the 3D branch of every network that fits the camera."""
        attenuation = AttenuationMap.from_volume(volume)
        networks: dict[str, Fitted] = {}
        for path, card in exact_last(self._cards(), views):
            if len(views) == 1 and self.refuse_cameras(card, views) is None:
                tell_of_resampling(card, views)
                with one_thread():
                    fitted = self._fitted(path, card, attenuation)
                networks |= dict.fromkeys(card.trained_on.hashes or ("",), fitted)
        ready = self._refiner().prepare(volume, views) if self.refine == "gradncc" and networks else None
        return Prepared(networks, ready)

    def register(self, problem: Problem, prepared: Prepared) -> Estimate:
        """Find the pose.

        Raises:
            WeightsError: No network for this patient and camera, or an empty image.
        """
        fitted = prepared.networks.get(problem.patient_hash, prepared.networks.get(""))
        if fitted is None:
            raise WeightsError(f"no Deep-reg network of {problem.patient_id}; run: fluorobench train {self.name}")
        began = perf_counter()
        with one_thread():
            estimate = self._descended(problem, fitted)
        seconds = {"descent": perf_counter() - began}
        if self.refine == "none":
            return replace(estimate, seconds=seconds)
        refined = self._refiner().register(replace(problem, start=estimate.pose), prepared.refiner)
        drrs = estimate.drr_evaluations + refined.drr_evaluations
        seconds["gradncc"] = perf_counter() - began - seconds["descent"]
        return replace(refined, seconds=seconds, drr_evaluations=drrs)

    def refuse(self, card: WeightsCard, problem: Problem) -> str | None:
        """Why weights cannot take a problem, or None; the camera first: content could be chosen, cameras cannot."""
        return camera_refusal(card, problem.views) or refusal(card, problem)

    def refuse_cameras(self, card: WeightsCard, views: Sequence[View]) -> str | None:
        """Why weights cannot take these cameras, or None."""
        return camera_refusal(card, views)

    def view(self, problem: Problem, card: WeightsCard) -> View:
        """The view of a problem that the network sees."""
        return learnt_view(card, problem.views[0])

    def _descended(self, problem: Problem, fitted: Fitted) -> Estimate:
        view, network = self.view(problem, fitted.card), fitted.network
        size = fitted.architecture.image
        camera = view.camera.binned(view.camera.height // size)
        with torch.no_grad():
            fixed = network.fixed(scaled(small(torch.as_tensor(view.image)[None, None], size)))

        pose, found = view.camera_from_rig @ problem.start, list[Descended]()
        for volume in fitted.volumes:
            chart = PoseChart(pose[None], problem.centre, fitted.architecture.depth_scale)
            found.append(descend(_distance(network, fixed, volume, camera), chart, network.gains(), self.descent))
            pose = found[-1].pose
        before, last = sum(len(each.distances) for each in found[:-1]), found[-1]
        count = before + len(last.distances)
        best = np.maximum.accumulate(-np.array(last.distances))
        return Estimate(
            pose=invert(view.camera_from_rig) @ pose,
            outcome=last.outcome,
            drr_evaluations=count,
            trace=Trace(tuple(range(before + 1, count + 1)), tuple(best.tolist())),
        )

    def _fitted(self, path: Path, card: WeightsCard, attenuation: AttenuationMap) -> Fitted:
        loaded = load_weights(path, method=self.name, version=VERSION)
        architecture = loaded.architecture(Architecture)
        network = RegiNet(shared=architecture.shared)
        pixels_divide(card, architecture.image)
        loaded.fill(network)
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        finest = architecture.longest
        wanted = [*(each for each in sorted(self.coarse) if each < finest), finest]
        # A small volume is the same at several of them.
        levels = {coarsening(attenuation, each): each for each in wanted}
        with torch.no_grad():
            volumes = tuple(
                features_of(network, *input_volume(attenuation, each)).checked() for each in levels.values()
            )
        return Fitted(network, volumes, card, architecture)

    def _refiner(self) -> Method:
        built: Method = registry.build("methods", "opt_gradient", {"similarity": "gc", "starts": 1})
        return built

    def _cards(self) -> list[tuple[Path, WeightsCard]]:
        folder = weights_folder(self.weights, self.name, self.folder)
        cards = [(path, read_card(path)) for path in sorted(folder.glob("*.toml"))]
        # Weights for any patient first: their reason is given where all refuse.
        return sorted(cards, key=lambda each: each[1].trained_on.patient_specific)


def _distance(network: RegiNet, fixed: Tensor, volume: FeatureVolume, camera: Camera) -> Distance:
    return lambda poses: network.distance(fixed, volume.project(poses, camera))
