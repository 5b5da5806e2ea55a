"""ResRegNet as a method."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from bench.geometry import Matrix
from bench.learn import Weights
from bench.learn.single_view import SingleViewRegressor, SquareInput
from bench.learn.vertebra_trainer import UNITS

from .binary import binarised
from .network import ResRegNetwork
from .trainer import NAME, VERSION


@dataclass(frozen=True, kw_only=True)
class ResRegNet(SingleViewRegressor):
    """One pass through the network, of the image in black and white."""

    name: ClassVar[str] = NAME
    version: ClassVar[int] = VERSION
    folder: ClassVar[Path] = Path(__file__).parent / "weights"

    def build(self, loaded: Weights) -> nn.Module:
        """The network of a card's architecture, with its weights."""
        size = loaded.architecture(SquareInput).image_size
        return loaded.network(lambda: ResRegNetwork(size))

    def predict(self, network: nn.Module, image: Tensor) -> Matrix:
        """Theta (6,), degrees and mm, of an image (1, 1, S, S) from 0 to 1."""
        return np.asarray(UNITS.theta(network(binarised(image)))[0])
