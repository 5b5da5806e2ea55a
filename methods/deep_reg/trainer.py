"""Training of Deep-reg: the gradient of its distance is trained towards the geodesic's, volume branch included."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from bench.geometry import Camera, Matrix
from bench.learn import Plan, Population, PreparedPatient, Problems, Scene, Source, one_cycle, scene_of
from bench.learn.descent import Descended, Descent, descend
from bench.learn.descent_training import descent_errors, descent_figures, offsets
from bench.learn.distance import scaled
from bench.learn.pose_gradient import PoseChart, direction_losses, lengths

from .features import FeatureVolume, features_of, input_volume
from .network import Architecture, RegiNet

NAME = "deep_reg"
VERSION = 1

_TINY = 1e-8
# Learning rate of the 3D branch as a share of the encoders'.
_BRANCH_RATE = 0.1


@dataclass(frozen=True, kw_only=True)
class DeepRegTrainer:
    """Settings of a training.

    Attributes:
        image: Pixels along an edge; divides the detector's. The paper's is 128.
        longest: Voxels along the longest axis of the volume at most, as in the paper. Coarser projections are blurred,
            and the smallest distance to a sharp X-ray then lies at another depth.
        depth_scale: mm along the beam that count as one across.
        shared: One 2D encoder for both images; off = two, as published. Two drift apart from the first step on: Adam
            moves every weight by the learning rate, in each encoder another way, and their difference then hides the
            pose's. The smallest distance leaves the truth, first of all in depth.
        pairs: Pairs of poses of one patient a step; the paper's batch is 2.
        rotation_deg: Standard deviation of the offset between the poses of a pair, about each axis.
        translation_mm: Same, across the beam.
        depth_mm: Same, along it.
        nearest: Offsets are multiplied by a number drawn uniformly from here ...
        farthest: ... to here.
        max_learning_rate: Peak learning rate; that of the 3D branch is a tenth of it, for the X-ray does not pass
            through it. Two encoders drift apart at 2e-5 already.
        weight_decay: Of AdamW.
        match: Weight of a second loss: the fixed image's features must be those of the projection at the truth. It is
            for two encoders, where the X-ray shows more than the volume.
        held_out_starts: Starts of each held-out patient from which a validation descends.
    """

    image: int = 128
    longest: int = 128
    depth_scale: float = 4.0
    shared: bool = True
    pairs: int = 3
    rotation_deg: float = 6.0
    translation_mm: float = 8.0
    depth_mm: float = 32.0
    nearest: float = 0.1
    farthest: float = 1.5
    max_learning_rate: float = 2e-4
    weight_decay: float = 0.01
    match: float = 0.0
    held_out_starts: int = 1
    population: Population = field(
        default_factory=lambda: Population(patients=160, active=16, steps_per_patient=25, validation_patients=6)
    )
    scene: Scene = field(default_factory=lambda: scene_of("sopi-sim", start=None))
    plan: Plan = field(default_factory=lambda: Plan(seed=4, clip_norm=10.0, average=0.99, validate_minutes=30.0))

    name: ClassVar[str] = NAME
    version: ClassVar[int] = VERSION
    volume_shape: ClassVar[tuple[int, ...]] = ()

    @property
    def architecture(self) -> Mapping[str, Any]:
        """What inference must know."""
        return asdict(
            Architecture(image=self.image, longest=self.longest, depth_scale=self.depth_scale, shared=self.shared)
        )

    @property
    def camera(self) -> Camera:
        """The scene's, binned to the network's pixels."""
        return self.scene.camera.binned(self.scene.camera.height // self.image)

    def network(self) -> nn.Module:
        """A fresh network."""
        return RegiNet(shared=self.shared)

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """AdamW at the peak rates."""
        net = _checked(network)
        encoders = [each for name, each in net.named_parameters() if not name.startswith("volume.")]
        branch = {"params": [*net.volume.parameters()], "lr": _BRANCH_RATE * self.max_learning_rate}
        groups: list[dict[str, Any]] = [{"params": encoders}, branch]
        return torch.optim.AdamW(groups, lr=self.max_learning_rate, weight_decay=self.weight_decay)

    def rate(self, step: int, progress: float) -> float:
        """Up over the first twentieth of the budget, then down along a cosine."""
        return one_cycle(progress, warm_up=0.05)

    def losses(self, network: nn.Module, source: Source) -> Mapping[str, Tensor]:
        """Squared distances of unit gradients, of rotation and of translation; with ``match``, of features too."""
        net, patient = _checked(network), self.patient(source)
        problems = self.problems(source, patient, self.pairs)
        images = scaled(problems.images)
        volume = features_of(net, *self._input(problems))
        chart = PoseChart(self.starts(problems), problems.patient.frame.centre, self.depth_scale)
        vector = torch.zeros(self.pairs, 6, dtype=torch.float64, requires_grad=True)
        moving = volume.project(chart.pose(vector), problems.camera)
        net.gather(images, scaled(moving))
        fixed = net.fixed(images)
        (slopes,) = torch.autograd.grad(net.distance(fixed, moving).sum(), [vector], create_graph=True)
        wanted = torch.as_tensor(chart.geodesic_gradient(np.zeros((self.pairs, 6)), problems.truth_pose))
        # The gradient of a squared distance is twice the way.
        net.calibrate(lengths(slopes.detach()), lengths(wanted) / 2)
        apart = torch.stack(direction_losses(slopes, wanted), dim=1)
        total = steadied(apart, lengths(slopes.detach())).sum()
        parts: dict[str, Tensor] = dict(zip(("rotation", "translation"), apart.mean(dim=0), strict=True))
        if self.match > 0:
            parts["match"] = mismatch(net, volume, problems, fixed)
            total = total + self.match * parts["match"]
        return {"total": total, **parts}

    def patient(self, source: Source) -> PreparedPatient:
        """The patient of a training step."""
        return source.patients(1)[0]

    def held_out(self, source: Source) -> Sequence[PreparedPatient]:
        """Patients of a validation."""
        return source.patients()

    def problems(self, source: Source, patient: PreparedPatient, count: int) -> Problems:
        """Problems of a patient, at the network's pixels."""
        return source.problems(patient, count, camera=self.camera)

    def validate(self, network: nn.Module, source: Source) -> Mapping[str, float]:
        """Errors after descents on held-out patients, beside those of their starts."""
        net, before, after = _checked(network), list[Matrix](), list[Matrix]()
        for patient in self.held_out(source):
            problems = self.problems(source, patient, self.held_out_starts)
            with torch.no_grad():
                volume = features_of(net, *self._input(problems))
            for number, start in enumerate(self.starts(problems)):
                chart = PoseChart(start[None], patient.frame.centre, self.depth_scale)
                found = refined(net, volume, problems, chart, number)
                before.append(descent_errors(problems, number, start))
                after.append(descent_errors(problems, number, found.pose))
        return descent_figures(np.array(before), np.array(after))

    def starts(self, problems: Problems) -> Matrix:
        """Poses (B, 4, 4) about the truths, at the offsets that are learnt from."""
        across, along = [self.translation_mm] * 2, self.depth_mm / self.depth_scale
        widths = np.array([*[np.radians(self.rotation_deg)] * 3, *across, along])
        offset = offsets(problems, widths, nearest=self.nearest, farthest=self.farthest)
        chart = PoseChart(problems.truth_pose, problems.patient.frame.centre, self.depth_scale)
        return chart.pose(torch.as_tensor(offset)).numpy()

    def _input(self, problems: Problems) -> tuple[Tensor, Matrix]:
        volume, affine = input_volume(problems.patient.moving_map, self.longest)
        return volume.to(problems.images.device), affine


