"""Training of Zhang's network: pose and gradient image at once, from a set of poses that grows."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from bench.learn import Losses, Source, WeightsError
from bench.learn.vertebra_trainer import UNITS, VertebraTrainer
from bench.perturb import generator
from bench.similarity.derivatives import magnitude, sobel

from .network import ZhangNetwork

NAME = "zhang"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ZhangTrainer(VertebraTrainer):
    """Pose loss and the reconstruction of the gradient image; the poses grow in steps (incremental learning).

    Attributes:
        gradient_weight: Of the reconstruction.
        poses: Of the whole training set; every image of one is degraded anew.
        shares: Of the poses, in use one after another; (1.0,) = all from the start.
        steps_per_share: Steps until the next share.
    """

    gradient_weight: float = 0.1
    poses: int = 10_000
    shares: tuple[float, ...] = (0.25, 0.5, 1.0)
    steps_per_share: int = 400

    name: ClassVar[str] = NAME
    version: ClassVar[int] = VERSION

    def __post_init__(self) -> None:
        if (
            not self.shares
            or min(self.shares) <= 0
            or max(self.shares) > 1
            or min(self.poses, self.steps_per_share) < 1
        ):
            raise WeightsError(
                "incremental learning needs poses, steps_per_share of at least 1 and shares from 0 to 1; "
                f"got {self.poses}, {self.steps_per_share}, {self.shares}"
            )

    def network(self) -> nn.Module:
        """A fresh network."""
        return ZhangNetwork(self.image_size)

    def labels(self, network: nn.Module, images: Tensor) -> Tensor:
        """The pose alone."""
        found: Tensor = network(images).pose
        return found

    def losses(self, network: nn.Module, source: Source) -> Losses:
        """Mean |dr|_2 + mean |dt|_2 (the authors' code), and the reconstruction's mean squared error."""
        images, wanted = self.examples(source)
        found = network(images)
        turn, shift = ((found.pose - wanted)[:, at].norm(dim=1).mean() for at in (slice(0, 3), slice(3, 6)))
        gradient = functional.mse_loss(found.gradient, gradient_image(images))
        total = turn + shift + self.gradient_weight * gradient
        return {"total": total, "rotation": turn, "translation": shift, "gradient": gradient}

    def share_in_use(self, step: int) -> float:
        """Share of the poses that a step draws from; it grows with the steps."""
        return self.shares[min(step // self.steps_per_share, len(self.shares) - 1)]

    def examples(self, source: Source) -> tuple[Tensor, Tensor]:
        """Degraded images (B, 1, S, S) of poses in use, and their labels (B, 6)."""
        random, in_use = source.random("incremental"), max(1, round(self.share_in_use(source.step) * self.poses))
        patient, numbers = source.patients()[0], random.integers(in_use, size=self.batch)
        # A pose follows from its number: the set needs no memory, and is the same in every training of this seed.
        theta = np.concatenate(
            [source.poses(patient, 1, generator(self.plan.seed, "pose", int(each))) for each in numbers]
        )
        images = source.render(patient, patient.frame.pose(theta), camera=source.scene.camera, random=random)
        return self.degraded(images, random), UNITS.labels(theta, source.device)


def gradient_image(images: Tensor) -> Tensor:
    """Sobel magnitude (B, 1, S, S) of images of that shape, each scaled to a largest value of 1."""
    edges = magnitude(*sobel(functional.pad(images, (1, 1, 1, 1), mode="replicate")))
    return edges / edges.amax((2, 3), keepdim=True).clamp_min(1e-6)
