"""SOPI Figure 4: for one case, each method's projection, and its edges in green over the X-ray."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.contract import Card, Case, FinishedRun, Image
from bench.drr import AttenuationMap, ProjectionError
from bench.geometry import Matrix
from bench.report.figures import INK, KIND_COLOURS, KIND_NAMES, Axes, footnote, grid, house_style, save
from bench.report.kinds import image_kind
from bench.report.overlay import Colours, grey, overlay, render
from bench.score.statistics import of_label, text_column, values

# The paper's columns in its order; what else a run has follows. RTPI is the initialiser alone.
PAPER_ORDER = ("Opt-GC", "Opt-NCCL", "Opt-NGI", "Deep-reg", "RTPI", "SOPI+opt", "SOPI")
INITIAL = "Initial"

# A view is cut to so many times the extent of the moving content at the true pose, where that is the smaller.
_ROOM = 1.6
# Metal and air would take the whole range of grey: so many percent of the pixels shown are clipped at either end.
_CLIPPED = 3.0
# Pixels of the longer side of a picture, at least.
_SIDE = 480

Window = tuple[slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class _Panel:
    """One column: a method's projection and the text below it; None where there is no pose to show."""

    label: str
    moving: Image | None
    caption: str
    colour: str


@dataclass(frozen=True, slots=True)
class SopiFigure4:
    """Figure ``sopi_figure4_<kind>``: row 1 projections, row 2 edges over the X-ray.

    Attributes:
        case: Name of the case to show; None = the one whose median mTRE over methods is the median of all cases.
    """

    case: str | None = None

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the figure under ``figures``."""
        case_id = self.case or typical_case(run.scores)
        case = run.case(case_id)
        attenuation = AttenuationMap.from_volume(case.problem.volume)
        panels = [_panel(run, label, case, attenuation) for label in in_paper_order(run.labels)]
        with house_style():
            return _draw(run, case, panels, attenuation)


def in_paper_order(labels: Sequence[str]) -> list[str]:
    """The run's methods as the paper orders its columns, the others after them; the start is drawn apart."""
    others = [label for label in labels if label not in PAPER_ORDER and label != INITIAL]
    return [label for label in PAPER_ORDER if label in labels] + others


def typical_case(rows: pd.DataFrame) -> str:
    """The case of median difficulty, by its median mTRE over methods; ties by name, no pose counts as infinite."""
    errors = pd.Series(np.nan_to_num(values(rows, "mtre_mm"), nan=np.inf), index=text_column(rows, "case_id"))
    medians = {str(name): float(np.median(found)) for name, found in errors.groupby(level=0)}
    ordered = sorted(medians, key=lambda name: (medians[name], name))
    return ordered[(len(ordered) - 1) // 2]


def _panel(run: FinishedRun, label: str, case: Case, attenuation: AttenuationMap) -> _Panel:
    rows = of_label(run.scores, label)
    index = text_column(rows, "case_id").index(case.problem.case_id)
    kind = text_column(rows, "failure")[index]
    if kind == "no_pose":
        return _Panel(label, None, text_column(rows, "outcome")[index], KIND_COLOURS[kind])
    image = _rendered(case, run.estimate(label, case.problem.case_id).pose, attenuation)
    caption = f"mTRE {values(rows, 'mtre_mm')[index]:.1f} mm\n{KIND_NAMES[kind]}"
    return _Panel(label, image, caption, KIND_COLOURS[kind])


def _rendered(case: Case, pose: Matrix, attenuation: AttenuationMap) -> Image | None:
    """The first view at a pose; None where it cannot be rendered, such as a source inside the patient."""
    try:
        return render(case.problem, pose, attenuation=attenuation)
    except ProjectionError:
        return None


def neighbourhood(silhouette: Image) -> Window:
    """The square of a view about a rendering, in which a small object is large; all of the view for a large one.

    Args:
        silhouette: Line integrals (height, width); what is above zero is looked at.
    """
    found = [np.flatnonzero((silhouette > 0).any(axis=axis)) for axis in (1, 0)]
    if not all(each.size for each in found):
        return slice(None), slice(None)
    half = _ROOM * max(float(np.ptp(each)) + 1 for each in found) / 2
    middles = [(each[0] + each[-1] + 1) / 2 for each in found]
    rows, columns = (
        slice(max(0, round(middle - half)), min(size, round(middle + half)))
        for middle, size in zip(middles, silhouette.shape, strict=True)
    )
    return rows, columns


def _target(case: Case, window: Window) -> Image | None:
    """The first view's image in the window, its extremes clipped; what is not valid counts for nothing."""
    view = case.problem.views[0]
    if view.image is None:
        return None
    shown = view.image[window]
    valid = shown if view.valid is None or not view.valid[window].any() else shown[view.valid[window]]
    low, high = np.percentile(valid, [_CLIPPED, 100 - _CLIPPED])
    return np.asarray(np.clip(shown, low, high), dtype=np.float32)


def _draw(run: FinishedRun, case: Case, panels: Sequence[_Panel], attenuation: AttenuationMap) -> list[Path]:
    kind = image_kind(run.scores)
    figure, (top, bottom) = grid(2, len(panels) + 1, width=1.3 * (len(panels) + 1) + 0.3, height=3.9)
    true = _rendered(case, case.truth, attenuation)
    window: Window = (slice(None), slice(None)) if true is None else neighbourhood(true)
    target, start = _target(case, window), _rendered(case, case.problem.start, attenuation)
    _show(top[0], None if start is None else grey(start[window]))
    _show(bottom[0], None if target is None else grey(target))
    top[0].set_title("Initial")
    bottom[0].set_title("Target")
    bottom[0].set_xlabel(kind.name, color=INK, fontsize=7)
    for upper, lower, panel in zip(top[1:], bottom[1:], panels, strict=True):
        moving = None if panel.moving is None else panel.moving[window]
        _show(upper, None if moving is None else grey(moving))
        _show(lower, None if moving is None or target is None else _lines(target, moving))
        upper.set_title(panel.label)
        lower.set_xlabel(panel.caption, color=panel.colour, fontsize=7)
    footnote(
        figure,
        [
            f"Case {case.problem.case_id}, chosen as the median one{_seen(target, case)}. Top: the moving volume at "
            f"the start and at each answer. Bottom: the {kind.name}, and the edges of that projection over it in "
            f"green. {run.description}."
        ],
    )
    return save(figure, run.folder / "figures", f"sopi_figure4_{kind.suffix}")


def _lines(target: Image, moving: Image) -> Colours:
    return overlay(target, moving, scale=max(3, -(-_SIDE // max(target.shape))))


def _seen(shown: Image | None, case: Case) -> str:
    """A phrase for the caption where part of the view is cut away."""
    camera = case.problem.views[0].camera
    whole = shown is None or shown.shape == (camera.height, camera.width)
    return "" if whole else "; views are cut to the moving content's neighbourhood"


def _show(axes: Axes, picture: object) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    if picture is None:
        axes.set_box_aspect(1)
        axes.set_facecolor("#EEEEEE")
        return
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="antialiased")


plugin = SopiFigure4

card = Card(
    title="SOPI Figure 4: projections of every method and their edges over the X-ray",
    source="SOPI, Fig. 4",
    citation="M. Chen et al., ICASSP 2024",
    licence="Apache-2.0",
    deviations=(
        "The case is chosen by rank, not by eye.",
        "Edges are Canny's on the rendering of the whole moving volume; the paper states none for its own.",
        "Methods that the run lacks have no column; methods that the paper lacks stand after its own.",
    ),
)
