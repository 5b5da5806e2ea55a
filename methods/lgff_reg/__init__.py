"""LGFF-Reg: pose of one vertebra from one low-dose X-ray, by a network of its own patient.

Yang et al., Journal of Image and Graphics 30(8), 2025.
"""

from bench.contract import Card
from bench.learn import shipped_provenance

from .method import LgffReg
from .trainer import LgffTrainer

plugin = LgffReg
trainer = LgffTrainer
card = Card(
    title="LGFF-Reg (local and global feature fusion, patient-specific)",
    source="reimplemented from the paper and facts of its public code",
    citation="Yang et al., Journal of Image and Graphics 30(8), 2025",
    licence="Apache-2.0",
    deviations=(
        "Default input of 64 x 64 pixels instead of 128 x 128, at a ninth of the cost (image_size = 128 restores it).",
        "Every image is scaled by its own range: neither paper nor code states the scaling.",
        "Labels are shares of +-18 degrees and +-10 mm; the published scale is unknown.",
        "AdamW, one cycle up to 1e-3, gradients clipped, averaged weights, images never seen twice; published: Adam at "
        "6e-5 for 320 passes over 9,000 images.",
        "The first fusion block has no convolution for a previous stage: in the published code it is never used.",
        "Strengths of the low-dose degradation are ours.",
    ),
    uses_start=False,
    provenance=shipped_provenance(LgffReg.folder),
)
