"""A method that commits one fault a case: what the run says of each, and whether the cases between are unharmed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import registry
from bench.contract import Outcome
from bench.protocol import Protocol, load_protocol
from bench.run.journal import Journal
from bench.run.resume import run_or_resume
from bench.run.verify import verify
from bench.score.finished import open_run
from studies.torture.places import PLUGINS, TOY

COLUMNS = ("fault", "outcome", "reason", "case after it")
_PLUGIN = "torture_faulty"
# Of a case; a loop costs as much.
_SECONDS = 10.0
_MEMORY_MIB = 4000


def faults() -> tuple[list[str], list[str]]:
    """Names of all faults of cases, and of those of preparing."""
    registry.add_folder(PLUGINS)
    module: Any = registry.module("methods", _PLUGIN)
    return [*module.FAULTS, *module.SKIPS], list(module.PREPARES)


def protocol(names: Sequence[str], preparing: Sequence[str]) -> Protocol:
    """One patient, two cases a fault; a row of all faults, and one a fault of preparing."""
    registry.add_folder(PLUGINS)
    rows = [{"label": "faults", "plugin": _PLUGIN, "settings": {"faults": list(names)}}]
    rows += [{"label": name, "plugin": _PLUGIN, "settings": {"faults": [name]}} for name in preparing]
    budget = {"seconds_per_case": _SECONDS, "seconds_to_prepare": _SECONDS, "memory_mib": _MEMORY_MIB}
    data, start = {"patients": 1}, {"per_patient": 2 * len(names)}
    over = {"methods": rows, "budget": budget, "data": data, "start": start, "artefacts": {"names": ["sopi_table1"]}}
    return load_protocol(str(TOY), "quick", over)


def campaign(out: Path, names: Sequence[str], preparing: Sequence[str]) -> list[tuple[str, ...]]:
    """Run all faults; a line of ``COLUMNS`` for each.

    Raises:
        RuntimeError: The run has rows that are lost, or that ``verify`` complains of.
    """
    journal = run_or_resume(
        protocol(names, preparing),
        out / "methods",
        fresh=False,
        show=lambda steps: list(steps).clear(),
        report=lambda _: None,
    )
    if findings := verify(journal.folder).findings:
        raise RuntimeError(f"verify: {findings[0].what}")
    if len(open_run(journal.folder).scores) != 2 * len(names) * (1 + len(preparing)):
        raise RuntimeError("rows are missing in the scores")
    return [*_of_cases(journal, names), *(_of_preparing(journal, name) for name in preparing)]


def _of_cases(journal: Journal, names: Sequence[str]) -> list[tuple[str, ...]]:
    rows = sorted((row for row in journal.estimates() if row.label == "faults"), key=lambda row: row.case_id)
    return [
        (name, first.outcome.value, first.error or "", _told(second.outcome))
        for name, first, second in zip(names, rows[::2], rows[1::2], strict=True)
    ]


def _of_preparing(journal: Journal, name: str) -> tuple[str, ...]:
    rows = [row for row in journal.estimates() if row.label == name]
    return name, rows[0].outcome.value, rows[0].error or "", f"all {len(rows)} alike"


def _told(outcome: Outcome) -> str:
    return "answered" if outcome is Outcome.CONVERGED else outcome.value


def printed(journal: Journal) -> str:
    """What the rows printed, as the run kept it."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted(journal.folder.glob("output/*.txt")))
