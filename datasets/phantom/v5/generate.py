"""From a seed to a patient: draws the person, paints the parts, adds implants and the scanner."""

from dataclasses import dataclass

import numpy as np

from bench.contract import LandmarkSet
from bench.volume import Volume

from ..v2.acquisition import AcquisitionSettings, acquire
from ..v2.discs import discs
from ..v2.implants import paint
from ..v2.kernels import render
from ..v2.metal import implants_of
from ..v2.options import PatientOptions
from ..v2.pelvis import ilium, ribs
from ..v2.sacrum import sacrum
from ..v2.shapes import Part
from ..v2.vertebra import sclerosis
from ..v3 import generate as third
from ..v3.fat import thread
from ..v3.generate import NOISE_HU, strands_of
from ..v4.landmarks import anatomical
from ..v4.vertebra import vertebra
from .anthropometry import with_own_dimensions
from .person import Person, draw_person
from .trunk import origin_of, soft_tissue


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy(third.Anatomy):
    """A patient before any scanner, of version 5."""

    person: Person


def parts_of(person: Person) -> list[Part]:
    """All parts of a person in painting order: each bone leaves a joint space in the one painted before."""
    bones = [part for level in reversed(person.levels) for part in vertebra(person, level)]
    worn = [part for level in person.levels for part in sclerosis(person, level)]
    return [
        *soft_tissue(person), *discs(person), *ribs(person), *ilium(person), *sacrum(person), *bones, *worn,
    ]  # fmt: skip


def anatomy(seed: int, options: PatientOptions) -> Anatomy:
    """The patient of a seed as it is."""
    person = with_own_dimensions(draw_person(seed, fractures=options.fractures))
    cube = (options.size, options.size, options.size)
    hu, labels, regions = render(
        parts_of(person), shape=cube, origin=origin_of(person, options), spacing_mm=options.spacing_mm
    )
    thread(hu, labels, strands_of(person), origin=origin_of(person, options), spacing_mm=options.spacing_mm)
    return Anatomy(hu, labels, regions, person)


def generate(seed: int, options: PatientOptions) -> tuple[Volume, LandmarkSet]:
    """The CT (cube of voxels, LPS, world origin in the middle of L3) and the anatomical landmarks of a seed."""
    found = anatomy(seed, options)
    affine = np.diag([options.spacing_mm] * 3 + [1.0])
    affine[:3, 3] = origin_of(found.person, options)
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
