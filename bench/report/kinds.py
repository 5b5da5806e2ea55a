"""Where the images of a run are from, in the words that every caption, page and file name takes."""

from dataclasses import dataclass

import pandas as pd

from bench.run.acquired import REAL
from bench.score.statistics import text_column


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
    return [content.startswith(REAL) for content in text_column(rows, "content")]


def image_name(content: str) -> str:
    """Acquisition and view of a real X-ray; of other content all that was recorded."""
    parts = content.split(", ")
    return parts[1] if parts[0] == REAL and len(parts) > 1 else content


def one_case_an_image(rows: pd.DataFrame) -> dict[str, str]:
    """The first case of each real X-ray, by the X-ray's name; of simulated ones, the first case of each content."""
    found = dict[str, str]()
    for case_id, content in sorted(zip(text_column(rows, "case_id"), text_column(rows, "content"), strict=True)):
        found.setdefault(image_name(content), case_id)
    return found
