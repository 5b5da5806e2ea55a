"""LGFF-Reg Figure 5: synthetic X-rays, and below each the rendering at the pose that was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Card, FinishedRun
from bench.report.figures import INK, footnote, grid, house_style, save
from bench.report.overlay import grey, render
from bench.report.pictures import show
from bench.score.statistics import of_label, text_column, values

_NOTHING = "no answer:\nno weights, or failed"


@dataclass(frozen=True, slots=True)
class LgffFigure5:
    """Figure ``lgff_figure5``.

    Attributes:
        label: Method.
        sets: How many cases, the first ones of the run: none is picked.
    """

    label: str = "LGFF-Reg"
    sets: int = 4

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the figure under ``figures``; nothing where the run lacks the method."""
        if self.label not in run.labels:
            return []
        rows = of_label(run.scores, self.label).iloc[: self.sets]
        with house_style():
            figure, (top, bottom) = grid(2, len(rows), width=1.75 * len(rows) + 0.4, height=4.3)
            for number, case_id in enumerate(text_column(rows, "case_id")):
                problem = run.case(case_id).problem
                target = problem.views[0].image
                show(top[number], None if target is None else grey(target))
                top[number].set_title(case_id.rpartition("/")[2])
                lost = text_column(rows, "failure")[number] == "no_pose"
                found = None if lost else grey(render(problem, run.estimate(self.label, case_id).pose))
                show(bottom[number], found, otherwise=_NOTHING)
                if not lost:
                    error = values(rows, "lgff_mtre_mm")[number]
                    bottom[number].set_xlabel(f"mTRE (LGFF) {error:.2f} mm", color=INK, fontsize=7.5)
            top[0].set_ylabel("Synthetic X-ray")
            bottom[0].set_ylabel(self.label)
            footnote(figure, [f"The first cases of the run. Below: the DRR at the answer. {run.description}."])
            return save(figure, run.folder / "figures", "lgff_figure5")


plugin = LgffFigure5

card = Card(
    title="LGFF-Reg Figure 5: synthetic X-rays over the registered renderings",
    source="LGFF-Reg, Fig. 5",
    citation="Yang et al., Journal of Image and Graphics 30(8), 2025",
    licence="Apache-2.0",
    deviations=("The first cases are shown, not chosen ones.",),
)
