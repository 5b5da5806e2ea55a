"""What a method plug-in implements to be trained: a frozen dataclass, declared as ``trainer`` in its module.

``docs/examples/minimal_network.py`` is a complete plug-in of 80 lines, trainer and method in one file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from bench.cases.scene import Scene
from bench.learn.population import Population
from bench.learn.source import Source

Losses: TypeAlias = Mapping[str, Tensor]
Figures: TypeAlias = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Settings of the training engine.

    Attributes:
        seed: Of initial weights, data and dropout.
        clip_norm: Largest norm of the gradient of all parameters; None = not clipped.
        average: Decay of the running average of the weights that is validated and exported (0 = the last weights).
        precision: ``mixed`` runs the loss under bfloat16 autocast on a GPU; on a CPU it changes nothing.
        validate_minutes: Between two validations.
        checkpoint_seconds: Between two checkpoints; at most 60.
    """

    seed: int = 1
    clip_norm: float | None = 1.0
    average: float = 0.0
    precision: Literal["full", "mixed"] = "full"
    validate_minutes: float = 5.0
    checkpoint_seconds: float = 45.0


class Trainable(Protocol):
    """A network and its training: a frozen dataclass with a default for every field.

    Fields are settings, which ``fluorobench train NAME --set field=value`` changes; the properties may be fields or
    class attributes. ``losses`` and ``validate`` take all patients, problems and random numbers from their ``source``
    or from torch's global generator, which is seeded at every step: an interrupted training then resumes to the same
    bits.
    """

    @property
    def name(self) -> str:
        """The plug-in's name; also that of its weights files."""
        ...

    @property
    def version(self) -> int:
        """Of the architecture, at least 1: raised when old weights no longer fit or mean something else."""
        ...

    @property
    def architecture(self) -> Mapping[str, Any]:
        """What ``network`` is built from, as plain values; weights are refused where it differs."""
        ...

    @property
    def population(self) -> Population:
        """Patients to train and validate on, unless the command line names others."""
        ...

    @property
    def scene(self) -> Scene:
        """Camera, nominal pose and distributions of the training problems."""
        ...

    @property
    def plan(self) -> Plan:
        """Seed, gradient clipping, averaging of weights, times of validations and checkpoints."""
        ...

    @property
    def volume_shape(self) -> tuple[int, ...]:
        """Voxels of the network's volume input; empty where any size is accepted."""
        ...

    def network(self) -> nn.Module:
        """A fresh network with every parameter that is trained; its random numbers are torch's global ones."""
        ...

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """An optimiser over the network's parameters, at the learning rates that ``rate`` = 1 means."""
        ...

    def rate(self, step: int, progress: float) -> float:
        """Factor on the learning rates at a step; ``progress`` is the used part of the budget, 0 to 1."""
        ...

    def losses(self, network: nn.Module, source: Source) -> Losses:
        """Losses of one step, scalars on the source's device.

        Args:
            network: In training mode.
            source: Of the training split at this step.

        Returns:
            ``total``, which is differentiated by the parameters, and any others, which are only recorded.
        """
        ...

    def validate(self, network: nn.Module, source: Source) -> Figures:
        """Held-out figures by name; units stand in the names, such as ``rotation_error_deg``.

        Args:
            network: In eval mode; gradients are on, use ``torch.no_grad`` where none are needed.
            source: Of the validation split: the same problems at every validation.
        """
        ...
