"""Prepare a patient for its cases: region, contents, rotation centre, camera, landmarks."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bench import registry
from bench.cases.extent import Extent, extent_of
from bench.cases.real import RealTarget, real_targets, unreferenced
from bench.cases.scene import Scene, protocol_scene
from bench.contract import Dataset, LandmarkSet, Patient, Split, View
from bench.drr import AttenuationMap
from bench.errors import FluorobenchError
from bench.geometry import Matrix, PoseFrame, nominal_pose, transform_points, turned_view
from bench.perturb import SamplingConstraints
from bench.volume import Volume
from bench.volume.content import with_content
from bench.volume.landmarks import surface_landmarks
from bench.volume.region import WIDE_REGIONS, crop_to_box, crop_to_label, crop_to_lumbar
from bench.xray import Materials

if TYPE_CHECKING:
    from bench.protocol import Protocol


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPatient:
    """A patient prepared for the cases of a scene.

    Attributes:
        patient: As the dataset gave it, whole.
        scene: Set-up that it was prepared for.
        hash: Fingerprint of the whole patient; where the scene crops it to a box, of the part in the box.
        moving: Volume that methods are given: the region, masked to the moving content.
        moving_map: Its attenuation.
        target: Attenuation of the content of the X-ray.
        materials: The same as two tissues, where images are formed from them; else None.
        extent: Of the target's volume.
        frame: Nominal pose and rotation centre.
        views: Geometry, no images.
        real: The patient's own X-rays where the protocol uses them; empty = simulated ones.
        landmarks: The dataset's, then ``surface``: points spread over the moving content's surface. Where the region
            is one structure, its own surface alone. Empty in a training.
        unreferenced: Names of X-ray acquisitions that are left out because their pose is unknown.
    """

    patient: Patient
    scene: Scene
    hash: str
    moving: Volume
    moving_map: AttenuationMap
    target: AttenuationMap
    materials: Materials | None
    extent: Extent
    frame: PoseFrame
    views: tuple[View, ...]
    real: tuple[RealTarget, ...] = ()
    landmarks: tuple[LandmarkSet, ...] = ()
    unreferenced: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Name within the dataset."""
        return self.patient.id

    def constraints(self, scene: Scene) -> SamplingConstraints:
        """Constraints on the draws of a case; without landmarks the corners of the target represent its content."""
        view, search = self.views[0], np.array(scene.search)
        if not self.landmarks:
            return SamplingConstraints(self.frame, view.camera, view.camera_from_rig, self._corners(), search)
        points, marks = self.landmarks[-1].points, self.landmarks[0].points
        return SamplingConstraints(self.frame, view.camera, view.camera_from_rig, points, search, marks)

    def _corners(self) -> Matrix:
        across, down, along = ((0, size) for size in self.target.shape)
        return transform_points(self.target.affine, [[i, j, k] for i in across for j in down for k in along])


def prepare_patient(scene: Scene, patient: Patient) -> PreparedPatient:
    """Crop a patient to the scene's region, mask its contents and set up the nominal view; without landmarks.

    The rotation centre is the centre of the moving content's bounding box: the structure whose pose is estimated.

    Raises:
        FluorobenchError: A CT with NaN or infinite voxels, or without the structures that the scene needs.
    """
    _require_numbers(patient)
    scene = _of_patient(scene, patient)
    part, moving = _boxed(scene, patient.volume), moving_of(scene, patient.volume)
    moving_map = AttenuationMap.from_volume(moving)
    matched = scene.same_volume
    shown = moving if matched else shown_of(scene, patient.volume)
    target = moving_map if matched else AttenuationMap.from_volume(shown)
    centre = np.asarray(moving.content_centre())
    turned = (turned_view(each, scene.depth_mm) for each in scene.turns_deg)
    return PreparedPatient(
        patient=patient,
        scene=scene,
        hash=patient.hash if scene.box is None else part.fingerprint(),
        moving=moving,
        moving_map=moving_map,
        target=target,
        materials=materials_of(scene, target, patient.volume),
        extent=extent_of(shown),
        frame=PoseFrame(nominal_pose(scene.view, centre, scene.depth_mm), centre),
        views=(View(scene.camera), *(View(scene.camera, each) for each in turned)),
    )


