"""Write score rows as Parquet in groups of rows. Touches pyarrow, which has no types."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

_ROWS = 50_000


def write_parquet(rows: pd.DataFrame, path: Path) -> None:
    """Write rows; columns of texts are written as texts, whatever they are in memory.

    Groups are turned into Arrow's form one at a time: a million rows are never twice in memory.
    """
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    schema = pa.Schema.from_pandas(_plain(rows.iloc[:_ROWS]), preserve_index=False)
    with pq.ParquetWriter(path, schema) as writer:
        for begin in range(0, max(len(rows), 1), _ROWS):
            group = _plain(rows.iloc[begin : begin + _ROWS])
            writer.write_table(pa.Table.from_pandas(group, schema=schema, preserve_index=False))


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose categories are texts."""
    kinds = {str(name): "str" for name, kind in rows.dtypes.items() if isinstance(kind, pd.CategoricalDtype)}
    return rows.astype(kinds)
