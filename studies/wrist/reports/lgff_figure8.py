"""LGFF-Reg Figure 8: real X-rays before and after registration, with landmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.contract import Card, Case, FinishedRun, View
from bench.drr import AttenuationMap, ProjectionError
from bench.geometry import Matrix
from bench.report.figures import INK, Axes, footnote, grid, house_style, save
from bench.report.overlay import overlay, render
from bench.report.pictures import mark, show
from bench.run.journal import Journal
from bench.score.statistics import of_label, text_column, values
from studies.wrist.crops import cut_round_outline, one_case_an_image

BEFORE = "Nominal"
_LEFT_OUT = ("Initial", BEFORE)
_MARGIN_PX = 14
_SCALE = 4


@dataclass(frozen=True, slots=True)
class LgffFigure8:
    """Figure ``lgff_figure8``: one row an X-ray, its first case; before, then one column a method.

    Attributes:
        landmarks: How many of the run's landmarks are drawn: the first ones, which are spread widest.
    """

    landmarks: int = 12

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the figure under ``figures``."""
        points = np.array(Journal.existing(run.folder).patients()[0].landmarks[0].points)[: self.landmarks]
        images = one_case_an_image(run.scores)
        labels = [BEFORE, *(each for each in run.labels if each not in _LEFT_OUT)]
        with house_style():
            figure, axes = grid(len(images), len(labels), width=1.05 * len(labels) + 0.3, height=1 + 1.75 * len(images))
            for row, (name, case_id) in zip(axes, images.items(), strict=True):
                row[0].set_ylabel(name)
                _row(row, run, run.case(case_id), labels, points)
            for cell, label in zip(axes[0], labels, strict=True):
                cell.set_title(f"Before\n({BEFORE.lower()})" if label == BEFORE else label.replace(" + ", "\n+ "))
            footnote(
                figure,
                [
                    "Green: edges of the rendering at the answer. Red rings: landmarks at the reference. Blue: the "
                    "same at the answer; none where there is no answer. Below: mTRE in the image's plane / in space, "
                    f"mm. The first case of each X-ray. {run.description}."
                ],
            )
            return save(figure, run.folder / "figures", "lgff_figure8")


def _row(row: Sequence[Axes], run: FinishedRun, case: Case, labels: Sequence[str], points: Matrix) -> None:
    attenuation = AttenuationMap.from_volume(case.problem.volume)
    for cell, label in zip(row, labels, strict=True):
        _draw(cell, run, case, of_label(run.scores, label), points, attenuation)


def _draw(
    cell: Axes, run: FinishedRun, case: Case, rows: pd.DataFrame, points: Matrix, attenuation: AttenuationMap
) -> None:
    """One method on one case."""
    case_id, problem = case.problem.case_id, cut_round_outline(case.problem, _MARGIN_PX)
    index, view = text_column(rows, "case_id").index(case_id), problem.views[0]
    target = np.asarray(view.image)
    if text_column(rows, "failure")[index] == "no_pose":
        _picture(cell, view, overlay(target, np.zeros_like(target), scale=_SCALE))
        cell.set_xlabel(text_column(rows, "outcome")[index].replace("_", " "), color=INK, fontsize=6.5)
        return
    pose = run.estimate(text_column(rows, "label")[index], case_id).pose
    try:
        seen = render(problem, pose, attenuation=attenuation)
    except ProjectionError:
        seen = np.zeros_like(target)
    _picture(cell, view, overlay(target, seen, scale=_SCALE))
    mark(cell, view, case.truth, points, found=False)
    mark(cell, view, pose, points, found=True)
    flat, whole = (values(rows, name)[index] for name in ("mtre_in_plane_mm", "mtre_mm"))
    cell.set_xlabel(f"{flat:.1f} / {whole:.1f}", color=INK, fontsize=6.5)


def _picture(cell: Axes, view: View, picture: object) -> None:
    """Enlarged, in the view's own pixels, so that landmarks fall where they belong."""
    show(cell, np.zeros((view.camera.height, view.camera.width)))
    cell.imshow(
        picture, extent=(-0.5, view.camera.width - 0.5, view.camera.height - 0.5, -0.5), interpolation="nearest"
    )


plugin = LgffFigure8

card = Card(
    title="LGFF-Reg Figure 8: real X-rays before and after registration, with landmarks",
    source="LGFF-Reg, Fig. 8",
    citation="Yang et al., Journal of Image and Graphics 30(8), 2025",
    licence="Apache-2.0",
    deviations=(
        "A wrist's radius in place of a vertebra; landmarks lie on the bone's surface. Before is the nominal pose: the "
        "networks look at no start.",
    ),
)
