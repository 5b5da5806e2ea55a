"""SOPI: a start by RTPI, then a descent on a learnt distance of two images' features, within seconds.

Deviations from SOPI (Chen et al., ICASSP 2024), sections 2.2 to 2.4, and from its published code:

* Images of 128 x 128 pixels (binned) instead of 256 x 256, for CPUs; ``image = 256`` restores it.
* One encoder for both images (``shared = false`` restores two with equal initial weights): two that are trained
  separately drift apart, and their difference hides that of the pose; gradients 30 times as large then need steps a
  hundred times as small.
* The input of the encoder is local contrast (``bench.learn.contrast``) instead of images from minimum to maximum:
  ``contrast = "range"`` restores those. Three in five training images are X-rays of the whole body.
* Initial weights near a plain smoothing encoder (``beginning.py``).
* The six numbers are a rotation vector and a displacement of the rotation centre about the pose at hand (the published
  code passes Euler angles to a rotation-vector metric); ``depth_scale`` mm along the beam count as one across.
* Batch normalisation's statistics are held while gradients are taken, in training as in a descent.
* The mask's shadow is read off the projection of the masked CT (above 1 % of its maximum); L_N is the sum over levels
  of the squared differences' weighted mean. The same contrast is taken of
  the moving projection and of the fixed image.
* AdamW, one cycle, averaged weights instead of SGD with a cyclic rate; pairs of several distances.
* A descent's step is the gradient times a factor that training measures; momentum 0.6; no cyclic rate.
* The rotation is frozen once L_N has settled (the paper's text; in no published code). The estimate never uses
  the truth: the published test script picks, parameter by parameter, the pose nearer to it.
"""

from bench.contract import Card, TrainingProvenance

from .method import SopiMethod as plugin  # noqa: N813
from .method import shipped
from .trainer import SopiTrainer as trainer  # noqa: N813

__all__ = ["card", "plugin", "trainer", "uses"]

uses = ("rtpi",)


def _provenance() -> tuple[TrainingProvenance, ...]:
    found = shipped()
    return () if found is None else found.provenance


card = Card(
    title="SOPI (RTPI's pose, then a descent on a learnt distance)",
    source="SOPI sections 2.2 to 2.4, eq. 6 and 7; 5 349 792 parameters an encoder",
    citation="M. Chen et al. (SOPI), ICASSP 2024",
    licence="Apache-2.0; written from the paper and from facts about its code",
    deviations=(
        "Images of 128 x 128 pixels (binned) instead of 256 x 256; image = 256 restores them.",
        "One encoder for both images (shared = false: two, 10 699 584 parameters), near a smoothing one at first.",
        "The input of the encoder is local contrast; contrast = range restores the published scaling. Three in five "
        "training images are X-rays of the whole body.",
        "Batch statistics are held while gradients are taken, in training as in a descent.",
        "Rotation vector and displacement of the rotation centre about the pose at hand; 4 mm of depth count as 1 mm.",
        "The mask's shadow is read off the projection of the masked CT.",
        "AdamW, one cycle and averaged weights instead of SGD with a cyclic rate; pairs of several distances.",
        "A descent's step is the gradient times a factor measured in training; rotation is frozen when L_N settles.",
        "No selection by the ground truth, as in the published test script.",
        "A descent is limited by its iterations, not by seconds: its answer does not depend on the machine's load.",
        "Weights for the ablation are not shipped: fluorobench train sopi --set composite=false (or masked=false) "
        "--out runs/train/sopi-no-ce --weights methods/sopi/weights/no-ce (no-el, no-ce-no-el).",
    ),
    uses_start=False,
    provenance=_provenance(),
)
