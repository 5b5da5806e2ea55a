"""Provenance of a case's images as columns of the score rows, and back to typed objects."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd

from bench.cases.records import ImageProvenance
from bench.score.column import Value
from bench.score.registration import CaseColumn

# Before the name of a field of ``ImageProvenance``: the column that holds it.
PROVENANCE_PREFIX = "image_"
SOURCE = f"{PROVENANCE_PREFIX}source"
# Columns that may be empty throughout; their type does not depend on that.
PROVENANCE_TYPES: dict[str, Any] = {
    f"{PROVENANCE_PREFIX}view": "Int64",
    f"{PROVENANCE_PREFIX}reference_uncertainty_mm": np.float64,
}


def _column(
    field: str, heading: str, definition: str, compute: Callable[[ImageProvenance], Value], *, unit: str = ""
) -> CaseColumn:
    return CaseColumn(
        name=f"{PROVENANCE_PREFIX}{field}",
        heading=heading,
        unit=unit,
        definition=definition,
        compute=lambda each: compute(each.problem.images),
    )


PROVENANCE_COLUMNS: tuple[CaseColumn, ...] = (
    _column(
        "source",
        "Image source",
        "rendered: line integrals of one energy; formed: X-ray simulated with spectrum, scatter and detector; real.",
        lambda images: str(images.source.value),
    ),
    _column("moving_content", "Moving content", "Content of the moving volume.", lambda images: images.moving_content),
    _column(
        "target_content",
        "Target content",
        "Content that a simulated image was made of; absent for real X-rays.",
        lambda images: images.target_content,
    ),
    _column(
        "matched",
        "Matched",
        "Whether a simulated image holds line integrals through the voxels of the moving volume and nothing else.",
        lambda images: images.matched,
    ),
    _column(
        "acquisition",
        "Acquisition",
        "Name of a real X-ray acquisition; absent for simulated images.",
        lambda images: images.acquisition,
    ),
    _column(
        "view",
        "View",
        "Number of the acquisition's view, from 1; absent for simulated images and where all views are registered "
        "together.",
        lambda images: images.view,
    ),
    _column(
        "reference_uncertainty_mm",
        "Reference uncertainty",
        "Uncertainty of a real X-ray's reference pose (mTRE); absent where it is unknown.",
        lambda images: images.reference_uncertainty_mm,
        unit="mm",
    ),
)


def image_provenance(rows: pd.DataFrame) -> list[ImageProvenance]:
    """The provenance of the images of each row; equal ones are equal objects and may key a dict."""
    names = {declared.name: declared.name.removeprefix(PROVENANCE_PREFIX) for declared in PROVENANCE_COLUMNS}
    chosen = rows[[*names]].rename(columns=names)
    codes = chosen.groupby([*chosen.columns], dropna=False, sort=False, observed=True).ngroup()
    records = cast("list[dict[str, Any]]", chosen[~codes.duplicated()].to_dict("records"))
    present = ({name: value for name, value in record.items() if not pd.isna(value)} for record in records)
    found = dict(zip(codes.drop_duplicates(), map(ImageProvenance.model_validate, present), strict=True))
    return [found[code] for code in codes]