def steadied(apart: Tensor, slope: Tensor) -> Tensor:
    """Means (2,) of direction losses (B, 2) in which a pair counts by its gradient's length.

    The derivative of a unit vector grows as its length shrinks: unweighted, the one pair whose gradient happens to be
    next to nothing has a hundred times the weight of the others, and its direction is noise.
    """
    return (apart * slope / slope.mean(dim=0, keepdim=True)).mean(dim=0)


def mismatch(network: RegiNet, volume: FeatureVolume, problems: Problems, fixed: Tensor) -> Tensor:
    """Squared distance between features of X-rays and of the projections at their truths, in variances of the latter.

    The projection is the model: only the X-ray's encoder is trained.
    """
    with torch.no_grad():
        moving = volume.project(torch.as_tensor(problems.truth_pose), problems.camera)
        wanted = network.moving(scaled(moving))
        spread = wanted.var(dim=(0, 2, 3), keepdim=True).mean()
    apart: Tensor = (fixed - wanted).square().mean() / spread.clamp_min(_TINY)
    return apart


def refined(
    network: RegiNet, volume: FeatureVolume, problems: Problems, chart: PoseChart, number: int = 0
) -> Descended:
    """One descent towards one of the images."""
    with torch.no_grad():
        fixed = network.fixed(scaled(problems.images[number : number + 1]))

    def distance(poses: Tensor) -> Tensor:
        return network.distance(fixed, volume.project(poses, problems.camera))

    return descend(distance, chart, network.gains(), Descent(freeze=False))


def _checked(network: nn.Module) -> RegiNet:
    if not isinstance(network, RegiNet):
        raise TypeError(f"Deep-reg's trainer trains RegiNet; got {type(network).__name__}")
    return network
