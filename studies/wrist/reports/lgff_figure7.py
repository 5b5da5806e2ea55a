"""LGFF-Reg Figure 7: real X-rays with the outline that was drawn, and the masked crop that networks see."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.contract import Card, FinishedRun, Image, View
from bench.errors import FluorobenchError
from bench.report.figures import Axes, footnote, grid, house_style, save
from bench.report.overlay import grey
from bench.report.pictures import TARGET_COLOUR, show
from studies.wrist.crops import one_case_an_image, round_outline

_MARGIN_PX = 6


class LgffFigureError(FluorobenchError):
    """A run that the figure has nothing of."""


@dataclass(frozen=True, slots=True)
class LgffFigure7:
    """Figure ``lgff_figure7``: one column an X-ray."""

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the figure under ``figures``.

        Raises:
            LgffFigureError: No bone is outlined in the run's X-rays.
        """
        images = one_case_an_image(run.scores)
        views = {name: run.case(case_id).problem.views[0] for name, case_id in images.items()}
        if any(view.valid is None or view.image is None for view in views.values()):
            raise LgffFigureError("lgff_figure7 shows outlined X-rays; in this run nothing is outlined (View.valid)")
        with house_style():
            figure, (top, bottom) = grid(2, len(views), width=1.75 * len(views) + 0.4, height=4.6)
            for above, below, (name, view) in zip(top, bottom, views.items(), strict=True):
                _whole(above, view)
                above.set_title(name)
                show(below, masked_crop(view))
            top[0].set_ylabel("X-ray")
            bottom[0].set_ylabel("Masked crop")
            footnote(figure, [f"Orange: the outline, drawn by hand. Below: what it leaves. {run.description}."])
            return save(figure, run.folder / "figures", "lgff_figure7")


def masked_crop(view: View) -> Image:
    """The outlined pixels from 0 to 1, scaled by their own range; 0 beside them."""
    crop = round_outline(view, _MARGIN_PX)
    image, valid = np.asarray(crop.image), np.asarray(crop.valid, dtype=np.bool_)
    low, high = np.percentile(image[valid], [1, 99])
    scaled = np.clip((image - low) / max(float(high - low), 1e-6), 0, 1)
    return np.asarray(np.where(valid, scaled, 0), dtype=np.float32)


def _whole(axes: Axes, view: View) -> None:
    image = np.asarray(view.image)
    show(axes, grey(image))
    outline = np.asarray(view.valid, dtype=np.float32)
    axes.contour(outline, levels=[0.5], colors=TARGET_COLOUR, linewidths=0.8)


plugin = LgffFigure7

card = Card(
    title="LGFF-Reg Figure 7: real X-rays and masked crops",
    source="LGFF-Reg, Fig. 7",
    citation="Yang et al., Journal of Image and Graphics 30(8), 2025",
    licence="Apache-2.0",
    deviations=("A wrist's radius in place of a vertebra.",),
)
