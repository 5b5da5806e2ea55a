"""Shared by networks that regress six parameters from one image: the parameters' units and the method.

The image is scaled by its own range (darkest pixel 0, brightest 1), which makes it independent of dose and fog;
the six parameters are predicted as multiples of the half-widths of their training distribution.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from bench.contract import Estimate, Outcome, Problem, View
from bench.geometry import Matrix, transform_points
from bench.learn.errors import TrainingError, WeightsError
from bench.learn.grey import grey
from bench.learn.untrained import weights_folder
from bench.learn.weights import (
    Weights,
    camera_refusal,
    exact_last,
    learnt_view,
    load_weights,
    refusal,
    tell_of_resampling,
)
from bench.learn.weights_card import WeightsCard, read_card
from bench.volume import Volume, VolumeError
from bench.volume.content import label_mask
from bench.volume.region import WIDE_REGIONS

_MIN_PIXELS, _MAX_PIXELS = 8, 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Degrees and mm of one unit of what a network predicts.

    Attributes:
        rotation_deg: One unit of rx, ry, rz.
        translation_mm: One unit of tx, ty, tz.
    """

    rotation_deg: float
    translation_mm: float

    @property
    def scale(self) -> Matrix:
        """(6,)."""
        return np.array([self.rotation_deg] * 3 + [self.translation_mm] * 3)

    def labels(self, theta: Matrix, device: torch.device) -> Tensor:
        """Theta (B, 6), degrees and mm, as float32 labels."""
        return torch.as_tensor(theta / self.scale, dtype=torch.float32, device=device)

    def theta(self, labels: Tensor) -> Matrix:
        """Labels (B, 6) as degrees and mm."""
        return np.asarray(labels.detach().cpu().double().numpy() * self.scale)


