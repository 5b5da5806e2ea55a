"""``fluorobench report``."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from bench.cli.console import messages, output, print_markdown, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.run.journal import Journal
    from bench.score.finished import ScoredRun
    from bench.score.outcomes import Ending

# The artefact that is written where registrations have no pose, whether the protocol names it or not.
OUTCOMES = "outcomes"

# The setting of artefacts that need a second run.
PARTNER = "partner"
# The plug-in that ends every report, whatever the protocol names.
PAGE = "page"


@dataclass(frozen=True)
class Report:
    """Write the tables, the figures and the page of a finished run; of an unfinished one, a page of its progress."""

    run: Annotated[Path, tyro.conf.Positional] = Path("runs/latest")
    """Run folder."""

    partner: Path | None = None
    """Folder of a run for the artefacts that need a second one: SOPI's Figure 5 draws simulations beside X-rays."""

    strict: bool = False
    """End with status 1 where a registration failed, or a method skipped all cases."""

    def __call__(self) -> None:
        """Write them."""
        from bench.run.journal import Journal
        from bench.score.finished import open_run

        journal = Journal.existing(self.run)
        if journal.begun and not journal.complete:
            write_progress(journal)
        elif not write_report(open_run(self.run), partner=self.partner) and self.strict:
            sys.exit(1)


def write_report(run: "ScoredRun", *, partner: Path | None = None) -> bool:
    """Write scores and artefacts; prints the tables, why registrations have no pose, and where everything lies.

    Args:
        run: Finished.
        partner: Folder of a run for the artefacts that have a setting ``partner``; None = they look for one themselves.

    Returns:
        Whether every registration gave a pose, but for cases that a method skipped among others.
    """
    from bench import registry
    from bench.score.outcomes import endings
    from bench.score.statistics import why_no_pose

    run.require_unchanged()
    if partner is not None:
        _require_partner(run, partner)
    run.write_scores()
    paths: list[Path] = []
    ended = endings(run.scores, run.labels)
    further = [OUTCOMES] if any(each.no_pose for each in ended) else []
    # The page shows what the others wrote.
    names = [*(each for each in run.protocol.artefacts.names if each not in (PAGE, *further)), *further, PAGE]
    for name in names:
        messages.print(f"writing {name}")
        settings = {PARTNER: partner} if partner is not None and _takes_partner(name) else {}
        paths.extend(registry.build("reports", name, settings).write(run))
    for path in paths:
        if path.suffix == ".md" and path.stem != OUTCOMES:
            print_markdown(path.read_text())
    _print_failures([each for each in ended if each.no_pose])
    reasons = [reason for label in run.labels if (reason := why_no_pose(run.scores, label))]
    for reason in reasons:
        output.print(reason, style="yellow", markup=False, soft_wrap=True)
    pages = [path for path in paths if path.suffix == ".html"]
    output.print(f"{len(paths) - len(pages)} tables and figures in {run.folder}", soft_wrap=True, markup=False)
    for page in pages:
        print_path(page)
    return not reasons and not any(each.fault for each in ended)


def _require_partner(run: "ScoredRun", partner: Path) -> None:
    """Refuse a folder that is no finished run, or that nothing would read, before anything is written."""
    from bench.errors import FluorobenchError
    from bench.score.finished import open_run

    open_run(partner)
    if not any(map(_takes_partner, run.protocol.artefacts.names)):
        raise FluorobenchError(f"{run.folder}: none of its artefacts takes a second run; leave --partner out")


def _takes_partner(name: str) -> bool:
    from bench import registry

    return PARTNER in registry.constructor_arguments(registry.load("reports", name))


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


def _print_failures(ended: "Sequence[Ending]") -> None:
    if ended:
        cells = [(each.label, f"{each.cases} of {each.total}", each.outcome, each.reason) for each in ended]
        print_table("Registrations without a pose", ("method", "cases", "outcome", "reason"), cells)
