"""From a seed to a patient: draw the person, render the parts, add implants and the scanner."""

from dataclasses import dataclass

import numpy as np

from bench.contract import LandmarkSet
from bench.geometry import Matrix
from bench.volume import FloatGrid, LabelGrid, Volume

from .bones.discs import discs
from .bones.pelvis import ilium
from .bones.ribs import ribs
from .bones.sacrum import sacrum
from .bones.vertebra import sclerosis, vertebra
from .implants.devices import paint
from .implants.placement import implants_of
from .labels import grown_labels
from .landmarks import anatomical
from .options import PatientOptions
from .person.person import Person, draw_person
from .rendering.fat_network import paint_fat_network
from .rendering.render import render
from .rendering.shapes import Part
from .scanner.acquisition import AcquisitionSettings, acquire
from .soft_tissue.mesentery import draw_fat_network
from .soft_tissue.trunk import origin_of, soft_tissue

# As ``AcquisitionSettings`` has it, with low doses too: at 3 mm one real CT shows 8 HU in its fat.
NOISE_HU = (9.0, 38.0)


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """A patient on a grid, as it is or as a CT shows it.

    Attributes:
        hu: float32, shape (i left, j posterior, k superior).
        labels: Structure numbers, same shape.
        regions: Sub-regions of the vertebrae (see ``bones.regions``), same shape.
        person: The person.
    """

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


def anatomy(seed: int, options: PatientOptions) -> Anatomy:
    """The patient of a seed as it is: true HU and surfaces."""
    person = draw_person(seed, fractures=options.fractures)
    cube, origin = (options.size, options.size, options.size), origin_of(person, options)
    hu, labels, regions = render(parts_of(person), shape=cube, origin=origin, spacing_mm=options.spacing_mm)
    paint_fat_network(hu, labels, draw_fat_network(person), origin=origin, spacing_mm=options.spacing_mm)
    return Anatomy(hu, labels, regions, person)


def imaged(seed: int, options: PatientOptions) -> Anatomy:
    """The patient of a seed as a CT shows it, with implants; labels and sub-regions are grown on the image."""
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
    labels, regions = grown_labels(found.labels, found.regions, hu, spacing_mm=options.spacing_mm, metal=metal)
    return Anatomy(hu, labels, regions, person)


def generate(seed: int, options: PatientOptions) -> tuple[Volume, LandmarkSet]:
    """The CT (cube of voxels, LPS, world origin in the middle of L3) and the anatomical landmarks of a seed."""
    made = imaged(seed, options)
    affine = _affine(made.person, options)
    return Volume(made.hu, affine, made.labels, "phantom"), anatomical(made.person)


def _affine(person: Person, options: PatientOptions) -> Matrix:
    affine = np.diag([options.spacing_mm] * 3 + [1.0])
    affine[:3, 3] = origin_of(person, options)
    return affine
