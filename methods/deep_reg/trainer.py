"""How Deep-reg learns: the gradient of its distance is taught the geodesic's direction, volume branch included."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from bench.geometry import Camera, Matrix, rotation_angle_deg
from bench.learn import Plan, Population, Problems, Scene, Source, one_cycle
from bench.learn.descent import Descended, Descent, descend
from bench.learn.distance import scaled
from bench.learn.pose_gradient import PoseChart, direction_losses, lengths

from .features import FeatureVolume, features_of, input_volume
from .network import RegiNet

NAME = "deep_reg"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class DeepRegTrainer:
    """Settings of a training.

    Attributes:
        image: Pixels along an edge; divides the detector's. The paper's is 128.
        longest: Voxels along the longest axis of the volume; the paper's is 128.
        depth_scale: mm along the beam that count as one across.
        pairs: Pairs of poses of one patient a step; the paper's batch is 2.
        rotation_deg: Standard deviation of the offset between the poses of a pair, about each axis.
        translation_mm: Same, across the beam; along it ``depth_scale`` times that.
        nearest: Offsets are multiplied by a number drawn evenly from here ...
        farthest: ... to here.
        rate_at_most: Peak learning rate; low, for two encoders that drift apart lose the pose in their difference.
        weight_decay: Of AdamW.
    """

    image: int = 128
    longest: int = 64
    depth_scale: float = 4.0
    pairs: int = 3
    rotation_deg: float = 6.0
    translation_mm: float = 8.0
    nearest: float = 0.1
    farthest: float = 1.5
    rate_at_most: float = 2e-5
    weight_decay: float = 0.01
    population: Population = field(
        default_factory=lambda: Population(patients=160, active=16, steps_per_patient=25, validation_patients=6)
    )
    scene: Scene = field(default_factory=Scene)
    plan: Plan = field(default_factory=lambda: Plan(seed=4, clip_norm=10.0, average=0.99, validate_minutes=30.0))

    name: ClassVar[str] = NAME
    version: ClassVar[int] = VERSION
    volume_shape: ClassVar[tuple[int, ...]] = ()

    @property
    def architecture(self) -> Mapping[str, Any]:
        """What inference must know."""
        return {"image": self.image, "longest": self.longest, "depth_scale": self.depth_scale}

    @property
    def camera(self) -> Camera:
        """The scene's, binned to the network's pixels."""
        return self.scene.camera.binned(self.scene.camera.height // self.image)

    def network(self) -> nn.Module:
        """A fresh network."""
        return RegiNet()

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """AdamW at the peak rate."""
        return torch.optim.AdamW(network.parameters(), lr=self.rate_at_most, weight_decay=self.weight_decay)

    def rate(self, step: int, progress: float) -> float:
        """Up over the first twentieth of the budget, then down along a cosine."""
        return one_cycle(progress, warm_up=0.05)

    def losses(self, network: nn.Module, source: Source) -> Mapping[str, Tensor]:
        """Squared distances of unit gradients, of rotation and of translation."""
        net = _checked(network)
        problems = source.problems(source.patients(1)[0], self.pairs, camera=self.camera)
        volume = features_of(net, *self._input(problems))
        chart = PoseChart(self.starts(problems), problems.patient.frame.centre, self.depth_scale)
        vector = torch.zeros(self.pairs, 6, dtype=torch.float64, requires_grad=True)
        moving = volume.project(chart.pose(vector), problems.camera)
        fixed = scaled(problems.images)
        net.gather(fixed, scaled(moving))
        (slopes,) = torch.autograd.grad(net.distance(net.fixed(fixed), moving).sum(), [vector], create_graph=True)
        wanted = torch.as_tensor(chart.geodesic_gradient(np.zeros((self.pairs, 6)), problems.truth_pose))
        # The gradient of a squared distance is twice the way.
        net.calibrate(lengths(slopes.detach()), lengths(wanted) / 2)
        rotation, translation = (each.mean() for each in direction_losses(slopes, wanted))
        return {"total": rotation + translation, "rotation": rotation, "translation": translation}

    def validate(self, network: nn.Module, source: Source) -> Mapping[str, float]:
        """Where descents end on held-out patients, from one start each, beside where they began."""
        net, before, after = _checked(network), list[Matrix](), list[Matrix]()
        for patient in source.patients():
            problems = source.problems(patient, 1, camera=self.camera)
            start = self.starts(problems)[0]
            with torch.no_grad():
                volume = features_of(net, *self._input(problems))
            found = refined(net, volume, problems, PoseChart(start[None], patient.frame.centre, self.depth_scale))
            before.append(_errors(problems, start))
            after.append(_errors(problems, found.pose))
        names = ("rotation_deg", "in_plane_mm", "depth_mm")
        ends, starts = np.mean(after, axis=0), np.mean(before, axis=0)
        better = np.all(np.array(after)[:, :2] < np.array(before)[:, :2], axis=1)
        return {
            **{name: float(ends[at]) for at, name in enumerate(names)},
            **{f"start_{name}": float(starts[at]) for at, name in enumerate(names)},
            "share_better": float(better.mean()),
        }

    def starts(self, problems: Problems) -> Matrix:
        """Poses (B, 4, 4) about the truths, at the offsets that are learnt from."""
        count = len(problems.truth)
        factor = problems.random.uniform(self.nearest, self.farthest, size=(count, 1))
        widths = np.repeat([np.radians(self.rotation_deg), self.translation_mm], 3)
        offset = factor * problems.random.normal(size=(count, 6)) * widths
        chart = PoseChart(problems.truth_pose, problems.patient.frame.centre, self.depth_scale)
        return chart.pose(torch.as_tensor(offset)).numpy()

    def _input(self, problems: Problems) -> tuple[Tensor, Matrix]:
        volume, affine = input_volume(problems.patient.moving_map, self.longest)
        return volume.to(problems.images.device), affine


def refined(network: RegiNet, volume: FeatureVolume, problems: Problems, chart: PoseChart) -> Descended:
    """One descent towards the first image."""
    with torch.no_grad():
        fixed = network.fixed(scaled(problems.images[:1]))

    def distance(poses: Tensor) -> Tensor:
        return network.distance(fixed, volume.project(poses, problems.camera))

    return descend(distance, chart, network.gains(), Descent(seconds=None, freeze=False))


def _checked(network: nn.Module) -> RegiNet:
    if not isinstance(network, RegiNet):
        raise TypeError(f"Deep-reg's trainer trains RegiNet; got {type(network).__name__}")
    return network


def _errors(problems: Problems, pose: Matrix) -> Matrix:
    """Rotation (degrees), displacement of the centre in the image's plane and along the beam (mm)."""
    truth, centre = problems.truth_pose[0], problems.patient.frame.centre
    shift = (pose[:3, :3] @ centre + pose[:3, 3]) - (truth[:3, :3] @ centre + truth[:3, 3])
    return np.array([rotation_angle_deg(pose, truth), np.hypot(shift[0], shift[1]), abs(shift[2])])
