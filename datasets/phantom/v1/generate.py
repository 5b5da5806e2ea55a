"""From a seed to a patient: draws the person, paints the parts, adds the scanner."""

import numpy as np

from bench.contract import LandmarkSet, Patient
from bench.volume import Volume

from .anthropometry import LEVELS
from .kernels import render
from .landmarks import anatomical
from .person import Person, draw_person, stream
from .physics import scanned
from .shapes import Part
from .skeleton import discs, ilium, ribs, sacrum
from .soft_tissue import soft_tissue
from .vertebra import vertebra

# The middle of the box, mm from the middle of L3's body: T12 to S1 fit, air before and behind the body.
BOX_CENTRE = (0.0, -8.0, 6.0)


def parts_of(version: int, seed: int, person: Person) -> list[Part]:
    """All parts of a person in painting order."""
    bones = [vertebra(version, seed, level, person) for level in reversed(LEVELS)]
    return [
        *soft_tissue(version, seed, person),
        *discs(version, seed, person),
        *ribs(version, seed, person),
        *ilium(version, seed, person),
        sacrum(version, seed, person),
        *bones,
    ]


def generate(*, version: int, seed: int, size: int, spacing_mm: float) -> tuple[Volume, LandmarkSet]:
    """The CT (cube of ``size`` voxels, LPS, world origin at its centre) and anatomical landmarks of a seed."""
    person = draw_person(version, seed)
    first = np.array(BOX_CENTRE) - 0.5 * (size - 1) * spacing_mm
    parts = parts_of(version, seed, person)
    hu, labels = render(parts, shape=(size, size, size), origin=first, spacing_mm=spacing_mm)
    random = stream(version, seed, "scanner")
    hu = scanned(hu, spacing_mm=spacing_mm, noise_hu=float(random.uniform(9, 20)), random=random)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = first
    return Volume(hu, affine, labels, "phantom"), anatomical(person)


def patient_from(patient_id: str, volume: Volume, landmarks: LandmarkSet) -> Patient:
    """A patient of the benchmark."""
    return Patient(patient_id, volume.fingerprint(), volume, (landmarks,))
