"""SOPI as a method: an initialiser's pose, then a descent on the learnt distance (section 2.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from bench import registry
from bench.contract import Estimate, Method, Problem, Trace, View
from bench.drr import AttenuationMap, project_differentiable
from bench.geometry import Camera, Matrix, StandardView, invert, nominal_pose
from bench.learn import (
    WeightsCard,
    camera_refusal,
    find_weights,
    learnt_view,
    load_weights,
    pixels_divide,
    read_card,
    refusal,
    tell_of_resampling,
    weights_folder,
)
from bench.learn.descent import Descent, descend
from bench.learn.distance import small
from bench.learn.pose_gradient import PoseChart
from bench.volume import Volume

from .network import Architecture, Sopi, SopiError
from .trainer import VERSION

NAME = "sopi"
FOLDER = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What depends on the patient alone.

    Attributes:
        attenuation: Of the moving volume.
        network: None where no weights fit.
        card: Of the weights, where there are any.
        initialiser: RTPI, prepared; None where another start is chosen, or none fits.
    """

    attenuation: AttenuationMap
    network: Sopi | None
    card: WeightsCard | None
    initialiser: Any


@dataclass(frozen=True, kw_only=True)
class SopiMethod:
    """Start, joint descent, translation alone; the pose of the smallest L_N is the answer.

    Attributes:
        initialiser: The pose from which it descends: ``rtpi``, the protocol's ``nominal`` pose or the case's ``start``;
            the phases of ``Estimate.seconds`` name it.
        composite: CE of Table 2: which weights are looked for.
        masked: EL of Table 2: same.
        descent: Steps and stops.
        weights: Folder of weights of one's own, or ``untrained``; None = those shipped, of the variant that the
            switches name. RTPI keeps its own.
        rtpi: Settings of the initialiser RTPI.
    """

    initialiser: Literal["rtpi", "nominal", "start"] = "rtpi"
    composite: bool = True
    masked: bool = True
    descent: Descent = field(default_factory=Descent)
    weights: str | None = None
    rtpi: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())

    def skip(self, problem: Problem) -> str | None:
        """Why it cannot take this problem, or None."""
        if problem.volume.mask is None:
            return "the patient has no mask: SOPI compares what lies in the mask's shadow; choose the moving content"
        if any(view.image is None for view in problem.views):
            return "the view has no image"
        card = self._card()
        if card is None:
            return f"it has no weights; train them: {self.command}"
        why = refusal(card, problem)
        if why is None and self.initialiser == "rtpi":
            reason = self._rtpi().skip(problem)
            why = None if reason is None else f"its initialiser RTPI: {reason}"
        return why

    @property
    def command(self) -> str:
        """The command that trains the weights."""
        switches = [f"{name}=false" for name in ("composite", "masked") if not getattr(self, name)]
        chosen = f" --set {' '.join(switches)} --out runs/train/sopi-{self.variant}" if switches else ""
        return f"fluorobench train sopi{chosen} --weights {self._folder_text()}"

    @property
    def variant(self) -> str:
        """Of the weights: empty for the whole method."""
        parts = ((self.composite, "no-ce"), (self.masked, "no-el"))
        return "-".join(name for there, name in parts if not there)

    def prepare(self, volume: Volume, views: Sequence[View]) -> Prepared:
        """Attenuation, network, and what RTPI prepares."""
        card, network, ready = self._card(), None, None
        if card is not None and len(views) == 1 and camera_refusal(card, views) is None:
            tell_of_resampling(card, views)
            network = self._network(card)
            if self.initialiser == "rtpi":
                ready = self._rtpi().prepare(volume, views)
        attenuation = AttenuationMap.from_volume(volume)
        if network is not None and card is not None:
            _warm_up(network, attenuation, learnt_view(card, views[0]).camera)
        return Prepared(attenuation, network, card, ready)

    def register(self, problem: Problem, prepared: Prepared) -> Estimate:
        """Find the pose.

        Raises:
            SopiError: No weights for this camera, or an empty image.
        """
        network, card = prepared.network, prepared.card
        if network is None or card is None:
            raise SopiError(f"no SOPI weights for this camera; run: {self.command}")
        began = perf_counter()
        start, drrs = self._start(problem, prepared.initialiser)
        started = perf_counter()
        view = learnt_view(card, problem.views[0])
        size = network.architecture.image
        camera = view.camera.binned(view.camera.height // size)
        with torch.no_grad():
            fixed = network.features(network.fixed, network.seen(small(torch.as_tensor(view.image)[None, None], size)))

        def distance(poses: Tensor) -> Tensor:
            return network.distance(fixed, project_differentiable(prepared.attenuation, poses, camera))

        base = (view.camera_from_rig @ start)[None]
        chart = PoseChart(base, problem.centre, network.architecture.depth_scale)
        found = descend(distance, chart, network.gains(), self.descent)
        count = len(found.distances)
        return Estimate(
            pose=invert(view.camera_from_rig) @ found.pose,
            outcome=found.outcome,
            seconds={f"start_{self.initialiser}": started - began, "descent": perf_counter() - started},
            drr_evaluations=drrs + count,
            trace=Trace(tuple(range(1, count + 1)), tuple(np.maximum.accumulate(-np.array(found.distances)).tolist())),
        )

    def _start(self, problem: Problem, ready: Any) -> tuple[Matrix, int]:
        if self.initialiser != "rtpi":
            return (problem.nominal if self.initialiser == "nominal" else problem.start), 0
        estimate = self._rtpi().register(problem, ready)
        return estimate.pose, estimate.drr_evaluations

    def _rtpi(self) -> Method:
        built: Method = registry.build("methods", "rtpi", self.rtpi)
        return built

    def _network(self, card: WeightsCard) -> Sopi:
        # First of all: what belongs to another method or version has an architecture that means nothing here.
        loaded = load_weights(self._path(), method=NAME, version=VERSION)
        architecture = Architecture.of(card.architecture)
        if (architecture.composite, architecture.masked) != (self.composite, self.masked):
            raise SopiError(f"these weights are of another variant; set composite and masked as in {card.architecture}")
        pixels_divide(card, architecture.image)
        network = Sopi(architecture)
        loaded.fill(network)
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        return network

    def _card(self) -> WeightsCard | None:
        path = self._path()
        return read_card(path) if path.is_file() else None

    def _path(self) -> Path:
        folder = weights_folder(self.weights, NAME, FOLDER / self.variant)
        return find_weights(folder, NAME) or folder / f"{NAME}.toml"

    def _folder_text(self) -> str:
        return self.weights or "/".join(part for part in ("methods/sopi/weights", self.variant) if part)


def _warm_up(network: Sopi, attenuation: AttenuationMap, camera: Camera) -> None:
    """Have kernels compiled and the volume packed before a registration is timed: one gradient from a made-up pose."""
    size = network.architecture.image
    middle = attenuation.affine[:3, :3] @ ((np.array(attenuation.shape) - 1) / 2) + attenuation.affine[:3, 3]
    chart = PoseChart(nominal_pose(StandardView.AP, middle, 1000.0)[None], middle)
    vector = torch.zeros(1, 6, dtype=torch.float64, requires_grad=True)
    image = project_differentiable(attenuation, chart.pose(vector), camera.binned(camera.height // size))
    with torch.no_grad():
        fixed = network.features(network.fixed, network.seen(image))
    torch.autograd.grad(network.distance(fixed, image).sum(), [vector])


def shipped(method: SopiMethod | None = None) -> WeightsCard | None:
    """The card of the weights that come with the method, if they do."""
    path = find_weights(FOLDER / replace(method or SopiMethod(), weights=None).variant, NAME)
    return None if path is None else read_card(path)
