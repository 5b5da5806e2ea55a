"""``fluorobench report``."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from bench.cli.console import messages, output, print_markdown

if TYPE_CHECKING:
    from bench.score.finished import ScoredRun


@dataclass(frozen=True)
class Report:
    """Write the tables and figures of a finished run."""

    run: Annotated[Path, tyro.conf.Positional] = Path("runs/latest")
    """Run folder."""

    strict: bool = False
    """End with status 1 where a method gave a pose in no case."""

    def __call__(self) -> None:
        """Write them."""
        from bench.score.finished import open_run

        if write_report(open_run(self.run)) and self.strict:
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
    for name in run.protocol.artefacts.names:
        messages.print(f"writing {name}")
        paths.extend(registry.build("reports", name, {}).write(run))
    for path in paths:
        if path.suffix == ".md":
            print_markdown(path.read_text())
    reasons = [reason for label in run.labels if (reason := why_no_pose(run.scores, label))]
    for reason in reasons:
        output.print(reason, style="yellow", markup=False, soft_wrap=True)
    output.print(f"{len(paths)} tables and figures in {run.folder}", soft_wrap=True, markup=False)
    return reasons
