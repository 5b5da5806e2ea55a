"""RTPI, SOPI's pose initialiser: two asymmetric branches, volume and image, regress the pose of an unseen patient.

Deviations from SOPI (Chen et al., ICASSP 2024), section 2.1, and from its published code (second version):

* All six parameters are regressed, depth too; a sigmoid instead of ReLU6 / 6; ranges are 3.5 standard deviations.
* The default network is a small one for CPUs: 40 x 56 x 48 voxels of 3.5 mm in the nominal view's axes and 64 x 64
  pixels instead of 128^3 and 256^2, narrower branches, two localisation blocks. ``Shape``'s ``PAPER`` has the sizes of
  the published code.
* Voxels along the beam become channels at the position of the image that shows them; the published reshape mixes
  positions.
* Group normalisation without dropout in the branches; standardised images instead of minimum to maximum, and beside
  them their local contrast (``bench.learn.contrast``), in which bone looks alike alone and within a body.
* The volume is seen as the nominal camera sees it, so that a nominal pose may look up to 15 degrees beside the view.
* L_mse in units of the distribution's standard deviations; AdamW, one cycle and averaged weights instead of cyclic SGD.
* Training patients are procedural, and mirrored, scaled, sheared, turned at random; three in five of their images are
  X-rays of the whole body (``bench.learn.body``), where L_sim is left out: the projection holds the bone alone.
"""

from bench.contract import Card, TrainingProvenance
from bench.learn import find_weights, read_card

from .method import FOLDER
from .method import RtpiMethod as plugin  # noqa: N813
from .trainer import RtpiTrainer as trainer  # noqa: N813

__all__ = ["card", "plugin", "trainer"]


def _provenance() -> tuple[TrainingProvenance, ...]:
    path = find_weights(FOLDER, "rtpi")
    return () if path is None else read_card(path).provenance


card = Card(
    title="RTPI (pose regression from volume and image)",
    source="SOPI section 2.1, eq. 5; layout of the authors' second version (483 534 parameters at the paper's sizes)",
    citation="M. Chen et al. (SOPI), ICASSP 2024",
    licence="Apache-2.0; written from the paper and from facts about its code",
    deviations=(
        "All six parameters are regressed, through a sigmoid, within 3.5 standard deviations of the distribution.",
        "Default network for CPUs: 40 x 56 x 48 voxels, 64 x 64 pixels, 289 534 parameters (paper: 128^3, 256^2).",
        "Voxels along the beam become channels where the image shows them, instead of a reshape.",
        "Group normalisation, no dropout in the branches; standardised images and their local contrast.",
        "AdamW, one cycle and averaged weights instead of cyclic SGD; L_mse in standard deviations; L_sim weighs 0.05.",
        "Trained on procedural patients, mirrored, scaled, sheared and turned at random, three in five images being "
        "X-rays of the whole body.",
    ),
    uses_start=False,
    provenance=_provenance(),
)
