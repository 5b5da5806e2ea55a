"""A network of a few numbers that tests of the training engine train."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.geometry import Camera
from bench.learn import Plan, Population, Scene, Source, one_cycle, scene_of

ROOT = Path(__file__).parents[1]
SCENE = scene_of("sopi-sim", start=None, camera=Camera.centred(sdd_mm=1011.7, height=16, width=16, spacing_mm=12.8))


def people(cache: Path, **changes: Any) -> Population:
    settings = {"size": 24, "spacing_mm": 8.0, "cache_dir": cache}
    return replace(
        Population(settings=settings, patients=3, active=2, steps_per_patient=2, validation_patients=1), **changes
    )


@dataclass(frozen=True, kw_only=True)
class Toy:
    """Regresses the pose from 16 x 16 pixels; dropout makes every step depend on the random numbers."""

    cache: Path
    width: int = 16
    plan: Plan = field(default_factory=lambda: Plan(average=0.9))

    name: str = "toy"
    version: int = 3
    scene: Scene = field(default_factory=lambda: SCENE)
    volume_shape: tuple[int, ...] = ()

    @property
    def population(self) -> Population:
        return people(self.cache)

    @property
    def architecture(self) -> Mapping[str, Any]:
        return {"width": self.width}

    def network(self) -> nn.Module:
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(256, self.width),
            nn.BatchNorm1d(self.width),
            nn.Dropout(0.2),
            nn.Linear(self.width, 6),
        )

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(network.parameters(), lr=3e-3)

    def rate(self, step: int, progress: float) -> float:
        return one_cycle(progress)

    def losses(self, network: nn.Module, source: Source) -> Mapping[str, Tensor]:
        problems = source.problems(source.patients(1)[0], 8)
        truth = torch.as_tensor(problems.truth / np.array(SCENE.truth.width), dtype=torch.float32)
        return {"total": (network(problems.images) - truth).square().mean()}

    def validate(self, network: nn.Module, source: Source) -> Mapping[str, float]:
        problems = source.problems(source.patients()[0], 4)
        with torch.no_grad():
            return {"size": float(network(problems.images).abs().mean())}
