"""Zhang's network as a method, with and without its refinement."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor, nn

from bench.contract import Estimate, Problem, View
from bench.geometry import Matrix
from bench.learn import Weights
from bench.learn.single_view import PreparedNetworks, SingleViewRegressor, SquareInput
from bench.learn.vertebra_trainer import UNITS
from bench.register import Prepared
from bench.register.gradient import GradientLevel, GradientSearch
from bench.volume import Volume

from .network import ZhangNetwork
from .trainer import NAME, VERSION


@dataclass(frozen=True, slots=True, eq=False)
class PreparedToRefine(PreparedNetworks):
    """Networks, and the volume that the refinement renders."""

    volume: Prepared


@dataclass(frozen=True, kw_only=True)
class Zhang(SingleViewRegressor):
    """One pass through the network; then, if wanted, Adam on an image similarity from there.

    Attributes:
        refine: ``none``, or what the refinement climbs: ``ncc`` or ``gc`` (the NCC of Sobel responses).
        iterations: Of the refinement: one rendered image with its derivatives each.
        rate: Adam's first step, as a share of the search half-widths (0.1 of 18 degrees and 10 mm).
    """

    name: ClassVar[str] = NAME
    version: ClassVar[int] = VERSION
    folder: ClassVar[Path] = Path(__file__).parent / "weights"

    refine: Literal["none", "ncc", "gc"] = "none"
    iterations: int = 100
    rate: float = 0.1

    def __post_init__(self) -> None:
        if self.refine != "none":
            self._search()

    def build(self, loaded: Weights) -> nn.Module:
        """The network of a card's architecture, with its weights."""
        size = loaded.architecture(SquareInput).image_size
        return loaded.network(lambda: ZhangNetwork(size))

    def predict(self, network: nn.Module, image: Tensor) -> Matrix:
        """Theta (6,), degrees and mm, of an image (1, 1, S, S) from 0 to 1."""
        return np.asarray(UNITS.theta(network(image).pose)[0])

    def prepare(self, volume: Volume, views: Sequence[View]) -> PreparedNetworks:
        """Load the networks that fit the camera, and the volume where it will be rendered."""
        ready = super().prepare(volume, views)
        if self.refine == "none" or not ready.networks:
            return ready
        return PreparedToRefine(ready.networks, self._search().prepare(volume, views))

    def register(self, problem: Problem, prepared: PreparedNetworks) -> Estimate:
        """Predict the pose from the image alone; refine it if wanted.

        Raises:
            WeightsError: An empty image, or no network of this patient.
        """
        predicted = super().register(problem, prepared)
        if not isinstance(prepared, PreparedToRefine):
            return predicted
        refined = self._search().register(replace(problem, start=predicted.pose), prepared.volume)
        seconds = {**predicted.seconds, "refine": sum(refined.seconds.values())}
        return replace(refined, seconds=seconds)

    def _search(self) -> GradientSearch:
        level = GradientLevel(size=0, iterations=self.iterations, rate=self.rate)
        return GradientSearch(similarity=self.refine, optimiser="adam", levels=(level,), starts=1)
