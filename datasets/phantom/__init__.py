"""Procedural lumbar patients from a seed: T11 to sacrum in their soft tissue, as CT with labels and landmarks.

Label scheme ``phantom``: VerSe's numbers for vertebrae (T11 18, T12 19, L1 to L5 20 to 24, sacrum 26); bones that are
no vertebrae lie above 100 (ribs 101, ilium 102).
"""

from bench.contract import Card

from .dataset import Phantom as plugin  # noqa: N813

__all__ = ["card", "plugin"]

card = Card(
    title="Procedural lumbar patients (version 2; version 1 stays generable)",
    source="ours; dimensions after Panjabi 1992, Zindrick 1987, Zhou 2000, not yet checked against their tables",
    citation="Panjabi et al., Human lumbar vertebrae: quantitative three-dimensional anatomy, Spine 17(3), 1992",
    licence="Apache-2.0",
    deviations=(
        "Splits by seed: train 0-99999, validation 100000-109999, test 200000-209999.",
        "The dimensions in anthropometry.py were entered without the papers at hand: plausible, not verified.",
        "T11, T12, upper discs, spinous lengths, the sexes' differences and all spreads are not published figures.",
        "Density, cortex, blur and body size were tuned by eye and histogram on two real CTs (TotalSegmentator's "
        "example and ACRIN-FLT-Breast 001): agreement with those two is no independent check.",
        "A 256 mm cube cuts broad bodies at the sides.",
    ),
)
