"""``python -m studies.paper``: every table and figure of both papers in one PDF."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import tyro

from bench.cli.console import output, print_line
from bench.cli.execute import execute
from bench.errors import FluorobenchError
from bench.files import fresh_folder
from bench.learn.budget import TrainingBudget
from studies.paper.document import content, write_document
from studies.paper.items import ITEMS, PROTOCOLS
from studies.paper.runs import Clock, Made, made, within

PROGRAM = "python -m studies.paper"
_ABLATIONS = ("sopi-ablation", "lgff-ablation")
# Of pdflatex's log.
_ERROR = re.compile(r"^!.*(?:\n.*){0,3}", re.MULTILINE)


@dataclass(frozen=True)
class Paper:
    """Run what is missing, train what is asked for, compile one PDF. Given again, it goes on where its time ended."""

    out: Path = Path("build/paper")
    """Folder of paper.pdf and its sources; replaced."""

    runs: Path = Path("runs")
    """Folder of runs."""

    profile: str = "quick"
    """Size of the runs: smoke, quick or full."""

    budget: str = "90m"
    """Time for runs, such as 90m or 8h. What does not fit is named in the document."""

    steps: int = 0
    """Optimiser steps of each network of the ablation tables; 0 trains none, and untrained rows say skipped."""

    training_budget: str = "60m"
    """Time for those trainings."""

    def __call__(self) -> None:
        """Train, run, compile.

        Raises:
            FluorobenchError: A folder that is no paper is in the way, or pdflatex is missing or fails.
        """
        seconds, training_seconds = _seconds(self.budget), _seconds(self.training_budget)
        _require_free(self.out)
        if self.steps:
            training = ("-m", "studies.ablations", "train", "--steps", str(self.steps))
            if left := within(training, Clock(training_seconds)):
                print_line(f"training: {left}")
        clock = Clock(seconds)
        found = {
            name: made(name, self.profile, self.runs, clock, again=bool(self.steps) and name in _ABLATIONS)
            for name in PROTOCOLS
        }
        pdf = self._compiled(found)
        for name, each in found.items():
            if each.lacking:
                print_line(f"{name}: {each.lacking}")
        output.print(f"paper: {pdf}", soft_wrap=True, markup=False)

    def _compiled(self, found: dict[str, Made]) -> Path:
        contents = content(ITEMS, found)
        with fresh_folder(self.out) as folder:
            compile_pdf(write_document(contents, found, folder))
        return self.out / "paper.pdf"


def _seconds(budget: str) -> float:
    return 60 * (TrainingBudget.parse(budget, None).minutes or 0.0)


def compile_pdf(tex: Path) -> str:
    """Compile a document in its folder.

    Returns:
        What pdflatex said.

    Raises:
        FluorobenchError: pdflatex is missing or fails; the first error of its log.
    """
    if shutil.which("pdflatex") is None:
        raise FluorobenchError(
            "expected pdflatex with standalone and booktabs; got none: install texlive-latex-extra, then give the same "
            "command again: finished runs are kept"
        )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", tex.name]
    done = subprocess.run(command, cwd=tex.parent, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        found = _ERROR.search(done.stdout)
        raise FluorobenchError(
            f"pdflatex failed on {tex.name}: {' '.join(found[0].split()) if found else 'no reason given'}"
        )
    for ending in (".aux", ".log"):
        tex.with_suffix(ending).unlink(missing_ok=True)
    return done.stdout


def _require_free(out: Path) -> None:
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / "paper.tex").is_file())):
        raise FluorobenchError(f"{out} is there already and is no paper; name another folder with --out")


def main() -> None:
    """Parse the command line and run the command."""
    description = "Every table and figure of SOPI and LGFF-Reg in one PDF, ours beside the published values."
    execute(tyro.cli(Paper, prog=PROGRAM, description=description), PROGRAM)


if __name__ == "__main__":
    main()
