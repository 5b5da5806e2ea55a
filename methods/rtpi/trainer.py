"""Training of RTPI: eq. 5, L = alpha L_sim + L_mse + lambda R, over procedural patients."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from bench.drr import AttenuationMap
from bench.drr.autograd import project_differentiable
from bench.geometry import Matrix, PoseFrame, rotation_angle_deg
from bench.geometry.pose_torch import pose_from_theta
from bench.learn import (
    MixedScene,
    Plan,
    Population,
    PreparedPatient,
    Problems,
    Scene,
    Source,
    TrainingError,
    WeightsError,
    one_cycle,
    scene_of,
    warped,
    with_body,
)
from bench.similarity import similarity

from .inputs import image_input, volume_input
from .network import Rtpi, Shape

VERSION = 1
# Outputs reach this many standard deviations of the distribution of the poses.
REACH = 3.5
# Share of the patients that lie turned at the nominal pose.
_TURNED = 0.5
_LARGEST_VOXEL_MM = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture(Shape):
    """What the network is built from, how its volume is made and what its outputs mean.

    Attributes:
        voxel_mm: Of the network's volume.
        reach: Half-widths of the outputs about the nominal pose, degrees and mm.
    """

    voxel_mm: float
    reach: tuple[float, ...]

    def __post_init__(self) -> None:
        Shape.__post_init__(self)
        if not 0 < self.voxel_mm <= _LARGEST_VOXEL_MM:
            raise TrainingError(f"voxel_mm should be above 0 and at most {_LARGEST_VOXEL_MM:g}; got {self.voxel_mm}")


@dataclass(frozen=True, kw_only=True)
class RtpiTrainer:
    """Trains RTPI.

    Attributes:
        shape: Of the network; ``methods.rtpi.network.PAPER`` is the paper's.
        voxel_mm: Of the network's volume.
        patients: Patients a step.
        poses: Poses of each.
        similarity: alpha of eq. 5: weight of 1 - gradient difference.
        compared: Poses of each patient that L_sim is computed for.
        rendered: Pixels along an edge of the images that L_sim compares and that the inputs are pooled from.
        max_learning_rate: Peak learning rate.
        weight_decay: lambda of eq. 5, decoupled (AdamW).
        augment: Scale of the random linear maps that make other patients of one; 0 = none.
        turned_deg: Standard deviation, about each axis, of how a patient lies at the nominal pose; for half of them.
    """

    name: ClassVar[str] = "rtpi"
    version: ClassVar[int] = VERSION

    shape: Shape = field(default_factory=lambda: Shape(local=True))
    voxel_mm: float = 3.5
    patients: int = 3
    poses: int = 12
    similarity: float = 0.05
    compared: int = 4
    rendered: int = 128
    max_learning_rate: float = 2e-3
    weight_decay: float = 0.01
    augment: float = 1.0
    turned_deg: float = 5.0
    population: Population = field(
        default_factory=lambda: Population(patients=240, active=16, steps_per_patient=20, validation_patients=12)
    )
    scene: Scene = field(default_factory=lambda: with_body(scene_of("sopi-sim", start=None)))
    plan: Plan = field(default_factory=lambda: Plan(seed=7, average=0.998, validate_minutes=10.0))

    @property
    def architecture(self) -> Mapping[str, Any]:
        """What the network is built from, and the range of its outputs."""
        built = Architecture(**asdict(self.shape), voxel_mm=self.voxel_mm, reach=self.reach)
        return _listed(asdict(built))

    @property
    def volume_shape(self) -> tuple[int, ...]:
        """Voxels that the network sees; any volume is resampled to them."""
        return self.shape.volume

    @property
    def sigma(self) -> Matrix:
        """Standard deviations of the distribution of the poses, degrees and mm."""
        truth = self.scene.truth
        return np.array(truth.width) / (1.0 if truth.kind == "normal" else np.sqrt(3.0))

    @property
    def reach(self) -> tuple[float, ...]:
        """Half-widths of the outputs about the nominal pose, degrees and mm."""
        truth = self.scene.truth
        return tuple(float(w) * (REACH if truth.kind == "normal" else 1.1) for w in truth.width)

    def network(self) -> nn.Module:
        """A fresh network."""
        return Rtpi(self.shape)

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """AdamW; biases and normalisations are not decayed."""
        parameters = list(network.parameters())
        groups = [
            {"params": [each for each in parameters if each.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.max_learning_rate)

    def rate(self, step: int, progress: float) -> float:
        """One cycle over the budget."""
        return one_cycle(progress, warm_up=0.05)

    def losses(self, network: nn.Module, source: Source) -> Mapping[str, Tensor]:
        """Eq. 5 without its last term, which is the optimiser's weight decay."""
        patients = [self._another(each, source) for each in source.patients(self.patients)]
        problems = [self._problems(each, source, self.poses) for each in patients]
        predicted = self.predict(network, problems, source.device)
        truth = torch.as_tensor(np.concatenate([each.truth for each in problems]), dtype=torch.float32)
        scale = torch.as_tensor(self.sigma, dtype=torch.float32, device=source.device)
        squares = ((predicted - truth.to(source.device)) / scale).square().mean()
        losses = {"mse": squares, "similarity": self._similarity(predicted, problems)}
        return {"total": losses["mse"] + self.similarity * losses["similarity"], **losses}

    def validate(self, network: nn.Module, source: Source) -> Mapping[str, float]:
        """Errors on held-out patients, beside those of the nominal pose; ``body_``: where the whole body is seen."""
        figures = self._held_out(network, source, body=False)
        if isinstance(self.scene, MixedScene):
            seen = self._held_out(network, source, body=True)
            figures |= {f"body_{name}": value for name, value in seen.items()}
        return figures

    def _held_out(self, network: nn.Module, source: Source, *, body: bool) -> dict[str, float]:
        problems = [self._problems(each, source, 12, body=[body] * 12) for each in source.patients()]
        with torch.no_grad():
            predicted = self.predict(network, problems, source.device).cpu().double().numpy()
        truth = np.concatenate([each.truth for each in problems])
        return _figures(predicted, truth, problems)

    def predict(self, network: nn.Module, problems: list[Problems], device: torch.device) -> Tensor:
        """Theta (P * B, 6), degrees and mm."""
        if not isinstance(network, Rtpi):
            raise TypeError(f"RTPI's trainer trains Rtpi; got {type(network).__name__}")
        volumes = torch.stack([self.volume(each.patient) for each in problems]).to(device)
        images = self.image(torch.cat([each.images for each in problems]))
        reach = torch.as_tensor(self.reach, dtype=torch.float32, device=device)
        output: Tensor = network(network.volume_features(volumes), images)
        return (2 * output.float() - 1) * reach

    def volume(self, patient: PreparedPatient) -> Tensor:
        """The network's view of a patient."""
        return self.grid(patient.moving_map, patient.frame)

    def grid(self, attenuation: AttenuationMap, frame: PoseFrame) -> Tensor:
        """The volume as input of the network, (1, D, H, W), in the frame's nominal view."""
        return volume_input(
            attenuation, frame.nominal, centre=frame.centre, shape=self.shape.volume, voxel_mm=self.voxel_mm
        )

    def image(self, images: Tensor) -> Tensor:
        """Line integrals (B, 1, H, W) as input of the network."""
        return image_input(images, self.shape.image, local=self.shape.local)

    def _problems(
        self, patient: PreparedPatient, source: Source, count: int, *, body: Sequence[bool] | None = None
    ) -> Problems:
        camera = self.scene.camera.binned(max(1, self.scene.camera.height // self.rendered))
        return source.problems(patient, count, camera=camera, body=body)

    def _similarity(self, predicted: Tensor, problems: list[Problems]) -> Tensor:
        """Mean of 1 - GD over the first ``compared`` poses of each patient whose image shows what is projected."""
        losses, gradient_difference = list[Tensor](), similarity("gd")
        for theta, each in zip(predicted.reshape(len(problems), -1, 6), problems, strict=True):
            rows = np.flatnonzero(~each.body)[: self.compared].tolist()
            if self.similarity == 0 or not rows:
                continue
            moving = project_differentiable(
                each.patient.moving_map, pose_from_theta(theta[rows], each.patient.frame), each.camera
            )
            pairs = zip(each.images[rows], moving.to(each.images.device), strict=True)
            losses += [1 - gradient_difference(fixed[None], image[None])[0] for fixed, image in pairs]
        return torch.stack(losses).mean() if losses else predicted.new_zeros(())

    def _another(self, patient: PreparedPatient, source: Source) -> PreparedPatient:
        if self.augment == 0:
            return patient
        random = source.random("another", patient.id)
        linear = _linear(random, self.augment)
        lies = Rotation.from_rotvec(random.normal(0, self.turned_deg, 3), degrees=True).as_matrix()
        return warped(patient, lies @ linear if random.random() < _TURNED else linear)


def _linear(random: np.random.Generator, amount: float) -> Matrix:
    """Mirror left and right, scale, stretch, shear: other sizes, other curvatures."""
    size = np.exp(amount * (random.normal(0, 0.06) + random.normal(0, 0.025, 3)))
    shear = np.eye(3) + amount * random.normal(0, 0.03, (3, 3)) * (1 - np.eye(3))
    mirror = np.diag([random.choice([-1.0, 1.0]), 1.0, 1.0])
    return np.asarray(shear @ np.diag(size) @ mirror)


def _figures(predicted: Matrix, truth: Matrix, problems: list[Problems]) -> dict[str, float]:
    """Means over axes (as the paper's), mean rotation angle and displacement; the same of the nominal pose."""
    error, nominal = np.abs(predicted - truth), np.abs(truth)
    count = len(truth) // len(problems)
    answers = np.concatenate(
        [each.patient.frame.pose(predicted[i * count : (i + 1) * count]) for i, each in enumerate(problems)]
    )
    truths = np.concatenate([each.truth_pose for each in problems])
    angles = [rotation_angle_deg(a[:3, :3], t[:3, :3]) for a, t in zip(answers, truths, strict=True)]
    return {
        "rotation_axis_mean_deg": float(error[:, :3].mean()),
        "translation_axis_mean_mm": float(error[:, 3:].mean()),
        "rotation_ratio_to_nominal": float(error[:, :3].mean() / nominal[:, :3].mean()),
        "translation_ratio_to_nominal": float(error[:, 3:].mean() / nominal[:, 3:].mean()),
        "rotation_angle_deg": float(np.mean(angles)),
        "translation_mm": float(np.linalg.norm(error[:, 3:], axis=1).mean()),
        "depth_mm": float(error[:, 5].mean()),
    }


def trainer_of(architecture: Architecture) -> RtpiTrainer:
    """The trainer whose network a weights' card describes.

    Raises:
        WeightsError: Its outputs mean something else here.
    """
    shape = Shape(**{each.name: getattr(architecture, each.name) for each in fields(Shape)})
    if architecture.reach != RtpiTrainer().reach:
        raise WeightsError(
            f"these weights answer within {architecture.reach}, this program within {RtpiTrainer().reach}; train again"
        )
    return replace(RtpiTrainer(), shape=shape, voxel_mm=architecture.voxel_mm)


def _listed(table: Mapping[str, Any]) -> dict[str, Any]:
    """As a card gives it back: lists for tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(table))
    return plain
