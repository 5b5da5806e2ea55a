"""Values printed in papers, to print next to ours: ``bench/published/*.toml``."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files

from bench.registry import unknown

NOT_COMPARABLE = (
    "Published values are printed for their order only and are not comparable as numbers: private CTs, unstated "
    "geometry, other hardware. The public test script selects each parameter by the truth and stops after 4.5 s; it "
    "may not be what made the tables."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedValue:
    """One number of a paper.

    Attributes:
        table: Number of the table in the paper.
        row: Row label, the label our protocols give the method.
        column: What it is, with the unit; the name of our column where there is one.
        value: The number.
        std: Its printed spread; None without one.
        note: What to know of it; may be empty.
    """

    table: str
    row: str
    column: str
    value: float
    std: float | None = None
    note: str = ""


def papers() -> list[str]:
    """The papers there are values of."""
    found = (entry.name for entry in files("bench").joinpath("published").iterdir())
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


def load_published(paper: str) -> tuple[PublishedValue, ...]:
    """All values of a paper: ``sopi`` or ``lgff``.

    Raises:
        UnknownNameError: No values of that paper.
    """
    if paper not in papers():
        raise unknown("published paper", paper, papers())
    text = files("bench").joinpath("published", f"{paper}.toml").read_text(encoding="utf-8")
    return tuple(PublishedValue(**entry) for entry in tomllib.loads(text)["values"])


def find_published(paper: str, *, table: str, row: str, column: str) -> PublishedValue | None:
    """One value, rows matched without regard to case; None where the paper has none."""
    for found in load_published(paper):
        if (found.table, found.row.casefold(), found.column) == (table, row.casefold(), column):
            return found
    return None


def published_value(paper: str, table: str, row: str, column: str) -> float | None:
    """The number alone; None where the paper has none."""
    found = find_published(paper, table=table, row=row, column=column)
    return None if found is None else found.value
