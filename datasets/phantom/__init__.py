"""Procedural lumbar patients from a seed: T11 to sacrum in their soft tissue, as CT with labels and landmarks.

Label scheme ``phantom``: VerSe's numbers for vertebrae (T11 18, T12 19, L1 to L5 20 to 24, sacrum 26); bones that are
no vertebrae lie above 100 (ribs 101, ilium 102).
"""

from bench.contract import Card

from .dataset import Phantom as plugin  # noqa: N813

__all__ = ["card", "plugin"]

card = Card(
    title="Procedural lumbar patients (version 1)",
    source="ours; dimensions from Panjabi 1992, Zindrick 1987, Zhou 2000 (see anthropometry.py)",
    citation="Panjabi et al., Human lumbar vertebrae: quantitative three-dimensional anatomy, Spine 17(3), 1992",
    licence="Apache-2.0",
    deviations=(
        "Splits by seed: train 0-99999, validation 100000-109999, test 200000-209999.",
        "T11, T12, upper discs, spinous lengths, the sexes' differences and all spreads are not published figures.",
        "A 256 mm cube cuts broad bodies at the sides.",
    ),
)
