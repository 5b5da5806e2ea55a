"""Procedural lumbar patients from a seed: T12 to sacrum in their soft tissue, as CT with labels and landmarks.

Label scheme ``phantom``: VerSe's numbers for vertebrae (T11 18, T12 19, L1 to L5 20 to 24, L6 25, sacrum 26); other
bones lie above 100 (ribs 101, ilium 102). ``generate`` makes voxels from a seed: ``person`` draws dimensions,
``bones`` and ``soft_tissue`` build the anatomy from implicit shapes, ``rendering`` turns them into voxels, ``implants``
and ``scanner`` add implants and the effects of a scanner, ``labels`` and ``landmarks`` the annotations.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.contract import Card

from .dataset import Phantom
from .population import EARLIER

__all__ = ["card", "miniature", "plugin", "removed"]


def miniature(folder: Path) -> Mapping[str, Any]:
    """Settings of small patients, kept in ``folder``; no file is needed to make them."""
    return {"size": 64, "spacing_mm": 4.0, "cache_dir": str(folder)}


plugin = Phantom
removed = {"version": f"there is one generator; leave it out; {EARLIER}"}

card = Card(
    title="Procedural lumbar patients (generator revision 5)",
    source="ours; dimensions by level and sex with their sources in person/anthropometry.csv",
    citation="Panjabi et al., Human lumbar vertebrae: quantitative three-dimensional anatomy, Spine 17(3), 1992",
    licence="Apache-2.0",
    deviations=(
        "Splits by seed: train 0-99999, validation 100000-109999, test 200000-209999.",
        "person/anthropometry.csv states for each row whether its figures were read in a source, measured on a "
        "published shape, entered from memory or ours; facet angles, sacrum, pelvis, ribs and soft tissue are ours.",
        "Density, cortex, bowel gas and stool, fat, body size, texture and noise were tuned on two real CTs "
        "(TotalSegmentator's example and ACRIN-FLT-Breast 001): agreement with those two is no independent check. "
        "Arches are shaped after a third, an L3 of 1.5 mm (TPTBox's sample, Apache-2.0), volumes after the mean shape "
        "of 87 patients' CTs (Clouthier 2023); labels reach where annotators of two of these CTs drew them.",
        "A 256 mm cube cuts broad bodies at the sides and the biggest bellies in front, as a small field of view does.",
        "No hip joints, femora, coccyx, ribs above the eleventh, arms or metal artefacts; contrast agent in vessels "
        "and organs, in the bowel only specks, tablets and coated diverticula; no heart or breathing moves anything.",
    ),
)
