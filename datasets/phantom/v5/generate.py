"""From a seed to a patient: draws the person, paints the parts, adds implants and the scanner."""

from dataclasses import dataclass

import numpy as np

from bench.contract import LandmarkSet
from bench.geometry import Matrix
from bench.volume import Volume

from ..v2.acquisition import AcquisitionSettings, acquire
from ..v2.discs import discs
from ..v2.implants import paint
from ..v2.kernels import render
from ..v2.metal import implants_of
from ..v2.options import PatientOptions
from ..v2.pelvis import ribs
from ..v2.shapes import Part
from ..v2.vertebra import sclerosis
from ..v3 import generate as third
from ..v3.generate import NOISE_HU
from .anthropometry import with_own_dimensions
from .labels import drawn
from .landmarks import anatomical
from .mesentery import strands_of
from .net import thread
from .pelvis import ilium
from .person import Person, draw_person
from .sacrum import sacrum
from .trunk import origin_of, soft_tissue
from .vertebra import vertebra


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy(third.Anatomy):
    """A patient of version 5, as he is or as a CT shows him."""

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
    made = imaged(seed, options)
    affine = _affine(made.person, options)
    return Volume(made.hu, affine, made.labels, "phantom"), anatomical(made.person)


def imaged(seed: int, options: PatientOptions) -> Anatomy:
    """The patient of a seed as a CT shows it: labels and sub-regions are drawn on the image."""
    found = anatomy(seed, options)
    person, true = found.person, found.hu
    solids = implants_of(person, anatomical(person), options.implants)
    if solids:
        true = paint(true, _affine(person, options), solids)
    hu = true
    if options.scanner:
        settings, random = AcquisitionSettings(noise_hu=NOISE_HU), person.random("scanner")
        hu = acquire(true, spacing_mm=options.spacing_mm, settings=settings, generator=random)
    metal = true != found.hu if solids else None
    labels, regions = drawn(found.labels, found.regions, hu, spacing_mm=options.spacing_mm, metal=metal)
    return Anatomy(hu, labels, regions, person)


def _affine(person: Person, options: PatientOptions) -> Matrix:
    affine = np.diag([options.spacing_mm] * 3 + [1.0])
    affine[:3, 3] = origin_of(person, options)
    return affine
