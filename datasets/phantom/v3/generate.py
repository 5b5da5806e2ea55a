"""From a seed to a patient: draws the person, paints the parts, adds implants and the scanner."""

from dataclasses import dataclass

import numpy as np

from bench.contract import LandmarkSet
from bench.geometry import Matrix
from bench.volume import FloatGrid, LabelGrid, Volume

from ..v2.acquisition import AcquisitionSettings, acquire
from ..v2.discs import discs
from ..v2.implants import paint
from ..v2.kernels import render
from ..v2.landmarks import anatomical
from ..v2.metal import implants_of
from ..v2.options import PatientOptions
from ..v2.pelvis import ilium, ribs
from ..v2.sacrum import sacrum
from ..v2.shapes import Part
from ..v2.vertebra import sclerosis, vertebra
from .fat import Strands, thread
from .person import Person, draw_person
from .trunk import soft_tissue

# The middle of the box, mm from the middle of L3's body: T12 to S1 fit, air before and behind the body.
BOX_CENTRE = (0.0, -10.0, -14.0)
# As ``AcquisitionSettings`` has it, with low doses too: at 3 mm one real CT shows 8 HU in its fat.
NOISE_HU = (9.0, 38.0)


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """A patient before any scanner: true HU, labels and sub-regions on one grid, and who it is."""

    hu: FloatGrid
    labels: LabelGrid
    regions: LabelGrid
    person: Person


def parts_of(person: Person) -> list[Part]:
    """All parts of a person in painting order: each bone leaves a joint space in the one painted before."""
    bones = [part for level in reversed(person.levels) for part in vertebra(person, level)]
    worn = [part for level in person.levels for part in sclerosis(person, level)]
    return [
        *soft_tissue(person), *discs(person), *ribs(person), *ilium(person), *sacrum(person), *bones, *worn,
    ]  # fmt: skip


def origin_of(options: PatientOptions) -> Matrix:
    """World position of voxel (0, 0, 0), mm."""
    return np.asarray(np.array(BOX_CENTRE) - 0.5 * (options.size - 1) * options.spacing_mm)


def anatomy(seed: int, options: PatientOptions) -> Anatomy:
    """The patient of a seed as it is."""
    person = draw_person(seed, fractures=options.fractures)
    cube = (options.size, options.size, options.size)
    hu, labels, regions = render(parts_of(person), shape=cube, origin=origin_of(options), spacing_mm=options.spacing_mm)
    thread(hu, labels, strands_of(person), origin=origin_of(options), spacing_mm=options.spacing_mm)
    return Anatomy(hu, labels, regions, person)


def strands_of(person: Person) -> Strands:
    """Vessels, septa and haze in a person's fat."""
    random = person.random("strands")
    return Strands(
        vessel_mm=float(random.uniform(1.0, 2.0)), mesh_mm=float(random.uniform(11, 19)),
        vessel_hu=float(35 + 90 * person.contrast), septum_mm=float(random.uniform(0.15, 0.5)),
        haze_hu=float(random.uniform(20, 85)), seed=int(random.integers(1 << 24)),
    )  # fmt: skip


def generate(seed: int, options: PatientOptions) -> tuple[Volume, LandmarkSet]:
    """The CT (cube of voxels, LPS, world origin in the middle of L3) and the anatomical landmarks of a seed."""
    found = anatomy(seed, options)
    affine = np.diag([options.spacing_mm] * 3 + [1.0])
    affine[:3, 3] = origin_of(options)
    landmarks, hu = anatomical(found.person), found.hu
    solids = implants_of(found.person, landmarks, options.implants)
    if solids:
        hu = paint(hu, affine, solids)
    if options.scanner:
        random = found.person.random("scanner")
        hu = acquire(
            hu, spacing_mm=options.spacing_mm, settings=AcquisitionSettings(noise_hu=NOISE_HU), generator=random
        )
    return Volume(hu, affine, found.labels, "phantom"), landmarks
