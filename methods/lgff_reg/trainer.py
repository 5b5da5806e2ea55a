"""Training of LGFF-Reg: one vertebra of one patient, degraded images made on the fly."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from bench.learn import Losses, Source, TrainingError
from bench.learn.vertebra_trainer import VertebraTrainer

from .network import Architecture, LgffNetwork

NAME = "lgff_reg"
VERSION = 1
WHITE = 255.0
"""The network's input is grey values 0 to 255, as the published code has it."""


@dataclass(frozen=True, kw_only=True)
class LgffTrainer(VertebraTrainer):
    """Mean absolute errors of the main head and, weighted, of the auxiliary heads (section 2.6).

    Attributes:
        image_size: Pixels of the network's input; the paper's is 128, at nine times the cost of 64.
        stages: Of the network (Table 1).
        local: Convolutional branch (Table 2).
        global_branch: Transformer branch (Table 2).
        fusion: Dual-branch fusion (Table 2).
        heads: Auxiliary heads (Table 2).
        downsampling: "code" or "paper" (``Architecture``).
        interpolation: "nearest" (code) or "bilinear" (paper).
        plain_projection: False (code) or True (paper).
        head_weights: Loss weights of the auxiliary heads, from the first stage on (Table 3); heads beyond them take the
            last one.
        bfloat16: Run the network in half precision while training: a quarter less time where the processor has it.
    """

    image_size: int = 64
    stages: Literal[3, 4, 5] = 4
    local: bool = True
    global_branch: bool = True
    fusion: bool = True
    heads: bool = True
    downsampling: Literal["code", "paper"] = "code"
    interpolation: Literal["nearest", "bilinear"] = "nearest"
    plain_projection: bool = False
    head_weights: tuple[float, ...] = (0.4, 0.6, 0.8)
    bfloat16: bool = False

    name: ClassVar[str] = NAME
    version: ClassVar[int] = VERSION

    def __post_init__(self) -> None:
        if not self.head_weights or min(self.head_weights) < 0:
            raise TrainingError(f"head_weights needs at least one weight, none negative; got {self.head_weights}")

    @property
    def architecture(self) -> Mapping[str, Any]:
        """The switches of the paper's tables, and those of paper against code."""
        chosen = {each.name: getattr(self, each.name) for each in fields(Architecture)}
        return asdict(Architecture(**chosen))

    def network(self) -> nn.Module:
        """A fresh network."""
        return LgffNetwork(Architecture(**self.architecture))

    def labels(self, network: nn.Module, images: Tensor) -> Tensor:
        """Of the main head."""
        found: Tensor = network(WHITE * images)[0]
        return found

    def losses(self, network: nn.Module, source: Source) -> Losses:
        """Weighted sum over the heads."""
        images, wanted = self.examples(source)
        with torch.autocast(source.device.type, torch.bfloat16, enabled=self.bfloat16):
            predicted: tuple[Tensor, ...] = network(WHITE * images)
        main, *helped = ((each.float() - wanted).abs().mean() for each in predicted)
        total = main
        for index, loss in enumerate(helped):
            total = total + self.head_weights[min(index, len(self.head_weights) - 1)] * loss
        return {"total": total, "main": main}