def load_patient(protocol: "Protocol", dataset: Dataset, patient_id: str) -> PreparedPatient:
    """Load a patient of a run and prepare it, with landmarks and, where the protocol uses them, its real X-rays.

    Raises:
        FluorobenchError: See ``prepare_patient``; or no real X-ray has a reference pose.
    """
    prepared = prepare_patient(protocol_scene(protocol), dataset.patient(patient_id))
    landmarks, acquisitions = _landmarks(protocol, prepared), prepared.patient.acquisitions
    if not protocol.target.real:
        return replace(prepared, landmarks=landmarks)
    real = real_targets(acquisitions, protocol.data.views)
    return replace(prepared, landmarks=landmarks, real=real, unreferenced=unreferenced(acquisitions))


def _of_patient(scene: Scene, patient: Patient) -> Scene:
    """A scene with the part of the CT that its patient states."""
    region = scene.region if patient.region is None else patient.region
    return replace(scene, region=region, box=scene.box if patient.box is None else patient.box)


def moving_of(scene: Scene, volume: Volume) -> Volume:
    """The part of a CT that methods are given, masked to its content; it knows the whole CT."""
    part = with_content(region_of(_boxed(scene, volume), scene.region, scene.margin_mm), scene.moving)
    return replace(part, whole=volume)


def target_of(scene: Scene, volume: Volume) -> AttenuationMap:
    """Attenuation of the part of a CT that the X-ray shows."""
    return AttenuationMap.from_volume(shown_of(scene, volume))


def shown_of(scene: Scene, volume: Volume) -> Volume:
    """The part of a CT that the X-ray shows, masked to its content."""
    if scene.target_region is not None:
        part, region = volume, scene.target_region
    else:
        part, region = _boxed(scene, volume), scene.region
    return with_content(region_of(part, region, scene.margin_mm), scene.target)


def materials_of(scene: Scene, target: AttenuationMap, volume: Volume) -> Materials | None:
    """A target as two tissues, where the scene forms images from them."""
    return None if scene.formation is None else Materials.split(target, volume.attenuation)


def _boxed(scene: Scene, volume: Volume) -> Volume:
    return volume if scene.box is None else crop_to_box(volume, *scene.box)


def region_of(volume: Volume, name: str, margin_mm: float) -> Volume:
    """The part of a CT that the name of a region denotes.

    Args:
        volume: The CT.
        name: ``whole``, ``lumbar`` (the box of L1 to L5) or a label's name (the box of that label).
        margin_mm: Added to every side of a box.
    """
    if name == "whole":
        return volume
    return crop_to_lumbar(volume, margin_mm) if name == "lumbar" else crop_to_label(volume, name, margin_mm)


def open_dataset(protocol: "Protocol") -> Dataset:
    """Build the protocol's dataset."""
    dataset: Dataset = registry.build("datasets", protocol.data.dataset, protocol.data.settings)
    return dataset


def patient_ids(protocol: "Protocol", dataset: Dataset) -> list[str]:
    """The patients a protocol uses: the first ones of its split.

    Raises:
        FluorobenchError: The split has fewer patients than the protocol asks for.
    """
    known = dataset.patient_ids(protocol.data.split)
    wanted = protocol.data.patients
    if len(known) < wanted:
        raise FluorobenchError(
            f"{protocol.data.dataset} has {len(known)} {protocol.data.split} patients, the protocol wants {wanted}; "
            f"{_remedy(protocol, dataset, len(known))}"
        )
    return [known[index] for index in range(wanted)]


def _remedy(protocol: "Protocol", dataset: Dataset, known: int) -> str:
    if known:
        return f"set data.patients to {known} or less"
    others = ", ".join(f"{split} {len(dataset.patient_ids(split))}" for split in Split if split != protocol.data.split)
    named = (
        f", or name some in its setting {str(protocol.data.split)!r}" if hasattr(dataset, protocol.data.split) else ""
    )
    return f"set data.split to another one ({others}){named}"


def _require_numbers(patient: Patient) -> None:
    count = int(np.count_nonzero(~np.isfinite(patient.volume.hu)))
    if count:
        raise FluorobenchError(
            f"patient {patient.id}: expected finite Hounsfield numbers, got {count} voxels of NaN or infinity; correct "
            "the CT or the dataset"
        )


def _landmarks(protocol: "Protocol", prepared: PreparedPatient) -> tuple[LandmarkSet, ...]:
    region, moving = prepared.scene.region, prepared.moving
    wide = region in WIDE_REGIONS
    marked = moving if wide else with_content(moving, region)
    points = surface_landmarks(marked, count=protocol.data.landmarks, seed=protocol.seed)
    if wide:
        return (*prepared.patient.landmarks, LandmarkSet("surface", points))
    # Marks elsewhere in the body would measure structures that are not registered.
    return (LandmarkSet(f"{region} surface", points),)
