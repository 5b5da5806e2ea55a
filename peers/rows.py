"""The rows of the table: which peer by which recipe, beside which rows of ours, on which cases."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """``label``: In tables. ``peer`` and ``recipe``: As ``peer.py`` has them."""

    label: str
    peer: str
    recipe: str


ROWS = (
    Row("RTK + CMA-ES", "rtk", "cma-es"),
    Row("ITK TwoProjection", "itk", "example"),
    Row("ITK TwoProjection (attenuation)", "itk", "attenuation"),
    Row("DiffDRR (Adam)", "diffdrr", "adam"),
    Row("DiffDRR (smaller steps)", "diffdrr", "smaller-steps"),
    Row("nanodrr", "nanodrr", "tutorial"),
    Row("nanodrr (smaller steps)", "nanodrr", "smaller-steps"),
    Row("xvr", "xvr", "multiscale"),
    Row("xvr (half a voxel)", "xvr", "centred"),
)
# Starts within the reach of a local search, for the tools that are one; every other setting is sopi-sim's.
NEAR = "sopi-sim-near"
NEAR_START = '{ kind = "uniform", names = "sopi", about = "truth", width = [5.0, 5.0, 5.0, 10.0, 10.0, 10.0] }'
OURS = {
    NEAR: ("Initial", "Nominal", "Opt-GC (single search)", "Opt-GC", "Opt-LM"),
    "sopi-sim": ("Initial", "Nominal", "Opt-GC (single search)", "Opt-GC", "Opt-LM"),
    "mismatch": ("Initial", "Nominal", "Opt-GC (single search)", "Opt-GC", "Opt-Hybrid"),
    "wrist": ("Initial", "Nominal", "Opt-GC", "Opt-SGC"),
}
# One patient a round, so that every round that ran to its end has all rows on the same cases.
PATIENTS = tuple(f"phantom-v5-{200_000 + number}" for number in range(10))
SECONDS_PER_CASE = 1200.0
