"""Training of ResRegNet: binarised low-dose images of one vertebra of one patient."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from bench.learn import Losses, Source
from bench.learn.vertebra_trainer import VertebraTrainer

from .binary import binarised
from .network import ResRegNetwork

NAME = "res_reg_net"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ResRegTrainer(VertebraTrainer):
    """Mean absolute error on images that are binarised after their degradation."""

    name: ClassVar[str] = NAME
    version: ClassVar[int] = VERSION

    def network(self) -> nn.Module:
        """A fresh network."""
        return ResRegNetwork(self.image_size)

    def labels(self, network: nn.Module, images: Tensor) -> Tensor:
        """Of images before they are binarised."""
        found: Tensor = network(binarised(images))
        return found

    def losses(self, network: nn.Module, source: Source) -> Losses:
        """L1 on the labels."""
        images, wanted = self.examples(source)
        return {"total": (self.labels(network, images) - wanted).abs().mean()}
