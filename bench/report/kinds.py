"""Where the images of a run are from, in the words that every caption, page and file name takes."""

from dataclasses import dataclass

import pandas as pd

from bench.run.acquired import REAL
from bench.score.statistics import words


@dataclass(frozen=True, slots=True)
class ImageKind:
    """What the targets of some rows are.

    Attributes:
        words: ``simulated X-ray``, ``real X-ray``, or both.
        suffix: Of file names.
    """

    words: str
    suffix: str


def image_kind(rows: pd.DataFrame) -> ImageKind:
    """Tell by the content that was recorded with every case; what is not said to be real is simulated."""
    real = is_real(rows)
    if all(real):
        return ImageKind("real X-ray", "real_xray")
    if any(real):
        return ImageKind("real X-ray and simulated X-ray", "real_and_simulated_xray")
    return ImageKind("simulated X-ray", "simulated_xray")


def is_real(rows: pd.DataFrame) -> list[bool]:
    """Which rows are on real X-rays."""
    return [content.startswith(REAL) for content in words(rows, "content")]
