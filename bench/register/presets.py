"""What the cards and presets of the Opt-* methods share: settings that papers and their code state, and our tuning.

Steps and bounds are shares of the search half-widths; those of ``sopi-sim`` are 24 degrees, 36, 18 and 120 mm.
"""

from collections.abc import Mapping
from typing import Any

from bench.contract import TrainingProvenance

# SOPI and LGFF give no optimiser settings for NGI, GC and GO. These are the customary ones: population 20, a first step
# of 5 degrees and 5 mm, 2000 images, half of them at half resolution, one start.
CMA_ES: Mapping[str, Any] = {
    "optimiser": "cmaes",
    "restarts": 1,
    "levels": (
        {"size": 128, "population": 20, "generations": 50, "sigma": 0.2, "x_tolerance": 1e-3, "f_tolerance": 1e-4},
        {"size": 256, "population": 20, "generations": 50, "sigma": 0.05, "x_tolerance": 1e-3, "f_tolerance": 1e-4},
    ),
}

# The Opt-NCCL port in SOPI's code: Powell over a quarter, half and full resolution.
POWELL: Mapping[str, Any] = {
    "optimiser": "powell",
    "restarts": 1,
    "levels": (
        {"size": 64, "generations": 10, "x_tolerance": 0.1, "f_tolerance": 1.0},
        {"size": 128, "generations": 5, "reach": 0.5, "x_tolerance": 0.01, "f_tolerance": 0.1},
        {"size": 256, "generations": 5, "reach": 0.1, "x_tolerance": 1e-4, "f_tolerance": 1e-3},
    ),
}

UNSTATED = "The papers state no optimiser settings; the preset 'paper' holds customary ones."


def restarted(resolutions: str) -> str:
    """How our defaults differ from a single search; for cards."""
    return (
        f"The defaults are ours: CMA-ES on {resolutions} resolutions, restarted until two searches agree; the first "
        "leaves from the start, moved into the search box, the second from the nominal pose."
    )


def tuned(trials: int, note: str, *, revision: int = 1) -> TrainingProvenance:
    """Tuning on the first two validation patients of a revision of the phantom; for cards."""
    return TrainingProvenance(
        what="tuned",
        dataset="phantom",
        split="validation",
        patients=(f"phantom-v{revision}-100000", f"phantom-v{revision}-100001"),
        trials=trials,
        hardware="one core of a shared 2-core machine",
        note=note,
    )
