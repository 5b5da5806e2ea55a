"""A network of no use whose weights depend on every random number of its training, and that trains in some seconds."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.cases.scene import Scene, scene_of
from bench.contract import Card
from bench.geometry import Camera
from bench.learn import Plan, Population, Source, one_cycle

card = Card(title="Torture network", source="made here", citation="none", licence="none")
_CAMERA = Camera.centred(sdd_mm=1000.0, height=16, width=16, spacing_mm=12.8)
_PEOPLE = Population(
    # The patients are kept in the folder where the command is given: a kill may meet one that is being written.
    settings={"size": 24, "spacing_mm": 8.0, "cache_dir": Path("patients")},
    patients=3, active=2, steps_per_patient=4, validation_patients=1,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """Regresses the pose from 16 x 16 pixels; dropout makes every step depend on the random numbers.

    Attributes:
        seconds: That each step waits, and ten times that each validation does, so that a kill meets all of them.
        blocks: Train on one patient, made in a moment, in the place of phantoms, which another process makes.
    """

    seconds: float = 0.03
    blocks: bool = False
    # Some steps are lost with a kill; now and then one meets a periodic validation.
    plan: Plan = field(default_factory=lambda: Plan(average=0.9, checkpoint_seconds=0.25, validate_minutes=0.01))
    name, version, volume_shape, architecture = "torture_network", 1, (), {"width": 16}

    @property
    def scene(self) -> Scene:
        """Of one view; blocks have no spine to crop to."""
        region = {"region": "whole"} if self.blocks else {}
        return scene_of("sopi-sim", start=None, camera=_CAMERA, **region)

    @property
    def population(self) -> Population:
        """Few patients."""
        alone: dict[str, Any] = {"patients": 1, "active": 1, "validation_patients": 1}
        return Population(dataset="torture_blocks", **alone) if self.blocks else _PEOPLE

    def network(self) -> nn.Module:
        """A fresh network."""
        layers = (nn.Linear(256, 16), nn.BatchNorm1d(16), nn.Dropout(0.2), nn.Linear(16, 6))
        return nn.Sequential(nn.Flatten(), *layers)

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """One with a state."""
        return torch.optim.AdamW(network.parameters(), lr=3e-3)

    def rate(self, step: int, progress: float) -> float:
        """The factor at a step."""
        return one_cycle(progress)

    def losses(self, network: nn.Module, source: Source) -> Mapping[str, Tensor]:
        """Mean squared error of 8 problems of one patient."""
        time.sleep(self.seconds)
        return {"total": _error(network, source)}

    def validate(self, network: nn.Module, source: Source) -> Mapping[str, float]:
        """The same on the held-out patient."""
        time.sleep(10 * self.seconds)
        with torch.no_grad():
            return {"error": float(_error(network, source))}


def _error(network: nn.Module, source: Source) -> Tensor:
    problems = source.problems(source.patients(1)[0], 8)
    truth = torch.as_tensor(problems.truth).float() / torch.tensor(source.scene.search)
    error: Tensor = (network(problems.images) - truth).square().mean()
    return error


trainer = Trainer
