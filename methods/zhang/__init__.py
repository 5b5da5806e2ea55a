"""Zhang 2023: pose of one vertebra by EfficientNet-B0, a decoder and attention, by a network of its own patient.

Zhang et al., "A Patient-Specific Self-Supervised Model for Automatic X-Ray/CT Registration", MICCAI 2023.
"""

from bench.contract import Card
from bench.learn import shipped_provenance

from .method import Zhang
from .trainer import ZhangTrainer

plugin = Zhang
trainer = ZhangTrainer
presets = {"refined": {"refine": "ncc"}}
card = Card(
    title="Zhang 2023 (EfficientNet-B0, regularised autoencoder, attention, patient-specific)",
    source="reimplemented from the paper and facts of its public code, which holds no network",
    citation="Zhang et al., A Patient-Specific Self-Supervised Model for Automatic X-Ray/CT Registration, MICCAI 2023",
    licence="Apache-2.0; EfficientNet-B0 is MONAI's",
    deviations=(
        "Bottleneck of 256, 8 heads, one attention block, MLP and decoder widths are ours: the network is unpublished.",
        "Low-dose images of one vertebra, 128 x 128 (paper: 256 x 256), of which the shipped network sees 64 x 64; "
        "EfficientNet-B0 without pre-trained weights and without dropped blocks.",
        "Incremental learning over 1/4, 1/2 and all of 10,000 poses, 400 steps each but the last; the paper's "
        "sizes are unknown. Images are rendered on the fly and degraded anew each time.",
        "Rotation and translation losses in shares of 18 degrees and 10 mm; AdamW, one cycle up to 1e-3, averaged "
        "weights.",
        "The reconstructed gradient image is the Sobel magnitude of the degraded input, largest value 1, weight 0.1.",
        "Refinement: Adam on NCC or on the NCC of Sobel responses with our renderer's exact derivatives, within the "
        "search box; the rate fades smoothly to a tenth (published: halved every 20 of 100), no stop at 1e-4, and the "
        "published rates, swapped between rotation and translation, are not taken over. NCC and the rate were the best "
        "of six settings on 12 poses of the study's patient that neither training nor test draws.",
    ),
    uses_start=False,
    provenance=shipped_provenance(Zhang.folder),
)
