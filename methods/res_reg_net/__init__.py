"""ResRegNet, a reconstruction: pose of one vertebra from a binarised X-ray, by a network of its own patient.

Meng et al., IEEE Transactions on Medical Robotics and Bionics 4(2), 2022.
"""

from bench.contract import Card
from bench.learn import shipped_provenance

from .method import ResRegNet
from .trainer import ResRegTrainer

plugin = ResRegNet
trainer = ResRegTrainer
card = Card(
    title="ResRegNet (residual regression of a binarised image, patient-specific), a reconstruction",
    source="a reconstruction: neither text nor code is public, only its description by Yang et al. 2025",
    citation="Meng et al., IEEE Transactions on Medical Robotics and Bionics 4(2):381-390, 2022",
    licence="Apache-2.0",
    deviations=(
        "Known: residual blocks, binary images, six parameters. Widths, depth, head and loss are ours.",
        "One image instead of two: the reference pose's image would be the same in every case.",
        "The degraded image, scaled by its own range, is binarised by Otsu's threshold; the authors' way is unknown.",
        "Images hold the vertebra's whole box, soft tissue too, not its segmentation alone.",
        "L1 on shares of +-18 degrees and +-10 mm, AdamW, one cycle up to 1e-3, averaged weights, images made on the "
        "fly.",
    ),
    uses_start=False,
    provenance=shipped_provenance(ResRegNet.folder),
)
