"""LGFF-Reg as a method."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn

from bench.geometry import Matrix
from bench.learn import Weights
from bench.learn.single_view import SingleViewRegressor
from bench.learn.vertebra_trainer import UNITS

from .network import Architecture, LgffNetwork
from .trainer import NAME, VERSION, WHITE


@dataclass(frozen=True, kw_only=True)
class LgffReg(SingleViewRegressor):
    """One pass through the network."""

    name: ClassVar[str] = NAME
    version: ClassVar[int] = VERSION
    folder: ClassVar[Path] = Path(__file__).parent / "weights"

    def build(self, loaded: Weights) -> nn.Module:
        """The network of a card's architecture, with its weights."""
        architecture = loaded.architecture(Architecture)
        return loaded.network(lambda: LgffNetwork(architecture))

    def predict(self, network: nn.Module, image: Tensor) -> Matrix:
        """Theta (6,), degrees and mm, of an image (1, 1, S, S) from 0 to 1."""
        theta: Matrix = UNITS.theta(network(WHITE * image)[0])[0]
        return theta
