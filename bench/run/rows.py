"""Which lines of a run's estimates can be used, and which registrations are still to be done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from bench.cases.records import EstimateRecord, Lines

Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rows:
    """Lines of a run, sorted out.

    Attributes:
        kept: The first usable line of every registration, in the file's order.
        dropped: Why a line is of no use, by its number.
        missing: Label and case of every registration without a usable line.
        replaced: Registrations of methods that have changed since, which are done again.
    """

    kept: list[EstimateRecord]
    dropped: Mapping[int, str]
    missing: list[Key]
    replaced: list[EstimateRecord] = field(default_factory=list[EstimateRecord])

    @property
    def faults(self) -> list[str]:
        """A sentence a dropped line."""
        return [f"line {number} is {why}" for number, why in sorted(self.dropped.items())]


def sorted_out(
    lines: Lines[EstimateRecord],
    wanted: Iterable[Key],
    *,
    perturbation: str,
    sealed: bool,
    recipes: Mapping[str, str] | None = None,
) -> Rows:
    """Sort out the lines of a run.

    Args:
        lines: As read.
        wanted: Label and case of every registration of the run.
        perturbation: Hash of the run's cases.
        sealed: Whether every line must have a checksum.
        recipes: Of the rows as they would be made now, by label; None = whatever made them.
    """
    open_keys = dict.fromkeys(wanted)
    known, first = set(open_keys), dict[Key, int]()
    kept, dropped, replaced = list[EstimateRecord](), dict(lines.damaged), list[EstimateRecord]()
    for number, record in lines.records.items():
        key = (record.label, record.case_id)
        if key not in known:
            dropped[number] = f"of {record.label!r}, case {record.case_id!r}, which are not this run's"
        elif record.perturbation_hash != perturbation:
            dropped[number] = "of other cases"
        elif sealed and record.seal is None:
            dropped[number] = "not what was written (it has no checksum)"
        elif key in first:
            dropped[number] = (
                f"a second answer of {record.label!r} to case {record.case_id!r} (line {first[key]} has one)"
            )
        elif recipes is not None and record.recipe != recipes[record.label]:
            replaced.append(record)
        else:
            first[key] = number
            kept.append(record)
            del open_keys[key]
    return Rows(kept, dropped, list(open_keys), replaced)
