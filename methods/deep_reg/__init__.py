"""Deep-reg (ProST): feature volume, projected channels, one or two encoders; a descent on their distance.

Deviations from Gao et al. (MICCAI 2020) and its published code:

* The volume stays on the patient's own grid, with at most 128 voxels along its longest axis.
* Joseph's projector with exact derivatives instead of sampled rays.
* One network for all patients by default; the paper's is of one patient (``fluorobench train deep_reg --volume CT``).
* The rotation vector is taken about the pose at hand; ``depth_scale`` mm along the beam count as one across. Fixed
  image and projected channels are scaled by their own ranges.
* A training has one 2D encoder for both images, and a tenth of its learning rate for the 3D branch, so that equal
  images stay at distance zero. ``shared = false`` restores two encoders, which begin alike and drift apart as soon as
  they learn.
* The encoder begins near a smoothing one and the 3D branch near the plain volume; batch statistics are held while
  gradients are taken; AdamW, one cycle and averaged weights instead of SGD with a cyclic rate.
* A pair of poses counts by the length of its gradient: the derivative of a unit vector grows as its length shrinks, and
  pairs with next to no gradient would rule the loss.
* A second loss (``match``) for two encoders: the X-ray's features must be those of the projection at the truth.
* A descent's step is the gradient times a factor that training measures.
* A descent goes over coarse voxels (64 along the longest axis) and then over fine ones.
* ``refine = "gradncc"`` climbs gradient correlation by L-BFGS, coarse to fine, instead of cyclic SGD.
* Registering uses one thread of torch, whose convolutions split their sums by threads: the answer's bits then do not
  depend on how many there are. Training uses them all, so equal bits need equal numbers of torch's threads.
"""

from bench.contract import Card, TrainingProvenance
from bench.learn import read_card

from .method import FOLDER
from .method import DeepRegMethod as plugin  # noqa: N813
from .network import Encoder
from .trainer import DeepRegTrainer as trainer  # noqa: N813

__all__ = ["Encoder", "card", "plugin", "trainer"]


def _provenance() -> tuple[TrainingProvenance, ...]:
    return tuple(each for path in sorted(FOLDER.glob("*.toml")) for each in read_card(path).provenance)


card = Card(
    title="Deep-reg / ProST (network alone, or with gradient correlation after it)",
    source="Gao et al. 2020; SOPI Table 1's row Deep-reg; 781 723 parameters as published, 395 291 with one encoder",
    citation="Gao et al., Generalizing Spatial Transformers to Projective Geometry, MICCAI 2020",
    licence="Apache-2.0; written from the papers and from facts about their code",
    deviations=(
        "On the patient's own grid, at most 128 voxels along the longest axis.",
        "Joseph's projector with exact derivatives instead of sampled rays.",
        "One network for all patients by default; of one patient with: fluorobench train deep_reg --volume CT.",
        "Rotation vector about the pose at hand; 4 mm of depth count as 1 mm; images scaled by their own ranges.",
        "One 2D encoder sees both images (train --set shared=false: two, as published); the 3D branch learns slowly.",
        "Encoders begin nearly plain; batch statistics are held; AdamW, one cycle, averaged weights.",
        "Pairs of poses count by the length of their gradient; a second loss matches features at the truth.",
        "A descent's step is the gradient times a factor measured in training; coarse voxels come before fine ones.",
        "refine = 'gradncc' climbs gradient correlation by L-BFGS, coarse to fine, instead of cyclic SGD.",
        "Registers on one thread of torch, so that the answer's bits do not depend on the number of threads.",
    ),
    uses_start=True,
    provenance=_provenance(),
)
