"""Deep-reg (ProST): feature volume, projected channels, two encoders; a descent on their distance.

Deviations from Gao et al. (MICCAI 2020) and its published code:

* The volume has at most 64 voxels along its longest axis instead of 128 (``longest = 128`` restores them), on the
  patient's own grid; a lumbar spine's voxels are then 4 mm.
* Joseph's projector with exact derivatives instead of sampled rays.
* One network for everybody by default; the paper's is of one patient (``fluorobench train deep_reg --volume CT``).
* The rotation vector is taken about the pose at hand; ``depth_scale`` mm along the beam count as one across. Fixed
  image and projected channels are scaled by their own ranges.
* Encoders begin alike, near smoothing ones, and the 3D branch near the plain volume; batch statistics are held while
  gradients are taken; AdamW, one cycle and averaged weights instead of SGD with a cyclic rate.
* A descent's step is the gradient times a factor that training measures.
* ``refine = "gradncc"`` climbs gradient correlation by L-BFGS, coarse to fine, instead of cyclic SGD.
"""

from bench.contract import Card, Exposure
from bench.learn import read_card

from .method import FOLDER
from .method import DeepRegMethod as plugin  # noqa: N813
from .network import Encoder
from .trainer import DeepRegTrainer as trainer  # noqa: N813

__all__ = ["Encoder", "card", "plugin", "trainer"]


def _exposure() -> tuple[Exposure, ...]:
    return tuple(each for path in sorted(FOLDER.glob("*.toml")) for each in read_card(path).exposure)


card = Card(
    title="Deep-reg / ProST (network alone, or with gradient correlation after it)",
    source="Gao et al. 2020; SOPI Table 1's row Deep-reg; 781 723 parameters",
    citation="Gao et al., Generalizing Spatial Transformers to Projective Geometry, MICCAI 2020",
    licence="Apache-2.0; written from the papers and from facts about their code",
    deviations=(
        "At most 64 voxels along the volume's longest axis instead of 128 (longest = 128 restores them).",
        "Joseph's projector with exact derivatives instead of sampled rays.",
        "One network for everybody by default; of one patient with: fluorobench train deep_reg --volume CT.",
        "Rotation vector about the pose at hand; 4 mm of depth count as 1 mm; images scaled by their own ranges.",
        "Encoders begin alike and nearly plain; batch statistics are held; AdamW, one cycle, averaged weights.",
        "A descent's step is the gradient times a factor measured in training.",
        "refine = 'gradncc' climbs gradient correlation by L-BFGS, coarse to fine, instead of cyclic SGD.",
    ),
    uses_start=True,
    exposure=_exposure(),
)
