"""Shipped single-view networks on masked X-rays of one camera, as trainers and methods.

Both are subclasses of the classes that a shipped plug-in declares, so that all of its settings remain; the images, the
frame of the answers and the refusals are replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench import registry
from bench.contract import Card, Problem, Split, View
from bench.geometry import Matrix
from bench.learn import Source, WeightsCard, WeightsError
from bench.learn.grey import grey
from bench.learn.single_view import ReadyNetwork, SingleViewRegressor
from bench.learn.vertebra_trainer import UNITS, VertebraTrainer
from studies.wrist.acquired import acquired_camera_refusal
from studies.wrist.masked import MaskedScene, examples
from studies.wrist.masked_frame import MaskedFrame, masked_refusal
from studies.wrist.radius import masked_population, masked_scene

NETWORKS = ("lgff_reg", "res_reg_net", "zhang")
"""Shipped methods that the study trains on masked X-rays."""


@dataclass(frozen=True, kw_only=True)
class MaskedTrainer(VertebraTrainer):
    """Trains a network on masked renderings of the radius before one camera of the real X-rays.

    Attributes:
        camera: 1 or 2.
    """

    camera: int = 1

    draws: ClassVar[str] = "masked"
    """Name of the random numbers that choose a step's examples."""

    def __post_init__(self) -> None:
        # The data is read here: the set-ups follow from the camera.
        object.__setattr__(self, "scene", masked_scene(self.camera))
        object.__setattr__(self, "population", masked_population())
        super().__post_init__()

    def examples(self, source: Source) -> tuple[Tensor, Tensor]:
        """Masked crops (``batch``, 1, S, S), 0 to 1, and labels (``batch``, 6) of one training step."""
        in_use = max(1, round(self.share_in_use(source.step) * _scene(source).kept))
        return self._numbered(source, source.random(self.draws).integers(in_use, size=self.batch))

    def fresh(self, source: Source, count: int) -> tuple[Tensor, Tensor]:
        """Masked crops (B, 1, S, S), 0 to 1, and labels (B, 6); in a validation always the same."""
        if source.split is Split.TRAIN:
            return self._numbered(source, source.random(self.draws).integers(_scene(source).kept, size=count))
        return self._numbered(source, np.arange(count))

    def _numbered(self, source: Source, numbers: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        images, theta = examples(source, numbers, low_dose=self.low_dose, seed=self.seed)
        return grey(images, self.image_size), UNITS.labels(theta, source.device)


@dataclass(frozen=True, kw_only=True)
class MaskedMethod(SingleViewRegressor):
    """Answers from the masked crop of an outlined X-ray."""

    def answer(self, ready: ReadyNetwork, problem: Problem) -> Matrix:
        """The pose (rig_from_world) that a network reads from the masked crop.

        Raises:
            WeightsError: Weights for unmasked images, an outline beyond the network's window, or no contrast in it.
        """
        frame = MaskedFrame.of(ready.card)
        if frame is None:
            raise WeightsError(f"the weights of {ready.card.method} are for unmasked images")
        crop = frame.seen(problem.views[0])
        with torch.no_grad():
            theta = self.predict(ready.network, grey(crop.image, int(ready.card.architecture["image_size"])))
        return crop.pose(theta)

    def refuse(self, card: WeightsCard, problem: Problem) -> str | None:
        """Why weights cannot take a problem, in one line, or None."""
        return masked_refusal(card, problem)

    def refuse_cameras(self, card: WeightsCard, views: Sequence[View]) -> str | None:
        """Why weights cannot take these cameras, in one line, or None."""
        return acquired_camera_refusal(card, views)


def masked_trainer(network: str, *, draws: str = "masked") -> type[MaskedTrainer]:
    """The trainer of a shipped network on masked X-rays.

    Args:
        network: One of ``NETWORKS``.
        draws: Name of the random numbers that choose a step's examples.
    """
    shipped: Any = registry.module("methods", network).trainer
    added = {"name": f"masked_{network}", "draws": draws, "__doc__": f"{shipped.__doc__}\n{MaskedTrainer.__doc__}"}
    return cast("type[MaskedTrainer]", _subclass(MaskedTrainer, shipped, added))


def masked_method(network: str) -> type[MaskedMethod]:
    """A shipped network as a method for masked X-rays; no weights are shipped.

    Args:
        network: One of ``NETWORKS``.
    """
    shipped: Any = registry.load("methods", network)
    folder = Path(__file__).parent / "methods" / f"masked_{network}" / "weights"
    added = {"name": f"masked_{network}", "folder": folder, "__doc__": shipped.__doc__}
    return cast("type[MaskedMethod]", _subclass(MaskedMethod, shipped, added))


def masked_card(network: str) -> Card:
    """The card of a shipped network, with what the study changes."""
    shipped = registry.card("methods", network)
    return Card(
        title=f"{shipped.title}, on masked X-rays of one camera",
        source=shipped.source,
        citation=shipped.citation,
        licence=shipped.licence,
        deviations=(
            *shipped.deviations,
            "Trained on renderings of a radius with simulated surroundings, masked along drawn outlines.",
            "No weights are shipped.",
        ),
        uses_start=False,
    )


def _subclass(first: type, shipped: type, added: dict[str, Any]) -> type:
    name = f"Masked{shipped.__name__}"
    return make_dataclass(name, [], bases=(first, shipped), namespace=added, frozen=True, kw_only=True)


def _scene(source: Source) -> MaskedScene:
    if not isinstance(source.scene, MaskedScene):
        raise WeightsError("a masked network is trained on a MaskedScene")
    return source.scene
