"""What a row is kept by: whatever its answers depend on besides the case has one checksum, its recipe.

Rows of one recipe and one case are the same row, whatever the label and whichever run they are of; so one method can be
edited and run again without the others.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from bench.cases.records import EstimateRecord, ProblemRecord, read_lines
from bench.contract import Outcome
from bench.errors import FluorobenchError
from bench.protocol import Protocol, validate
from bench.protocol.model import MethodTable
from bench.run.environment import code_hash
from bench.run.journal import EARLIER
from bench.run.parts import anchored, parts, weights_used
from bench.run.rows import Key
from bench.run.sources import sources
from bench.text import read_toml

# Of the moment, and not of the method: such a row is tried again.
_NOT_KEPT = {Outcome.TIMED_OUT, Outcome.DIED, Outcome.OUT_OF_MEMORY}
# What decides about a case; the rest of a protocol is about rows, or says how many cases there are.
_OF_CASES = ("seed", "data", "camera", "target", "start", "told", "stress")


def recipes(protocol: Protocol, threads: int) -> dict[str, str]:
    """The recipe (16 hex digits) of every row, by label.

    Args:
        protocol: Resolved.
        threads: That each method's process may use.
    """
    shared = {
        "code": code_hash(),
        "threads": threads,
        "budget": protocol.budget.model_dump(mode="json"),
        "dataset": sources("datasets", [protocol.data.dataset]),
    }
    return {row.label: _recipe(protocol, row, shared) for row in protocol.methods}


def _recipe(protocol: Protocol, row: MethodTable, shared: Mapping[str, object]) -> str:
    settings = anchored(row.settings)
    own = {
        "plugin": row.plugin,
        "preset": row.preset,
        "settings": settings,
        "sources": sources("methods", [each.plugin for each in parts(row)], settings),
        "weights": weights_used(protocol.model_copy(update={"methods": (row,)})),
    }
    text = json.dumps({**shared, **own}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def kept_rows(
    folder: Path, protocol: Protocol, problems: Mapping[str, ProblemRecord], wanted: Mapping[Key, str]
) -> Iterator[tuple[str, EstimateRecord]]:
    """Rows that were made before, by this run or by another beside it, of the recipes and cases that are wanted.

    Args:
        folder: Of this run.
        protocol: Of this run.
        problems: Its cases.
        wanted: Recipe of each registration to be done.

    Yields:
        The name of the run that a row is taken from, and the row as this run's.
    """
    left = dict(wanted)
    for place in (folder, *_neighbours(folder)):
        if not left:
            return
        file = place / (EARLIER if place == folder else "estimates.jsonl")
        by_recipe = _found(file, set(left.values()))
        if not by_recipe or (place != folder and not _same_cases(protocol, place)):
            continue
        cases = problems if place == folder else _cases(place)
        for (label, case_id), recipe in list(left.items()):
            found, case = by_recipe.get((recipe, case_id)), cases.get(case_id)
            if found is None or case is None or not _same_case(case, problems[case_id]):
                continue
            del left[label, case_id]
            own = {"label": label, "perturbation_hash": problems[case_id].perturbation_hash, "seal": None}
            yield place.name, found.model_copy(update=own)


def _neighbours(folder: Path) -> list[Path]:
    """Runs beside a run, the newest first."""
    found = [each for each in folder.parent.iterdir() if (each / "estimates.jsonl").is_file() and not each.is_symlink()]
    return sorted((each for each in found if each != folder), key=lambda each: -each.stat().st_mtime)


def _found(file: Path, recipes: set[str]) -> dict[tuple[str, str], EstimateRecord]:
    """Rows of a file by recipe and case; those that cannot be read cost no other."""
    with suppress(OSError):
        text = file.read_bytes()
        if any(each.encode() in text for each in recipes):
            rows = read_lines(file, EstimateRecord).records.values()
            return {
                (each.recipe, each.case_id): each
                for each in rows
                if each.recipe in recipes and each.seal is not None and each.outcome not in _NOT_KEPT
            }
    return {}


def _cases(place: Path) -> dict[str, ProblemRecord]:
    records = read_lines(place / "problems.jsonl", ProblemRecord).records
    return {each.case_id: each for each in records.values()}


def _same_cases(protocol: Protocol, place: Path) -> bool:
    """Whether a run's cases were made by the same tables, but for their number."""
    with suppress(FluorobenchError, OSError):
        return _of_cases(validate(read_toml(place / "protocol.toml"), source=str(place))) == _of_cases(protocol)
    return False


def _of_cases(protocol: Protocol) -> dict[str, object]:
    tables = protocol.model_dump(mode="json", include=set(_OF_CASES))
    return {**tables, "data": {**tables["data"], "patients": 0}, "start": {**tables["start"], "per_patient": 0}}


def _same_case(one: ProblemRecord, other: ProblemRecord) -> bool:
    return one.model_copy(update={"perturbation_hash": other.perturbation_hash}) == other
