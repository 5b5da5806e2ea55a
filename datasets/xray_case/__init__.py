"""One patient with X-rays of one's own, described by one TOML file (format: ``bench.xray.case``)."""

from bench.contract import Card

from .dataset import XrayCase
from .miniature import miniature

__all__ = ["card", "miniature", "plugin"]

plugin = XrayCase
card = Card(
    title="A CT and X-rays of one's own, described by one TOML file",
    source="ours; DICOM attributes as in PS3.3, calibration text as Autoscoper's",
    citation="none: cite the source of the data",
    licence="that of the data; the files are read where they lie",
    deviations=(
        "Positioner angles contain neither in-plane rotation nor shift: they give a start, not a reference pose.",
        "A reference found by registration: a small distance to it is agreement, not accuracy.",
        "Every split answers with the same patient, so nothing may be trained or tuned on it and then tested.",
    ),
)
