"""``fluorobench report``."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from bench.cli.console import messages, output, print_markdown

if TYPE_CHECKING:
    from bench.run.journal import Journal
    from bench.score.finished import ScoredRun

# The plug-in that ends every report, whatever the protocol names.
PAGE = "page"


@dataclass(frozen=True)
class Report:
    """Write the tables, the figures and the page of a finished run; of an unfinished one, a page of its progress."""

    run: Annotated[Path, tyro.conf.Positional] = Path("runs/latest")
    """Run folder."""

    strict: bool = False
    """End with status 1 where a method gave a pose in no case."""

    def __call__(self) -> None:
        """Write them."""
        from bench.run.journal import Journal
        from bench.score.finished import open_run

        journal = Journal.existing(self.run)
        if journal.begun and not journal.complete:
            write_progress(journal)
        elif write_report(open_run(self.run)) and self.strict:
            sys.exit(1)


def write_report(run: "ScoredRun") -> list[str]:
    """Write scores and artefacts; prints the tables, why methods gave no pose at all, and where everything lies.

    Returns:
        Why methods gave no pose in any case, one sentence a method; one that was skipped everywhere is among them.
    """
    from bench import registry
    from bench.score.statistics import why_no_pose

    run.require_unchanged()
    run.write_scores()
    paths: list[Path] = []
    # The page shows what the others wrote.
    for name in (*(each for each in run.protocol.artefacts.names if each != PAGE), PAGE):
        messages.print(f"writing {name}")
        paths.extend(registry.build("reports", name, {}).write(run))
    for path in paths:
        if path.suffix == ".md":
            print_markdown(path.read_text())
    reasons = [reason for label in run.labels if (reason := why_no_pose(run.scores, label))]
    for reason in reasons:
        output.print(reason, style="yellow", markup=False, soft_wrap=True)
    pages = [path for path in paths if path.suffix == ".html"]
    output.print(f"{len(paths) - len(pages)} tables and figures in {run.folder}", soft_wrap=True, markup=False)
    for page in pages:
        print_path(page)
    return reasons


def write_progress(journal: "Journal") -> None:
    """Write the page of a run that is not finished, and say that it is not."""
    from bench.report.page.build import write_page
    from bench.report.page.progress import progress_page

    page = progress_page(journal)
    messages.print(page.warnings[0], markup=False, soft_wrap=True)
    print_path(write_page(journal.folder / "report.html", page))


def print_path(page: Path) -> None:
    """Where a page lies, on a line of its own."""
    output.print(f"page: {page}", soft_wrap=True, markup=False)
