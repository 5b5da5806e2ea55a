"""Columns that grow by batches and become one table: numbers as arrays, texts as numbers of categories.

A million rows of a hundred values as objects take many GiB; as arrays they take half a GiB.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Codes = NDArray[np.int32]
# Code of a text that is absent.
ABSENT = -1
_FEW = 64
_LARGE = 100_000


class TextColumn:
    """Texts, of which many are equal."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._codes: list[Codes] = []

    def add(self, values: Iterable[Any]) -> None:
        """Append texts; None = absent."""
        numbers = self._numbers
        found = (ABSENT if each is None else numbers.setdefault(each, len(numbers)) for each in values)
        self._codes.append(np.fromiter(found, dtype=np.int32))

    def taken(self) -> Any:
        """All texts, categories sorted; objects None where every text is absent. They are given up here."""
        codes, self._codes = np.concatenate([np.empty(0, np.int32), *self._codes]), []
        return categorical(codes, [*self._numbers]) if self._numbers else np.full(codes.size, None, dtype=object)


class ValueColumn:
    """Numbers or flags; absent ones are NaN.

    Args:
        dtype: Of pandas, where it does not depend on whether values are absent.
    """

    def __init__(self, dtype: Any = None) -> None:
        self._dtype, self._parts = dtype, list[Any]()

    def add(self, values: Sequence[Any]) -> None:
        """Append numbers or flags; None = absent."""
        if self._dtype is not None:
            self._parts.append(pd.array(values, dtype=self._dtype))
        else:
            self._parts.append(np.array([np.nan if each is None else each for each in values]))

    def taken(self) -> Any:
        """All values. They are given up here."""
        parts, self._parts = self._parts, []
        if self._dtype is None:
            return parts[0] if len(parts) == 1 else np.concatenate(parts or [np.empty(0)])
        if len(parts) == 1:
            return parts[0]
        found: Any = pd.concat([pd.Series(each) for each in parts], ignore_index=True) if parts else pd.Series([])
        return found.astype(self._dtype).array


def categorical(codes: NDArray[np.integer], names: Sequence[str]) -> Any:
    """Texts by the numbers of their names; equal names become one category, and categories are sorted."""
    categories = tuple(sorted(set(names)))
    place = {name: number for number, name in enumerate(categories)}
    renumbered = np.array([*(place[name] for name in names), ABSENT], dtype=np.int32)
    dtype = _known_dtype(categories) if len(categories) <= _FEW else _dtype(categories)
    make: Any = pd.Categorical.from_codes
    found = make(renumbered[codes], dtype=dtype, validate=False)
    return found


def _dtype(categories: tuple[str, ...]) -> Any:
    return pd.CategoricalDtype(pd.Index(categories))


# Small tables are made of the same few texts again and again, and pandas takes its time to check them.
_known_dtype = lru_cache(maxsize=256)(_dtype)


def texts(rows: pd.DataFrame, name: str) -> tuple[Codes, list[str]]:
    """A column of texts as numbers and the names that these count; an absent text is ``ABSENT``."""
    codes, names = pd.factorize(rows[name], use_na_sentinel=True)
    return np.asarray(codes, dtype=np.int32), [str(each) for each in names]


def with_columns(rows: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """The rows with further columns."""
    given: dict[str, Any] = {str(name): rows[name] for name in rows.columns}
    return table_of(given | {name: pd.Series(values, index=rows.index, copy=False) for name, values in columns.items()})


def table_of(columns: Mapping[str, Any]) -> pd.DataFrame:
    """A table of columns of equal length; large ones are not copied, small ones are, which pandas handles faster."""
    length = len(next(iter(columns.values()), ()))
    return pd.DataFrame(columns, copy=length < _LARGE)


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The items, so many at a time."""
    batch: list[Any] = []
    for each in items:
        batch.append(each)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
