"""Provenance of a case's images as columns of the score rows, and back to typed objects."""

from typing import Any, cast

import numpy as np
import pandas as pd

from bench.cases.records import ImageProvenance

# Before the name of a field of ``ImageProvenance``: the column that holds it.
_PREFIX = "image_"
PROVENANCE_COLUMNS = tuple(f"{_PREFIX}{name}" for name in ImageProvenance.model_fields)
# Columns that may be empty throughout; their type does not depend on that.
PROVENANCE_TYPES: dict[str, Any] = {f"{_PREFIX}view": "Int64", f"{_PREFIX}reference_uncertainty_mm": np.float64}


def provenance_cells(images: ImageProvenance) -> dict[str, Any]:
    """One value for each of ``PROVENANCE_COLUMNS``; None where a field is absent."""
    return {f"{_PREFIX}{name}": value for name, value in images.model_dump(mode="json").items()}


def image_provenance(rows: pd.DataFrame) -> list[ImageProvenance]:
    """The provenance of the images of each row; equal ones are equal objects and may key a dict."""
    named = rows[[*PROVENANCE_COLUMNS]].rename(columns=lambda name: str(name).removeprefix(_PREFIX))
    records = cast("list[dict[str, Any]]", named.to_dict("records"))
    present = ({name: value for name, value in record.items() if not pd.isna(value)} for record in records)
    return [ImageProvenance.model_validate(record) for record in present]
