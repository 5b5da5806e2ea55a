"""Base of the trainers for one vertebra of one patient (protocol ``lgff-sim``): set-up, patient, units, images."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from bench.cases.scene import Scene, scene_of
from bench.learn.errors import TrainingError
from bench.learn.grey import grey
from bench.learn.population import Population, population_of
from bench.learn.schedules import one_cycle
from bench.learn.single_view import Units, mean_errors
from bench.learn.source import Source
from bench.learn.trainable import Figures, Losses, Plan
from bench.xray import LowDose

UNITS = Units(rotation_deg=18.0, translation_mm=10.0)
"""Units of what the networks predict: the half-widths of the poses' distribution."""

HELD_OUT_POSES = 128
"""Poses that a validation averages over."""

_AT_ONCE = 32


def _scene() -> Scene:
    return scene_of("lgff-sim", start=None)


def _population() -> Population:
    return population_of("lgff-sim")


@dataclass(frozen=True, kw_only=True)
class VertebraTrainer(ABC):
    """Base of a network's trainer: degraded images made on the fly, AdamW, one cycle, averaged weights.

    A network adds its name and version, ``network``, ``labels`` and ``losses``, which takes its images and labels from
    ``examples``.

    Attributes:
        image_size: Pixels of the network's input.
        batch: Images a step.
        max_learning_rate: Peak of the learning rate.
        weight_decay: Of AdamW.
        seed: Of initial weights, poses and degradation: trainings of one seed see the same images in the same order.
        scene: The set-up of ``lgff-sim``, without starts.
        population: The patient of ``lgff-sim``.
    """

    image_size: int = 128
    batch: int = 16
    max_learning_rate: float = 1e-3
    weight_decay: float = 0.05
    seed: int = 1
    scene: Scene = field(default_factory=_scene)
    population: Population = field(default_factory=_population)

    name: ClassVar[str]
    version: ClassVar[int]
    volume_shape: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        _ = self.low_dose

    @property
    def plan(self) -> Plan:
        """Clipped gradients, averaged weights."""
        return Plan(seed=self.seed, clip_norm=5.0, average=0.99)

    @abstractmethod
    def network(self) -> nn.Module:
        """A fresh network."""

    @abstractmethod
    def labels(self, network: nn.Module, images: Tensor) -> Tensor:
        """The network's prediction, in ``UNITS``, (B, 6), of images (B, 1, S, S) from 0 to 1."""

    @abstractmethod
    def losses(self, network: nn.Module, source: Source) -> Losses:
        """Losses of one step on the images and labels of ``examples``; ``total`` is differentiated."""

    @property
    def architecture(self) -> Mapping[str, Any]:
        """The size of the input."""
        return {"image_size": self.image_size}

    @property
    def low_dose(self) -> LowDose:
        """Degradation of the images.

        Raises:
            TrainingError: The scene states none.
        """
        if self.scene.low_dose is None:
            raise TrainingError("this network is trained on low-dose images; take a scene with low_dose, as lgff-sim's")
        return self.scene.low_dose

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """AdamW at the peak rate."""
        return torch.optim.AdamW(network.parameters(), lr=self.max_learning_rate, weight_decay=self.weight_decay)

    def rate(self, step: int, progress: float) -> float:
        """Up over the first tenth of the budget, then down along a cosine."""
        return one_cycle(progress)

    def validate(self, network: nn.Module, source: Source) -> Figures:
        """Mean absolute errors on poses that are not used in training."""
        images, wanted = self.fresh(source, HELD_OUT_POSES)
        with torch.no_grad():
            parts = [images[first : first + _AT_ONCE] for first in range(0, len(images), _AT_ONCE)]
            found = torch.cat([self.labels(network, part) for part in parts])
        return mean_errors(UNITS.theta(found), UNITS.theta(wanted))

    def share_in_use(self, step: int) -> float:
        """Share of the training poses that a step draws from; below 1 in incremental learning alone."""
        return 1.0

    def examples(self, source: Source) -> tuple[Tensor, Tensor]:
        """Images (``batch``, 1, S, S), 0 to 1, and labels (``batch``, 6) of one training step."""
        return self.fresh(source, self.batch)

    def fresh(self, source: Source, count: int) -> tuple[Tensor, Tensor]:
        """Degraded images (B, 1, S, S), 0 to 1, of newly drawn poses, and their labels (B, 6)."""
        problems = source.problems(source.patients()[0], count)
        return self.degraded(problems.images, problems.random), UNITS.labels(problems.truth, source.device)

    def degraded(self, images: Tensor, random: np.random.Generator) -> Tensor:
        """Line integrals (B, 1, H, W) as the network's input (B, 1, S, S): low dose, own range, 0 to 1."""
        draws = [self.low_dose.draw(random) for _ in range(len(images))]
        return grey(self.low_dose.apply(grey(images, images.shape[-1]), draws), self.image_size)
