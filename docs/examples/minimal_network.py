"""A network: it regresses the six parameters from one X-ray. Method and trainer in one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from bench.cases.scene import Scene, scene_of
from bench.contract import Card, Estimate, Outcome, Problem, View
from bench.learn import Plan, Population, Source, find_weights, load_weights, one_cycle, read_card, refusal
from bench.volume import Volume

NAME, VERSION, FOLDER = "minimal_network", 1, Path(__file__).parent / "weights"
card = Card(title="Minimal network", source="ours", citation="none", licence="Apache-2.0", uses_start=False)


def build() -> nn.Module:
    """Pixels averaged to 16 x 16, two layers; the output is in shares of the search half-widths."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(16), nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 6))


@dataclass(frozen=True, kw_only=True)
class MinimalTrainer:
    """What ``fluorobench train minimal_network`` trains; ``bench.learn.Trainable`` documents each member."""

    scene: Scene = field(default_factory=lambda: scene_of("sopi-sim"))
    population: Population = field(default_factory=Population)
    name, version, plan, volume_shape, architecture = NAME, VERSION, Plan(), (), {"width": 64}

    def network(self) -> nn.Module:
        """A fresh network."""
        return build()

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """With the learning rate that a factor of 1 means."""
        return torch.optim.AdamW(network.parameters(), lr=1e-3)

    def rate(self, step: int, progress: float) -> float:
        """The factor at a step."""
        return one_cycle(progress)

    def losses(self, network: nn.Module, source: Source) -> Mapping[str, Tensor]:
        """Mean squared error of 16 problems of one patient."""
        problems = source.problems(source.patients(1)[0], 16)
        wanted = (torch.as_tensor(problems.truth) / torch.tensor(self.scene.search)).float()
        return {"total": (network(problems.images) - wanted.to(source.device)).square().mean()}

    def validate(self, network: nn.Module, source: Source) -> Mapping[str, float]:
        """The same on held-out patients."""
        return {"loss": float(self.losses(network, source)["total"].detach())}


@dataclass(frozen=True, kw_only=True)
class MinimalNetwork:
    """The method; ``weights`` is a folder that ``fluorobench train`` wrote, None = the one beside this file."""

    weights: str | None = None

    def prepare(self, volume: Volume, views: Sequence[View]) -> nn.Module | None:
        """Load the weights, if there are any."""
        path = find_weights(Path(self.weights or FOLDER), NAME)
        return None if path is None else load_weights(path, method=NAME, version=VERSION).network(build)

    def skip(self, problem: Problem) -> str | None:
        """Weights are missing, or were trained for another camera, content or patient."""
        path = find_weights(Path(self.weights or FOLDER), NAME)
        return f"no weights: fluorobench train {NAME}" if path is None else refusal(read_card(path), problem)

    def register(self, problem: Problem, prepared: nn.Module) -> Estimate:
        """One pass of the network."""
        with torch.no_grad():
            shares = prepared(torch.as_tensor(problem.views[0].image)[None, None])[0].double().numpy()
        return Estimate(problem.frame.pose(shares * problem.search), Outcome.CONVERGED)


plugin, trainer = MinimalNetwork, MinimalTrainer
