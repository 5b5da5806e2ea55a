"""``python -m studies.trust run --out DIR`` and ``python -m studies.trust table --out DIR``."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from bench.cli.console import output
from bench.single.answer import METHOD, answer
from bench.single.depth import measure
from bench.single.opinion import apart
from bench.single.verdict import assess, settings_for
from studies.trust.problems import CHOSEN, Known, known, plan
from studies.trust.table import table


@dataclass(frozen=True, kw_only=True)
class Run:
    """Register and judge; finished registrations are kept in rows.jsonl."""

    out: Path
    """Folder of rows.jsonl."""

    rounds: int = 5
    """Starts of every image."""

    first: int = CHOSEN
    """Number of the first one; thresholds were chosen on those before."""

    other: bool = False
    """Images that no threshold was chosen on, in place of those that some were chosen on."""

    def __call__(self) -> None:
        """Run what is not there yet."""
        self.out.mkdir(parents=True, exist_ok=True)
        rows = self.out / "rows.jsonl"
        there = {json.loads(line)["name"] for line in rows.read_text().splitlines()} if rows.is_file() else set[str]()
        for images, number in plan(self.first, self.rounds, other=self.other):
            if f"{images.name} start {number}" not in there:
                with rows.open("a") as file:
                    file.write(json.dumps(_row(known(images, number))) + "\n")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Print successes, failures and warnings."""

    out: Path
    """Folder of rows.jsonl."""

    def __call__(self) -> None:
        """Print."""
        lines = (self.out / "rows.jsonl").read_text().splitlines()
        output.print(table([json.loads(line) for line in lines]), markup=False, soft_wrap=True)


def _row(case: Known) -> dict[str, Any]:
    began = time.process_time()
    settings = settings_for(METHOD, {}, check=True)
    first = answer(case.problem, METHOD, settings)
    found = assess(case.problem, first, METHOD, settings)
    pose = found.estimate.pose
    error = apart(case.problem, case.truth, pose)
    centre = [*case.problem.centre, 1.0]
    return {
        "name": case.name,
        "half": case.half,
        "views": len(case.problem.views),
        "error_mm": error[measure(case.problem)],
        "first_error_mm": apart(case.problem, case.truth, first.pose)[measure(case.problem)],
        "error": error,
        "depth_error_mm": float((pose @ centre)[2] - (case.truth @ centre)[2]),
        "true_depth_mm": float((case.truth @ centre)[2]),
        "tie_mm": case.tie_mm,
        "outcome": str(first.outcome),
        "process_seconds": time.process_time() - began,
        **found.written(),
    }


if __name__ == "__main__":
    tyro.cli(Run | Table)()
