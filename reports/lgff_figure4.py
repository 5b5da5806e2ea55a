"""LGFF-Reg Figure 4: how a clean rendering becomes a low-dose image, step by step, with the strengths of the run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.contract import Card, FinishedRun, Image
from bench.errors import FluorobenchError
from bench.report.figures import GREY, footnote, grid, house_style, save
from bench.report.overlay import render
from bench.report.pictures import show
from bench.run.journal import Journal
from bench.score.statistics import text_column
from bench.xray import Degradation, LowDose

STEPS = ("DRR", "Fog", "Artefacts", "Blur", "Brightness, contrast")
# A width at which a Gaussian of whole pixels is the identity.
_NO_BLUR_PX = 0.01


class LgffFigureError(FluorobenchError):
    """A run without the images that the figure shows."""


@dataclass(frozen=True, slots=True)
class LgffFigure4:
    """Figure ``lgff_figure4``: one row a case.

    Attributes:
        cases: How many, the first ones of the run.
    """

    cases: int = 3

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the figure under ``figures``.

        Raises:
            LgffFigureError: The run's images are not degraded.
        """
        journal = Journal.existing(run.folder)
        low_dose = journal.protocol.target.low_dose
        if low_dose is None:
            raise LgffFigureError("lgff_figure4 shows low-dose images; this protocol has no table target.low_dose")
        wanted = sorted(set(text_column(run.scores, "case_id")))[: self.cases]
        drawn = {each.case_id: each.views[0].drawn or {} for each in journal.problems()}
        strips = {
            case_id: _strip(run, case_id, low_dose, Degradation.from_record(drawn[case_id])) for case_id in wanted
        }
        with house_style():
            figure, axes = grid(len(strips), len(STEPS), width=7.6, height=0.55 + 1.55 * len(strips))
            for row, (case_id, images) in zip(axes, strips.items(), strict=True):
                for cell, image, title in zip(row, images, STEPS, strict=True):
                    show(cell, image)
                    cell.set_title(title if row is axes[0] else "")
                row[0].set_ylabel(case_id.rpartition("/")[2], color=GREY)
            footnote(
                figure, [f"Each step adds to the one before it; the last is the image of the case. {run.description}."]
            )
            return save(figure, run.folder / "figures", "lgff_figure4")


def _strip(run: FinishedRun, case_id: str, low_dose: LowDose, drawn: Degradation) -> list[Image]:
    """The clean rendering and what each step makes of it, all from 0 to 1."""
    case = run.case(case_id)
    clean = _scaled(render(case.problem, case.truth))
    sharp = replace(low_dose, blur_sigma_px=_NO_BLUR_PX)
    plain = replace(drawn, contrast=1.0, brightness=0.0)
    return [
        clean,
        sharp.apply(clean, [replace(plain, artefact=0.0)]),
        sharp.apply(clean, [plain]),
        low_dose.apply(clean, [plain]),
        low_dose.apply(clean, [drawn]),
    ]


def _scaled(image: Image) -> Image:
    low, high = float(image.min()), float(image.max())
    return np.asarray((image - low) / max(high - low, 1e-6), dtype=np.float32)


plugin = LgffFigure4

card = Card(
    title="LGFF-Reg Figure 4: from a rendering to a low-dose image",
    source="LGFF-Reg, Fig. 4",
    citation="Yang et al., Journal of Image and Graphics 30(8), 2025",
    licence="Apache-2.0",
    deviations=("Strengths are ours: the paper gives the order of the steps alone.",),
)
