"""Who is learnt from: patients of a dataset, staged as a protocol stages them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from bench import registry
from bench.contract import Dataset, Patient, Split
from bench.drr import AttenuationMap
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, compose, nominal_pose
from bench.learn.body import BodyXrays
from bench.learn.errors import TrainingError
from bench.perturb import PoseDistribution
from bench.volume import Volume
from bench.volume.content import with_content
from bench.volume.region import crop_to_label, crop_to_lumbar
from bench.xray import Materials


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The X-ray set-up that problems are drawn for; the defaults are those of ``sopi-sim``.

    Attributes:
        camera: Intrinsics of the one view.
        view: Nominal orientation.
        depth_mm: Source to rotation centre at the nominal pose.
        truth: Distribution of the true pose (our names), about the nominal pose.
        search: Half-widths about the nominal pose that hold the truth, degrees and mm; draws beyond are redrawn.
        start: Distribution of the start, or None where the method needs none.
        photons: Per pixel before the logarithm; None = no noise.
        body: X-rays of the whole body among the problems; None = every target is the population's.
    """

    camera: Camera = field(
        default_factory=lambda: Camera.centred(sdd_mm=1011.7, height=256, width=256, spacing_mm=0.79836)
    )
    view: StandardView = StandardView.AP
    depth_mm: float = 700.0
    truth: PoseDistribution = field(default_factory=lambda: PoseDistribution("normal", (6.0, 6.0, 6.0, 9.0, 4.5, 30.0)))
    search: tuple[float, ...] = (24.0, 24.0, 24.0, 36.0, 18.0, 120.0)
    start: PoseDistribution | None = None
    photons: float | None = 20_000.0
    body: BodyXrays | None = None

    def described(self) -> dict[str, Any]:
        """Everything that makes a difference, as plain values; without bodies as it was before there were any."""
        body = {} if self.body is None else {"body": self.body.described()}
        return {
            **body,
            "camera": camera_table(self.camera),
            "view": self.view.name,
            "depth_mm": self.depth_mm,
            "truth": _law_table(self.truth),
            "search": list(self.search),
            "start": {} if self.start is None else _law_table(self.start),
            "photons": 0.0 if self.photons is None else self.photons,
        }


