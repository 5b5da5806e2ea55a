"""Procedural lumbar patients from a seed: T12 to sacrum in their soft tissue, as CT with labels and landmarks.

Label scheme ``phantom``: VerSe's numbers for vertebrae (T11 18, T12 19, L1 to L5 20 to 24, L6 25, sacrum 26); other
bones lie above 100 (ribs 101, ilium 102). ``v1`` and ``v2`` hold the generators; neither changes any more.
"""

from bench.contract import Card

from .dataset import Phantom as plugin  # noqa: N813

__all__ = ["card", "plugin"]

card = Card(
    title="Procedural lumbar patients (version 2; version 1 stays generable)",
    source="ours; dimensions by level and sex with their sources in v2/anthropometry.csv",
    citation="Panjabi et al., Human lumbar vertebrae: quantitative three-dimensional anatomy, Spine 17(3), 1992",
    licence="Apache-2.0",
    deviations=(
        "Splits by seed, of both versions: train 0-99999, validation 100000-109999, test 200000-209999.",
        "Read in their source: L5 (heights, depths, canal, pedicle), wedging of all bodies, the heights of discs "
        "before ours became nine tenths of them. Entered from memory: endplates, canal, transverse processes "
        "(Panjabi), pedicles (Zindrick). Ours: spinous lengths, heights above L5, T11 and T12 discs, spreads and "
        "differences of the sexes above L5, facet angles, sacrum, pelvis, ribs and soft tissue.",
        "Density, cortex, gas, body size and texture were tuned on two real CTs (TotalSegmentator's example and "
        "ACRIN-FLT-Breast 001): agreement with those two is no independent check.",
        "A 256 mm cube cuts broad bodies at the sides and the biggest bellies in front, as a small field of view does.",
        "No hip joints, femora, coccyx, ribs above the eleventh, arms, contrast agent or metal artefacts; no heart or "
        "breathing moves anything.",
    ),
)
