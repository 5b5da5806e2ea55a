"""From a patient to the stage its cases are played on: region, contents, rotation centre, landmarks."""

from dataclasses import dataclass

import numpy as np

from bench import registry
from bench.contract import Dataset, LandmarkSet, Patient, Split, View
from bench.drr import AttenuationMap
from bench.errors import FluorobenchError
from bench.geometry import Matrix, PoseFrame, nominal_pose
from bench.perturb import SamplingConstraints
from bench.protocol import Protocol
from bench.run.acquired import RealTarget, real_targets, unreferenced
from bench.volume import Volume
from bench.volume.content import with_content
from bench.volume.landmarks import surface_landmarks
from bench.volume.region import WIDE_REGIONS, crop_to_label, crop_to_lumbar
from bench.xray import Materials


@dataclass(frozen=True, slots=True, eq=False)
class StagedPatient:
    """A patient made ready under a protocol.

    Attributes:
        patient: As the dataset gave it, whole.
        moving: What methods are handed: the region, masked to the moving content.
        target: What the X-ray sees.
        materials: The same as two tissues, where the protocol forms images from them; else None.
        frame: Nominal pose and rotation centre.
        views: Geometry, no images.
        real: The patient's own X-rays where the protocol plays on them; empty = simulated ones.
        landmarks: The dataset's, then ``surface``: points spread over the moving content's surface. Where the region
            is one structure, its own surface alone.
        unreferenced: Names of X-ray acquisitions that nobody knows the pose of: they are left out.
    """

    patient: Patient
    moving: Volume
    target: AttenuationMap
    materials: Materials | None
    frame: PoseFrame
    views: tuple[View, ...]
    real: tuple[RealTarget, ...]
    landmarks: tuple[LandmarkSet, ...]
    unreferenced: tuple[str, ...] = ()

    def stage(self, search: Matrix) -> SamplingConstraints:
        """What the draws of a case must respect."""
        view, surface = self.views[0], self.landmarks[-1].points
        return SamplingConstraints(
            self.frame, view.camera, view.camera_from_rig, surface, search, self.landmarks[0].points
        )


def open_dataset(protocol: Protocol) -> Dataset:
    """Build the protocol's dataset."""
    dataset: Dataset = registry.build("datasets", protocol.data.dataset, protocol.data.settings)
    return dataset


def patient_ids(protocol: Protocol, dataset: Dataset) -> list[str]:
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


def _remedy(protocol: Protocol, dataset: Dataset, known: int) -> str:
    if known:
        return f"set data.patients to {known} or less"
    others = ", ".join(f"{split} {len(dataset.patient_ids(split))}" for split in Split if split != protocol.data.split)
    named = (
        f", or name some in its setting {str(protocol.data.split)!r}" if hasattr(dataset, protocol.data.split) else ""
    )
    return f"set data.split to another one ({others}){named}"


def stage_patient(protocol: Protocol, dataset: Dataset, patient_id: str) -> StagedPatient:
    """Load a patient and make it ready.

    The rotation centre is the centre of the moving content's bounding box: the structure whose pose is asked for.

    Raises:
        FluorobenchError: A CT with voxels that are no numbers, or without what the protocol asks for.
    """
    patient = dataset.patient(patient_id)
    _require_numbers(patient)
    data = protocol.data
    region = _region(patient.volume, data.region, data.margin_mm)
    moving = with_content(region, data.moving)
    target, materials = _see(protocol, patient.volume, region)
    centre = np.asarray(moving.content_centre())
    nominal = nominal_pose(protocol.camera.standard_view, centre, protocol.camera.depth_mm)
    frame = PoseFrame(nominal, centre)
    landmarks = _landmarks(protocol, patient, moving)
    real = real_targets(patient.acquisitions, data.views) if protocol.target.real else ()
    left_out = unreferenced(patient.acquisitions) if protocol.target.real else ()
    view = View(protocol.camera.camera)
    return StagedPatient(patient, moving, target, materials, frame, (view,), real, landmarks, left_out)


def _require_numbers(patient: Patient) -> None:
    count = int(np.count_nonzero(~np.isfinite(patient.volume.hu)))
    if count:
        raise FluorobenchError(
            f"patient {patient.id}: expected finite Hounsfield numbers, got {count} voxels of NaN or infinity; mend "
            "the CT or the dataset"
        )


def _landmarks(protocol: Protocol, patient: Patient, moving: Volume) -> tuple[LandmarkSet, ...]:
    data = protocol.data
    wide = data.region in WIDE_REGIONS
    marked = moving if wide else with_content(moving, data.region)
    points = surface_landmarks(marked, count=data.landmarks, seed=protocol.seed)
    if wide:
        return (*patient.landmarks, LandmarkSet("surface", points))
    # Marks elsewhere in the body would measure structures that are not registered.
    return (LandmarkSet(f"{data.region} surface", points),)


def see(protocol: Protocol, volume: Volume) -> tuple[AttenuationMap, Materials | None]:
    """What the X-ray sees of a CT, and the same as two tissues where the protocol forms images from them."""
    return _see(protocol, volume, _region(volume, protocol.data.region, protocol.data.margin_mm))


def _see(protocol: Protocol, volume: Volume, region: Volume) -> tuple[AttenuationMap, Materials | None]:
    """See ``see``: of the methods' region, or of the protocol's own for the target."""
    data = protocol.data
    seen = region if data.target_region is None else _region(volume, data.target_region, data.margin_mm)
    target = AttenuationMap.from_volume(with_content(seen, data.target))
    return target, None if protocol.target.formation is None else Materials.split(target, volume.attenuation)


def _region(volume: Volume, name: str, margin_mm: float) -> Volume:
    """The part of a CT that a protocol plays on."""
    if name == "whole":
        return volume
    return crop_to_lumbar(volume, margin_mm) if name == "lumbar" else crop_to_label(volume, name, margin_mm)