@dataclass(frozen=True, kw_only=True)
class Population:
    """Which patients are trained and validated on, and what is seen of them.

    Attributes:
        dataset: Plug-in name.
        settings: Of the dataset.
        patients: Training patients: the first so many of the training split.
        validation_patients: The first so many of the validation split.
        active: Patients in use at a time; the oldest makes room for the next one.
        steps_per_patient: Steps between two arrivals.
        region: As in a protocol: ``lumbar``, ``whole`` or a label's name.
        target: Content that the X-ray sees.
        moving: Content that the method is handed.
        margin_mm: Round the region's labels.
    """

    dataset: str = "phantom"
    settings: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    patients: int = 300
    validation_patients: int = 8
    active: int = 8
    steps_per_patient: int = 20
    region: str = "lumbar"
    target: str = "bone"
    moving: str = "bone"
    margin_mm: float = 20.0

    def __post_init__(self) -> None:
        if min(self.patients, self.validation_patients, self.active, self.steps_per_patient) < 1:
            raise TrainingError("a population needs at least one patient, one at a time, and one step for each")

    @cached_property
    def source(self) -> Dataset:
        """The dataset plug-in, built."""
        built: Dataset = registry.load("datasets", self.dataset)(**self.settings)
        return built

    def ids(self, split: Split) -> tuple[str, ...]:
        """The patients of a split that are used.

        Raises:
            TrainingError: The test split, which is never trained or validated on.
        """
        if split is Split.TEST:
            raise TrainingError("test patients are for tests: train on 'train', validate on 'validation'")
        wanted = self.patients if split is Split.TRAIN else self.validation_patients
        known = self.source.patient_ids(split)
        return tuple(known[index] for index in range(min(wanted, len(known))))

    def described(self) -> dict[str, Any]:
        """Everything that makes a difference, as plain values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "settings"}
        return {**plain, "settings": {key: str(value) for key, value in self.settings.items()}}

    @property
    def patient_specific(self) -> bool:
        """Whether it is learnt for the very patients it is validated on."""
        return set(self.ids(Split.TRAIN)) == set(self.ids(Split.VALIDATION))

    def stage(self, patient_id: str, scene: Scene) -> "StagedPatient":
        """Load (or generate) a patient and make it ready."""
        return stage(self.source.patient(patient_id), self, scene)


@dataclass(frozen=True, slots=True, eq=False)
class StagedPatient:
    """A patient ready to be rendered.

    Attributes:
        id: Name within the dataset.
        hash: Fingerprint of the whole CT.
        moving: What a method is handed.
        moving_map: Its attenuation.
        target: What the X-ray sees.
        frame: Nominal pose and rotation centre.
        body: The whole body as two tissues, where the scene has X-rays of it; else None.
    """

    id: str
    hash: str
    moving: Volume
    moving_map: AttenuationMap
    target: AttenuationMap
    frame: PoseFrame
    body: Materials | None = None

    def warped(self, linear: Matrix) -> "StagedPatient":
        """Another patient made of this one: x -> centre + linear (x - centre), a 3x3 near the identity.

        Scalings make larger and smaller people, shears other postures, rotations other ways to lie: the nominal pose
        stays where it is. Intensities stay, so that bone does not change its density.
        """
        centre = self.frame.centre
        move = compose(linear, centre - linear @ centre)
        moving_map = _moved(self.moving_map, move)
        target = moving_map if self.target is self.moving_map else _moved(self.target, move)
        body = None if self.body is None else Materials(_moved(self.body.soft, move), _moved(self.body.bone, move))
        moving = replace(self.moving, affine=move @ self.moving.affine)
        return replace(self, moving=moving, moving_map=moving_map, target=target, body=body)


def _moved(attenuation: AttenuationMap, move: Matrix) -> AttenuationMap:
    return AttenuationMap(attenuation.mu, move @ attenuation.affine)


def stage(patient: Patient, population: Population, scene: Scene) -> StagedPatient:
    """Crop a patient to the region, mask its contents and put it before the camera, as a protocol does."""
    region = _region(patient.volume, population.region, population.margin_mm)
    moving = with_content(region, population.moving)
    moving_map = AttenuationMap.from_volume(moving)
    same = population.target == population.moving
    target = moving_map if same else AttenuationMap.from_volume(with_content(region, population.target))
    centre = np.asarray(moving.content_centre())
    frame = PoseFrame(nominal_pose(scene.view, centre, scene.depth_mm), centre)
    body = None if scene.body is None else _body(patient.volume, scene.body, population.margin_mm)
    return StagedPatient(patient.id, patient.hash, moving, moving_map, target, frame, body)


def _body(volume: Volume, xrays: BodyXrays, margin_mm: float) -> Materials:
    seen = with_content(_region(volume, xrays.region, margin_mm), xrays.content)
    return Materials.split(AttenuationMap.from_volume(seen), volume.attenuation)


def patients_hash(hashes: Mapping[str, str]) -> str:
    """One fingerprint (16 hex digits) of all patients met: of their names and contents, whatever the order."""
    text = "\n".join(f"{name} {hashes[name]}" for name in sorted(hashes))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def camera_table(camera: Camera) -> dict[str, Any]:
    """A camera as plain values."""
    K = [[float(number) for number in row] for row in camera.K]
    return {"K": K, "height": camera.height, "width": camera.width, "sdd_mm": camera.sdd_mm or 0.0}


def _law_table(law: PoseDistribution) -> dict[str, Any]:
    return {"kind": law.kind, "width": list(law.width), "about": law.about}


def _region(volume: Volume, name: str, margin_mm: float) -> Volume:
    if name == "whole":
        return volume
    return crop_to_lumbar(volume, margin_mm) if name == "lumbar" else crop_to_label(volume, name, margin_mm)
