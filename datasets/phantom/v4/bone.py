"""What a person's vertebrae are made of: thickness of the dense layer (mm) and HU of the spongy bone, by region.

The layer is thickest where bones bear on one another (facets, laminae, pars) and thinnest in the transverse processes.
All figures are ours, found beside three CTs: pictures of an L3 of 1.5 mm, histograms of HU of two lumbar spines.
"""

from dataclasses import dataclass

import numpy as np

from .person import Person

DENSE_HU = 1220.0


@dataclass(frozen=True, slots=True)
class Stuff:
    """One region: dense layer, mm, and what is below it, HU."""

    shell_mm: float
    inner_hu: float


@dataclass(frozen=True, slots=True)
class Bone:
    """A vertebra by region."""

    wall: Stuff
    pedicle: Stuff
    lamina: Stuff
    facet: Stuff
    transverse: Stuff
    spinous: Stuff


def bone_of(person: Person, level: str) -> Bone:
    """Thinner layers and lighter spongy bone with age; facets grow dense with wear; people differ more than levels."""
    own, shared = person.random("bone" + level), person.random("bone")
    cortex, spongy, wear = person.cortex, person.trabecular_hu, person.wear[level]
    arch, vary = 0.75 * spongy + 90, np.exp(shared.normal(0, 0.2, 6) + own.normal(0, 0.08, 6))
    return Bone(
        wall=Stuff(0.44 * cortex * float(vary[0]), spongy),
        pedicle=Stuff(0.52 * cortex * float(vary[1]), 0.95 * spongy + 60),
        lamina=Stuff(1.35 * cortex * float(vary[2]), arch),
        facet=Stuff(1.75 * cortex * float(vary[3]) * (1 + 0.35 * wear), arch + 50 + 200 * wear),
        transverse=Stuff(0.48 * cortex * float(vary[4]), 0.5 * spongy + 30),
        spinous=Stuff(0.5 * cortex * float(vary[5]), 0.5 * spongy + 30),
    )
