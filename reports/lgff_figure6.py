"""LGFF-Reg Figure 6: every method on the same cases, with target and registered landmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.contract import Card, Case, FinishedRun
from bench.drr import ProjectionError
from bench.geometry import Matrix
from bench.report.figures import INK, Axes, footnote, grid, house_style, save
from bench.report.overlay import grey, render
from bench.report.pictures import mark, show
from bench.run.journal import Journal
from bench.score.statistics import of_label, text_column, values

# The paper's columns in its order; what else a run has follows. Initial and Nominal are drawn by no one.
PAPER_ORDER = ("Opt-GO", "Opt-GC", "Opt-NGI", "ResRegNet", "Zhang", "LGFF-Reg")
LEFT_OUT = ("Initial", "Nominal")


@dataclass(frozen=True, slots=True)
class LgffFigure6:
    """Figure ``lgff_figure6``: one row a case, one column a method.

    Attributes:
        cases: How many, the first ones of the run.
        landmarks: How many of the run's landmarks are drawn: the first ones, which are spread widest.
    """

    cases: int = 4
    landmarks: int = 12

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the figure under ``figures``."""
        first = Journal.existing(run.folder).patients()[0].landmarks[0]
        points = np.array(first.points)[: self.landmarks]
        wanted = sorted(set(text_column(run.scores, "case_id")))[: self.cases]
        labels = in_paper_order(run.labels)
        size = len(labels) + 1
        with house_style():
            figure, axes = grid(len(wanted), size, width=1.2 * size + 0.3, height=0.9 + 1.35 * len(wanted))
            for row, case_id in zip(axes, wanted, strict=True):
                self._draw_row(run, run.case(case_id), labels, row, points)
            for cell, title in zip(axes[0], ("X-ray", *labels), strict=True):
                cell.set_title(title.replace(" + ", "\n+ "))
            footnote(
                figure,
                [
                    "Red rings: landmarks at the true pose. Blue: the same at the answer, over the rendering; none "
                    f"where there is no answer. Below: mTRE (LGFF), mm. The first cases of the run. {run.description}."
                ],
            )
            return save(figure, run.folder / "figures", "lgff_figure6")

    def _draw_row(
        self, run: FinishedRun, case: Case, labels: Sequence[str], row: Sequence[Axes], points: Matrix
    ) -> None:
        target, view = case.problem.views[0].image, case.problem.views[0]
        show(row[0], None if target is None else grey(target))
        mark(row[0], view, case.truth, points, found=False)
        row[0].set_ylabel(case.problem.case_id.rpartition("/")[2])
        for cell, label in zip(row[1:], labels, strict=True):
            _draw(cell, run, case, of_label(run.scores, label), points)


def in_paper_order(labels: Sequence[str]) -> list[str]:
    """The run's methods as the paper orders its columns, the others after them."""
    others = [label for label in labels if label not in (*PAPER_ORDER, *LEFT_OUT)]
    return [label for label in PAPER_ORDER if label in labels] + others


def _draw(cell: Axes, run: FinishedRun, case: Case, rows: pd.DataFrame, points: Matrix) -> None:
    """One method on one case."""
    case_id, view = case.problem.case_id, case.problem.views[0]
    index = text_column(rows, "case_id").index(case_id)
    if text_column(rows, "failure")[index] == "no_pose":
        show(cell, np.zeros((view.camera.height, view.camera.width)))
        mark(cell, view, case.truth, points, found=False)
        cell.set_xlabel(text_column(rows, "outcome")[index].replace("_", " "), color=INK, fontsize=7)
        return
    pose = run.estimate(text_column(rows, "label")[index], case_id).pose
    try:
        show(cell, grey(render(case.problem, pose)))
    except ProjectionError:
        show(cell, np.zeros((view.camera.height, view.camera.width)))
    mark(cell, view, case.truth, points, found=False)
    mark(cell, view, pose, points, found=True)
    cell.set_xlabel(f"{values(rows, 'lgff_mtre_mm')[index]:.2f}", color=INK, fontsize=7)


plugin = LgffFigure6

card = Card(
    title="LGFF-Reg Figure 6: methods side by side, target landmarks in red and registered ones in blue",
    source="LGFF-Reg, Fig. 6",
    citation="Yang et al., Journal of Image and Graphics 30(8), 2025",
    licence="Apache-2.0",
    deviations=(
        "Landmarks are the first ones of the run's set, on the vertebra's surface; the first cases, not chosen ones.",
    ),
)
