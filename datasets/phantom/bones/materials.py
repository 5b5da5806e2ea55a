"""Materials of bones: thickness of the dense outer layer (mm) and HU of the spongy bone, by region of a vertebra.

The layer is thickest where bones bear on one another (facets, laminae, pars) and thinnest in the transverse processes.
All figures are ours, found beside three CTs: images of an L3 of 1.5 mm, histograms of HU of two lumbar spines.
"""

from dataclasses import dataclass

import numpy as np

from ..person.person import Person
from ..rendering.shapes import Shape

# Dense bone of vertebrae, of ribs, of sacrum and iliac wings; cartilage.
VERTEBRA_HU, RIB_HU, PELVIS_HU = 1220.0, 960.0, 1100.0
CARTILAGE_HU = 70.0


@dataclass(frozen=True, slots=True)
class Material:
    """One region of a bone: thickness of the dense layer, mm, and HU below it."""

    shell_mm: float
    inner_hu: float

    def fill(self, shape: Shape, region: int) -> Shape:
        """The shape of this material, as a part of a sub-region."""
        return shape.made_of(shell_mm=self.shell_mm, inner_hu=self.inner_hu).of_region(region)


@dataclass(frozen=True, slots=True)
class VertebraMaterials:
    """Materials of a vertebra by region."""

    wall: Material
    pedicle: Material
    lamina: Material
    facet: Material
    transverse: Material
    spinous: Material


@dataclass(frozen=True, slots=True)
class MeanMaterials:
    """Mean materials of a person: of bodies and of arches, from which those of sacrum and ribs follow."""

    body: Material
    arch: Material


def vertebra_materials(person: Person, level: str) -> VertebraMaterials:
    """Layers thin with age, spongy bone lightens, facets grow dense with wear; persons differ more than levels."""
    own, shared = person.random("bone" + level), person.random("bone")
    cortex, spongy, wear = person.cortex, person.trabecular_hu, person.wear[level]
    arch, vary = 0.75 * spongy + 90, np.exp(shared.normal(0, 0.2, 6) + own.normal(0, 0.08, 6))
    return VertebraMaterials(
        wall=Material(0.44 * cortex * float(vary[0]), spongy),
        pedicle=Material(0.52 * cortex * float(vary[1]), 0.95 * spongy + 60),
        lamina=Material(1.35 * cortex * float(vary[2]), arch),
        facet=Material(1.75 * cortex * float(vary[3]) * (1 + 0.35 * wear), arch + 50 + 200 * wear),
        transverse=Material(0.48 * cortex * float(vary[4]), 0.5 * spongy + 30),
        spinous=Material(0.5 * cortex * float(vary[5]), 0.5 * spongy + 30),
    )


def mean_materials(person: Person) -> MeanMaterials:
    """Thinner layers and lighter spongy bone with age."""
    return MeanMaterials(
        body=Material(0.42 * person.cortex, person.trabecular_hu),
        arch=Material(1.35 * person.cortex, 0.75 * person.trabecular_hu + 110),
    )
