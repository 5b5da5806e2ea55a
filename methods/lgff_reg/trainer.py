"""How LGFF-Reg learns: one vertebra of one patient, degraded images made on the fly."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bench.geometry import Camera
from bench.learn import Figures, Losses, Plan, Population, Scene, Source, one_cycle
from bench.learn.single_view import Units, grey, mean_errors
from bench.perturb import Law
from bench.xray import LowDose

from .network import Architecture, LgffNetwork

NAME = "lgff_reg"
VERSION = 1
WHITE = 255.0
"""The network's input is grey values 0 to 255, as the published code has it."""

UNITS = Units(rotation_deg=18.0, translation_mm=10.0)
_HELD_OUT_POSES = 128


def study_scene() -> Scene:
    """The set-up of ``lgff-sim``: 128 x 128 pixels, poses even within +-18 degrees and +-10 mm."""
    reach = (18.0, 18.0, 18.0, 10.0, 10.0, 10.0)
    return Scene(
        camera=Camera.centred(sdd_mm=1011.7, height=128, width=128, spacing_mm=1.5),
        truth=Law("uniform", reach),
        search=reach,
        photons=None,
    )


def study_population() -> Population:
    """One vertebra of the study's patient, as the box that holds it."""
    return Population(
        settings={"only": "phantom-v2-200000"},
        patients=1,
        validation_patients=1,
        active=1,
        region="L3",
        target="everything",
        moving="everything",
        margin_mm=4.0,
    )


@dataclass(frozen=True, kw_only=True)
class LgffTrainer:
    """Settings of a training.

    Attributes:
        image_size: Pixels of the network's input; the paper's is 128, at nine times the cost of 64.
        stages: Of the network (Table 1).
        local: Convolutional branch (Table 2).
        globe: Transformer branch (Table 2).
        fusion: Dual-branch fusion (Table 2).
        heads: Auxiliary heads (Table 2).
        head_weights: Loss weights of the auxiliary heads, from the first stage on (Table 3); heads beyond them take the
            last one.
        batch: Images a step.
        rate_at_most: Peak of the learning rate.
        weight_decay: Of AdamW.
        bfloat16: Run the network in half precision while training: a quarter less time where the processor has it.
        low_dose: Degradation of the images.
    """

    image_size: int = 64
    stages: int = 4
    local: bool = True
    globe: bool = True
    fusion: bool = True
    heads: bool = True
    head_weights: tuple[float, ...] = (0.4, 0.6, 0.8)
    batch: int = 16
    rate_at_most: float = 1e-3
    weight_decay: float = 0.05
    bfloat16: bool = False
    low_dose: LowDose = field(default_factory=LowDose)

    name: ClassVar[str] = NAME
    version: ClassVar[int] = VERSION
    volume_shape: ClassVar[tuple[int, ...]] = ()
    plan: ClassVar[Plan] = Plan(clip_norm=5.0, average=0.99)

    @property
    def architecture(self) -> Mapping[str, Any]:
        """The paper's switches."""
        chosen = {name: getattr(self, name) for name in ("image_size", "stages", "local", "globe", "fusion", "heads")}
        return asdict(Architecture(**chosen))

    @property
    def scene(self) -> Scene:
        """That of the study."""
        return study_scene()

    @property
    def population(self) -> Population:
        """That of the study."""
        return study_population()

    def network(self) -> nn.Module:
        """A fresh network."""
        return LgffNetwork(Architecture(**self.architecture))

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """AdamW at the peak rate."""
        return torch.optim.AdamW(network.parameters(), lr=self.rate_at_most, weight_decay=self.weight_decay)

    def rate(self, step: int, progress: float) -> float:
        """Up over the first tenth of the budget, then down along a cosine."""
        return one_cycle(progress)

    def losses(self, network: nn.Module, source: Source) -> Losses:
        """Mean absolute error of the main head and, weighted, of the auxiliary heads (section 2.6)."""
        images, wanted = self.degraded(source, self.batch)
        with torch.autocast(source.device.type, torch.bfloat16, enabled=self.bfloat16):
            predicted: tuple[Tensor, ...] = network(images)
        main, *helped = ((each.float() - wanted).abs().mean() for each in predicted)
        total = main
        for index, loss in enumerate(helped):
            total = total + self.head_weights[min(index, len(self.head_weights) - 1)] * loss
        return {"total": total, "main": main}

    def validate(self, network: nn.Module, source: Source) -> Figures:
        """Mean absolute errors on poses that training never draws."""
        images, wanted = self.degraded(source, _HELD_OUT_POSES)
        with torch.no_grad():
            found = torch.cat([network(part)[0] for part in torch.split(images, 32)])
        return mean_errors(UNITS.theta(found), UNITS.theta(wanted))

    def degraded(self, source: Source, count: int) -> tuple[Tensor, Tensor]:
        """Degraded images (B, 1, S, S), 0 to 255, and their labels (B, 6)."""
        problems = source.problems(source.patients()[0], count)
        clean = grey(problems.images, problems.camera.height)
        draws = [self.low_dose.draw(problems.random) for _ in range(count)]
        images = WHITE * grey(self.low_dose.apply(clean, draws), self.image_size)
        return images, UNITS.labels(problems.truth, source.device)
