"""Training of SOPI's fine network: the gradient of its distance L_N is fitted to the geodesic's direction (eq. 7)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from bench.drr import project_differentiable
from bench.geometry import Camera, Matrix
from bench.learn import (
    MixedScene,
    Plan,
    Population,
    PreparedPatient,
    Problems,
    Scene,
    Source,
    one_cycle,
    scene_of,
    with_body,
)
from bench.learn.descent import Descended, Descent, descend
from bench.learn.descent_training import descent_errors, descent_figures, offsets
from bench.learn.pose_gradient import PoseChart, direction_losses, lengths

from .network import LEVELS, Architecture, Sopi

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class SopiTrainer:
    """Settings of a training.

    Attributes:
        image: Pixels along an edge; the paper's is 256.
        composite: CE of Table 2.
        masked: EL of Table 2.
        levels: Feature maps that L_N compares.
        split_kernel: Of the split attention.
        depth_scale: mm along the beam that count as one across.
        shared: One encoder for both images.
        contrast: Input of the encoder.
        patients: Patients a step.
        pairs: Pairs of poses of each; the paper's batch is 4 in all.
        rotation_deg: Standard deviation of the offset between the poses of a pair, about each axis.
        translation_mm: Same, across the beam; along it ``depth_scale`` times that.
        nearest: Offsets are multiplied by a number drawn evenly from here ...
        farthest: ... to here, so that the last steps of a registration are learnt too.
        max_learning_rate: Peak learning rate.
        weight_decay: Of AdamW.
    """

    image: int = 128
    composite: bool = True
    masked: bool = True
    levels: tuple[str, ...] = LEVELS
    split_kernel: int = 1
    depth_scale: float = 4.0
    shared: bool = True
    contrast: Literal["range", "local"] = "local"
    patients: int = 2
    pairs: int = 2
    rotation_deg: float = 4.0
    translation_mm: float = 5.0
    nearest: float = 0.1
    farthest: float = 1.5
    max_learning_rate: float = 2e-4
    weight_decay: float = 0.01
    population: Population = field(
        default_factory=lambda: Population(patients=160, active=16, steps_per_patient=25, validation_patients=6)
    )
    scene: Scene = field(default_factory=lambda: with_body(scene_of("sopi-sim", start=None)))
    plan: Plan = field(default_factory=lambda: Plan(seed=3, clip_norm=10.0, average=0.99, validate_minutes=30.0))

    name: ClassVar[str] = "sopi"
    version: ClassVar[int] = VERSION
    volume_shape: ClassVar[tuple[int, ...]] = ()

    @property
    def built(self) -> Architecture:
        """The network's settings."""
        return Architecture(
            image=self.image, composite=self.composite, masked=self.masked, levels=tuple(self.levels),
            split_kernel=self.split_kernel, depth_scale=self.depth_scale, shared=self.shared,
            contrast=self.contrast,
        )  # fmt: skip

    @property
    def architecture(self) -> Mapping[str, Any]:
        """The same, as plain values."""
        return self.built.described()

    @property
    def camera(self) -> Camera:
        """The scene's, binned to the network's pixels."""
        return self.scene.camera.binned(self.scene.camera.height // self.image)

    def network(self) -> nn.Module:
        """A fresh network."""
        return Sopi(self.built)

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """AdamW at the peak rate."""
        return torch.optim.AdamW(network.parameters(), lr=self.max_learning_rate, weight_decay=self.weight_decay)

    def rate(self, step: int, progress: float) -> float:
        """Up over the first twentieth of the budget, then down along a cosine."""
        return one_cycle(progress, warm_up=0.05)

    def losses(self, network: nn.Module, source: Source) -> Mapping[str, Tensor]:
        """Eq. 7 with squared norms: unit gradients of L_N beside unit gradients of the geodesic distance."""
        if not isinstance(network, Sopi):
            raise TypeError(f"SOPI's trainer trains Sopi; got {type(network).__name__}")
        batch = [source.problems(each, self.pairs, camera=self.camera) for each in source.patients(self.patients)]
        rotation, translation, slopes, ways = self._compare(network, batch)
        network.calibrate(slopes, ways)
        parts = {"rotation": rotation.mean(), "translation": translation.mean()}
        return {"total": parts["rotation"] + parts["translation"], **parts}

    def validate(self, network: nn.Module, source: Source) -> Mapping[str, float]:
        """Errors of descents on held-out patients, and of their starts; ``body_``: to X-rays of the whole body."""
        if not isinstance(network, Sopi):
            raise TypeError(f"SOPI's trainer trains Sopi; got {type(network).__name__}")
        kinds = {"": [False], "body_": [True]} if isinstance(self.scene, MixedScene) else {"": [False]}
        figures: dict[str, float] = {}
        for prefix, body in kinds.items():
            problems = [source.problems(each, 1, camera=self.camera, body=body) for each in source.patients()]
            figures |= {f"{prefix}{name}": value for name, value in self._descended(network, problems).items()}
        return figures

    def _descended(self, network: Sopi, problems: list[Problems]) -> dict[str, float]:
        pairs = [(each, 0, self.starts(each)[0]) for each in problems]
        ends = [self.refined(network, each, row, start).pose for each, row, start in pairs]
        before = np.array([descent_errors(each, row, start) for each, row, start in pairs])
        after = np.array([descent_errors(each, row, end) for (each, row, _), end in zip(pairs, ends, strict=True)])
        return descent_figures(before, after)

    def starts(self, problems: Problems) -> Matrix:
        """Poses (B, 4, 4) about the truths, at the offsets that are learnt from."""
        widths = np.repeat([np.radians(self.rotation_deg), self.translation_mm], 3)
        offset = offsets(problems, widths, nearest=self.nearest, farthest=self.farthest)
        return self._chart(problems.patient, problems.truth_pose).pose(torch.as_tensor(offset)).numpy()

    def refined(self, network: Sopi, problems: Problems, row: int, start: Matrix) -> Descended:
        """One descent towards one image."""
        with torch.no_grad():
            fixed = network.features(network.fixed, network.seen(problems.images[row : row + 1]))

        def distance(poses: Tensor) -> Tensor:
            image = project_differentiable(problems.patient.moving_map, poses, problems.camera)
            return network.distance(fixed, image.to(problems.images.device))

        chart = self._chart(problems.patient, start[None])
        return descend(distance, chart, network.gains(), Descent())

    def _compare(self, network: Sopi, batch: list[Problems]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Losses of rotation and translation (B,), lengths of gradients and of ways (B, 2)."""
        vectors, images, wanted = list[Tensor](), list[Tensor](), list[Tensor]()
        for each in batch:
            chart = self._chart(each.patient, self.starts(each))
            vector = torch.zeros(len(each.truth), 6, dtype=torch.float64, requires_grad=True)
            images.append(project_differentiable(each.patient.moving_map, chart.pose(vector), each.camera))
            wanted.append(torch.as_tensor(chart.geodesic_gradient(np.zeros((len(each.truth), 6)), each.truth_pose)))
            vectors.append(vector)
        targets = network.seen(torch.cat([each.images for each in batch]))
        moving = torch.cat(images).to(targets.device)
        network.gather(targets, network.seen(moving))
        value = network.distance(network.features(network.fixed, targets), moving).sum()
        slopes = torch.cat(torch.autograd.grad(value, vectors, create_graph=True))
        true = torch.cat(wanted)
        # The gradient of a squared distance is twice the way.
        return *direction_losses(slopes, true), lengths(slopes.detach()), lengths(true) / 2

    def _chart(self, patient: PreparedPatient, poses: Matrix) -> PoseChart:
        return PoseChart(poses, patient.frame.centre, self.depth_scale)