def mean_errors(found: Matrix, wanted: Matrix) -> dict[str, float]:
    """Held-out figures: mean absolute errors per kind of parameter, depth apart; (B, 6) each."""
    mean = np.abs(found - wanted).mean(axis=0)
    names = ("rx_deg", "ry_deg", "rz_deg", "tx_mm", "ty_mm", "tz_depth_mm")
    return {f"mae_{name}": float(value) for name, value in zip(names, mean, strict=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SquareInput:
    """The architecture of a network that has one size to choose.

    Attributes:
        image_size: Pixels along an edge of the input.
    """

    image_size: int

    def __post_init__(self) -> None:
        if not _MIN_PIXELS <= self.image_size <= _MAX_PIXELS:
            raise TrainingError(f"image_size should be {_MIN_PIXELS} to {_MAX_PIXELS}; got {self.image_size}")


@dataclass(frozen=True, slots=True, eq=False)
class ReadyNetwork:
    """A network and its card."""

    network: nn.Module
    card: WeightsCard


@dataclass(frozen=True, slots=True, eq=False)
class PreparedNetworks:
    """Networks by the hash of the patient that each is for."""

    networks: Mapping[str, ReadyNetwork]


@dataclass(frozen=True, kw_only=True)
class SingleViewRegressor(ABC):
    """A patient-specific method: one image in, six parameters out. The start is not used.

    Attributes:
        weights: Folder of other weights (``fluorobench train ... --weights FOLDER``), which may hold subfolders of
            them, such as one per camera; ``untrained``; None = the shipped weights.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    folder: ClassVar[Path]

    weights: str | None = None

    @abstractmethod
    def build(self, loaded: Weights) -> nn.Module:
        """The network of a card's architecture, with its weights."""

    @abstractmethod
    def predict(self, network: nn.Module, image: Tensor) -> Matrix:
        """Theta (6,), degrees and mm, of an image (1, 1, S, S) from 0 to 1 of the size that the network takes."""

    def prepare(self, volume: Volume, views: Sequence[View]) -> PreparedNetworks:
        """Load the networks that fit the camera; the patient of each problem decides which one is used."""
        networks: dict[str, ReadyNetwork] = {}
        for path, card in exact_last(self._cards(), views):
            if len(views) == 1 and self.refuse_cameras(card, views) is None:
                tell_of_resampling(card, views)
                loaded = load_weights(path, method=self.name, version=self.version)
                ready = ReadyNetwork(self.build(loaded), card)
                networks |= dict.fromkeys(card.trained_on.hashes, ready)
        return PreparedNetworks(networks)

    def skip(self, problem: Problem) -> str | None:
        """Why there is no network for this problem, or None."""
        cards = [card for _, card in self._cards()]
        if not cards:
            where = "here" if self.weights is None else f"in {self.weights}"
            return f"no weights are {where}; train them: fluorobench train {self.name}"
        reasons = [self.refuse(card, problem) for card in cards]
        if None in reasons:
            return None
        own = [why for card, why in zip(cards, reasons, strict=True) if self._is_for(card, problem)]
        return own[0] if own else reasons[0] if len(cards) == 1 else self._no_patient(problem, cards)

    def register(self, problem: Problem, prepared: PreparedNetworks) -> Estimate:
        """Predict the pose from the image alone.

        Raises:
            WeightsError: An empty image, or no network of this patient.
        """
        began = perf_counter()
        ready = prepared.networks.get(problem.patient_hash)
        if ready is None:
            raise WeightsError(f"no {self.name} network of {problem.patient_id}; run: fluorobench train {self.name}")
        pose = self.answer(ready, problem)
        return Estimate(pose, Outcome.CONVERGED, {"network": perf_counter() - began})

    def answer(self, ready: ReadyNetwork, problem: Problem) -> Matrix:
        """The pose (rig_from_world) that a network reads from a problem's image.

        Raises:
            WeightsError: An image of another size or without contrast.
        """
        seen = torch.as_tensor(learnt_view(ready.card, problem.views[0]).image)[None, None]
        with torch.no_grad():
            theta = self.predict(ready.network, grey(seen, int(ready.card.architecture["image_size"])))
        return np.asarray(problem.frame.pose(theta))

    def refuse(self, card: WeightsCard, problem: Problem) -> str | None:
        """Why weights cannot take a problem, in one line, or None."""
        return refusal(card, problem) or _other_centre(card, problem)

    def refuse_cameras(self, card: WeightsCard, views: Sequence[View]) -> str | None:
        """Why weights cannot take these cameras, in one line, or None."""
        return camera_refusal(card, views)

    def _is_for(self, card: WeightsCard, problem: Problem) -> bool:
        """Whether the weights are for the problem's patient and camera."""
        return problem.patient_hash in card.trained_on.hashes and self.refuse_cameras(card, problem.views) is None

    def _cards(self) -> list[tuple[Path, WeightsCard]]:
        folder = weights_folder(self.weights, self.name, self.folder)
        return [(path, read_card(path)) for path in sorted(folder.rglob("*.toml"))]

    def _no_patient(self, problem: Problem, cards: Sequence[WeightsCard]) -> str:
        known = ", ".join(sorted({name for card in cards for name in card.trained_on.patients}))
        return f"weights for {known} with their cameras, none for {problem.patient_id}: fluorobench train {self.name}"


def _other_centre(card: WeightsCard, problem: Problem) -> str | None:
    """Why the problem's rotation centre is not the one that the network was trained for, or None.

    A box around one structure has that structure's centre for any margin; with any other rotation centre the
    answer would be shifted without a warning.
    """
    on = card.trained_on
    if on.region in WIDE_REGIONS and on.moving != "everything":
        return None
    try:
        learnt = _learnt_centre(on.region, problem.volume)
    except VolumeError as error:
        return f"trained for {on.region}, which cannot be found here: {error}"
    apart = float(np.linalg.norm(learnt - problem.centre))
    if apart < float(problem.volume.spacing_mm.max()):
        return None
    return (
        f"trained for the centre of {on.region} ({on.moving}); this problem's is {apart:.0f} mm away: crop the CT to "
        f"{on.region}, content {on.moving}"
    )


def _learnt_centre(region: str, volume: Volume) -> Matrix:
    """World mm."""
    if region in WIDE_REGIONS:
        return volume.with_mask(None).content_centre()
    voxels = np.argwhere(label_mask(volume, region))
    return transform_points(volume.affine, (voxels.min(axis=0) + voxels.max(axis=0)) / 2)
