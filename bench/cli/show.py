"""``fluorobench show``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from bench.cli.console import output, print_table


@dataclass(frozen=True)
class Show:
    """Draw one case of a finished run: target, start, and every method's result with its edges over the target."""

    case: Annotated[str, tyro.conf.Positional]
    """Name of the case, such as phantom-v5-200000/000; or worst, median or best, by the mTRE of the first --only."""

    run: Annotated[Path, tyro.conf.Positional] = Path("runs/latest")
    """Run folder."""

    only: tuple[str, ...] = ()
    """Labels of the methods to draw; all if not given."""

    out: Path | None = None
    """PNG file; by default cases/CASE.png in the run folder."""

    def __call__(self) -> None:
        """Draw it, and print its rows."""
        from bench.files import slug
        from bench.report.case_picture import HEADINGS, case_rows, chosen_case, draw_case
        from bench.score.finished import open_run

        run = open_run(self.run)
        labels = run.labels_of(self.only)
        case_id = chosen_case(run, self.case, labels)
        print_table(f"{case_id}, {run.protocol.name}", HEADINGS, case_rows(run, case_id, labels))
        out = run.folder / "cases" / f"{slug(case_id)}.png" if self.out is None else self.out
        for path in draw_case(run, case_id, labels, out):
            output.print(f"written: {path}", markup=False, soft_wrap=True)
