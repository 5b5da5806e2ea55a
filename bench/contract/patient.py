"""Types that a dataset provides: patients, their landmarks and, where there are any, their X-ray acquisitions."""

from dataclasses import dataclass
from enum import StrEnum

from bench.contract.problem import View
from bench.geometry import Matrix
from bench.volume import Volume
from bench.volume.region import Box


class Split(StrEnum):
    """Which part of a population a patient belongs to; the parts are disjoint."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class PatientOrigin:
    """What a procedural patient is generated from.

    Attributes:
        generator: Its name; that of the dataset plug-in.
        revision: Of the generator; another one makes another patient of the same seed.
        seed: Of the patient.
    """

    generator: str
    revision: int
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkSet:
    """World points that target registration errors are measured at.

    Attributes:
        name: What they are, such as ``surface`` or ``anatomical``.
        points: (n, 3), LPS mm, n >= 1.
        point_names: One name a point, or empty.
    """

    name: str
    points: Matrix
    point_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Acquisition:
    """Real X-ray images of a patient, taken together.

    Attributes:
        id: Its name within the patient, such as a frame number.
        views: One or more views with images; the first defines the rig when ``camera_from_rig`` is the identity.
        reference: rig_from_world, 4x4, mm, found by other means; None where there is none.
        reference_uncertainty_mm: Uncertainty of the reference (mTRE); smaller differences are ties.
        other_reference: A second one, found independently of the first; tables then print agreement with both.
    """

    id: str
    views: tuple[View, ...]
    reference: Matrix | None = None
    reference_uncertainty_mm: float | None = None
    other_reference: Matrix | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """One CT with its labels, landmarks and X-rays.

    Attributes:
        id: Its name, unique within the dataset.
        hash: Fingerprint of the content, by which training, tuning and test patients are compared.
        volume: The CT, whole body, with labels where there are any; no mask.
        landmarks: Named landmark sets; may be empty (the harness then spreads points over the bone surface).
        acquisitions: Real X-rays; may be empty.
        region: Part of this CT that methods are given; None = the protocol's (``data.region``).
        box: To which this CT is cropped before, LPS mm; None = the protocol's.
    """

    id: str
    hash: str
    volume: Volume
    landmarks: tuple[LandmarkSet, ...] = ()
    acquisitions: tuple[Acquisition, ...] = ()
    region: str | None = None
    box: Box | None = None
