"""``fluorobench compare``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from bench.cli.console import output, print_line, print_table
from bench.errors import FluorobenchError

if TYPE_CHECKING:
    from bench.report.tables import Table
    from bench.score.compared import CaseChange, Change, Pair
    from bench.score.finished import ScoredRun

# Rows of changed cases in the terminal.
_PRINTED = 10


class ComparedPairError(FluorobenchError):
    """Labels that do not make a pair."""


@dataclass(frozen=True)
class Compare:
    """Compare two runs of the same cases, paired by case and patient: what got better, worse, faster and slower.

    Writes tables by metric, patient and case. Runs whose cases differ are refused.
    """

    first: Annotated[Path, tyro.conf.Positional]
    """Folder of a finished run."""

    second: Annotated[Path, tyro.conf.Positional]
    """Folder of a finished run."""

    pair: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """FIRST=SECOND: labels that belong together; by default those that both runs have."""

    out: Path | None = None
    """Folder for the tables; by default compare/FIRST in the folder of the second run."""

    def __call__(self) -> None:
        """Compare, print and write."""
        from bench.report.comparison import caption_of, changes_table, patients_table, write_cases
        from bench.score import compared
        from bench.score.finished import open_run

        first, second = open_run(self.first), open_run(self.second)
        compared.require_same_cases(first.journal, second.journal)
        pairs = compared.chosen_pairs(first, second, [_labels(each) for each in self.pair])
        changes = compared.compared(first, second, pairs)
        notes = list(_remarks(first, second, pairs, changes))
        table = changes_table(changes, caption_of(first, second, "Two runs compared"), notes)
        cases = list(compared.case_changes(first, second, pairs))
        patients = patients_table(compared.patient_changes(first, second, pairs), caption_of(first, second, "Patients"))
        folder = self.out or second.folder / "compare" / first.folder.resolve().name
        paths = [
            *table.write(folder, "compare"),
            *patients.write(folder, "compare_patients"),
            *write_cases(folder, cases, caption_of(first, second, "Cases")),
        ]
        _print(table, cases)
        for note in notes:
            print_line(note)
        output.print(f"{len(paths)} files in {folder}", markup=False, soft_wrap=True)


def _labels(text: str) -> tuple[str, str]:
    one, equals, two = text.partition("=")
    if not (one and equals and two):
        raise ComparedPairError(f"--pair: expected FIRST=SECOND, two labels; got {text!r}")
    return one, two


def _remarks(
    first: "ScoredRun", second: "ScoredRun", pairs: "Sequence[Pair]", changes: "Sequence[Change]"
) -> Iterator[str]:
    """What is not compared, and what makes times incomparable."""
    if kept := [each.name for each in pairs if not any(row.pair == each for row in changes)]:
        yield f"Nothing differs, times included (the same rows, perhaps): {', '.join(kept)}."
    for run, used in ((first, {each.first for each in pairs}), (second, {each.second for each in pairs})):
        if left := [label for label in run.labels if label not in used]:
            yield f"Not compared: {', '.join(left)}, in {run.folder.resolve().name} alone."
    one, two = first.journal.environment, second.journal.environment
    for what, before, after in (
        ("processors", one.processor, two.processor),
        ("numbers of threads", one.threads, two.threads),
    ):
        if before != after:
            yield f"Times are of different {what} ({before}; {after})."


def _print(table: "Table[Change]", cases: "Sequence[CaseChange]") -> None:
    from bench.report.comparison import cases_table, most_changed

    headings = [each.heading.replace("\n", " ") for each in table.columns]
    if table.rows:
        print_table("Two runs compared", headings, table.printed(), keys=2)
    if changed := most_changed(cases)[:_PRINTED]:
        shown = cases_table(changed, "")
        columns = [each for each in shown.columns if not each.name.endswith("_outcome")]
        names = [f"{each.group} {each.heading}".strip().lower() for each in columns]
        print_table("Cases that changed most", names, [row[: len(columns)] for row in shown.printed()], keys=2)
