"""Agreement with the reference on real X-rays, image by image: who comes within 2 mm of it, and how often."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.contract import Card, FinishedRun
from bench.report.kinds import image_kind, image_name, reference_uncertainties
from bench.report.marks import marked
from bench.report.tables import Cell, Table, TableColumn, TableRow
from bench.run.records import ImageProvenance
from bench.score.columns import APART, OTHER_PREFIX
from bench.score.provenance import image_provenance
from bench.score.statistics import of_label, spread, values

PERCENT = 100
_DISTANCES = ("mtre_in_plane_mm", "mtre_depth_mm", "mtre_mm")
_OTHER_NAMES = tuple(f"{OTHER_PREFIX}{name}" for name in ("mtre_in_plane_mm", "mtre_mm"))
_OTHER = tuple(
    TableColumn(heading=heading, keys=(f"{name}_median",), group="median to the other reference (mm)")
    for heading, name in zip(("In plane", "mTRE"), _OTHER_NAMES, strict=True)
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Table ``agreement``: one row per image and method; nothing is ranked, for differences below a tie are none.

    Attributes:
        within_mm: Threshold of the in-plane and of the whole mTRE.
    """

    within_mm: float = 2.0

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write it under ``tables``."""
        return marked(self.table(run), run.scores).write(run.folder / "tables", "agreement")

    def table(self, run: FinishedRun) -> Table:
        """Rows by image, in the order of the cases, then by method."""
        two = _has_two(run.scores)
        images = list(dict.fromkeys(image_provenance(run.scores)))
        rows = [
            self._row(_of_image(of_label(run.scores, label), image), image, label, two=two)
            for image in images
            for label in run.labels
        ]
        return Table(
            columns=(*self._columns(), *(_OTHER if two else ())),
            rows=tuple(rows),
            caption=f"Agreement with the reference pose on {image_kind(run.scores).words}s. {run.description}.",
            notes=(
                "mTRE to the reference, its part parallel to the first view's detector (in plane) and its part along "
                "that view's axis (depth): medians over starts, a case without a pose standing at infinity. From one "
                "view depth is weakly determined.",
                "The reference of a real X-ray is itself a registration: read agreement, not accuracy. Differences "
                "below what it is good for are ties, so nothing is ranked."
                f"{_uncertainties(images)} Starts of one image are not independent.",
                "A reference that `fluorobench reference` found comes from Opt-SGC's search: Opt-SGC's row is no "
                "independent check of it.",
                *(_apart(run.scores, images) if two else ()),
            ),
        )

    def _columns(self) -> tuple[TableColumn, ...]:
        below = f"below {self.within_mm:g} mm"
        return (
            TableColumn(heading="Image", keys=("image",)),
            TableColumn(heading="Method", keys=("method",)),
            TableColumn(heading="Starts", keys=("starts",)),
            TableColumn(heading="In plane", keys=("in_plane_share_percent",), template="{} %", decimals=0, group=below),
            TableColumn(heading="mTRE", keys=("mtre_share_percent",), template="{} %", decimals=0, group=below),
            TableColumn(heading="In plane", keys=("mtre_in_plane_mm_median",), group="median (mm)"),
            TableColumn(heading="Depth", keys=("mtre_depth_mm_median",), group="median (mm)"),
            TableColumn(heading="mTRE", keys=("mtre_mm_median",), group="median (mm)"),
            TableColumn(heading="Rotation\n(deg)", keys=("rotation_error_deg_median",)),
            TableColumn(heading="DRRs", keys=("drr_evaluations_mean",), decimals=0),
        )

    def _row(self, rows: pd.DataFrame, image: ImageProvenance, label: str, *, two: bool) -> TableRow:
        in_plane, whole = (self._share(values(rows, name)) for name in ("mtre_in_plane_mm", "mtre_mm"))
        medians = (spread(values(rows, name)).median for name in (*_DISTANCES, "rotation_error_deg"))
        drrs = spread(values(rows, "drr_evaluations")).mean
        others = tuple((spread(values(rows, name)).median,) for name in _OTHER_NAMES) if two else ()
        cells: tuple[Cell, ...] = (
            (image_name(image),),
            (label,),
            (len(rows),),
            (in_plane,),
            (whole,),
            *((value,) for value in medians),
            (drrs,),
            *others,
        )
        return TableRow(cells=cells, ranked=False)

    def _share(self, errors: NDArray[np.float64]) -> float:
        """Percent of the cases; one without a pose is never below."""
        return PERCENT * float(np.mean(np.nan_to_num(errors, nan=np.inf) < self.within_mm))


def _uncertainties(images: Sequence[ImageProvenance]) -> str:
    """The uncertainties of the references, where they are stated."""
    said = reference_uncertainties(images)
    return f" Here: {', '.join(said)} (mTRE)." if said else ""


def _has_two(scores: pd.DataFrame) -> bool:
    """Whether any case has a second reference; runs scored before there were any lack the column."""
    return APART in scores.columns and bool(np.isfinite(values(scores, APART)).any())


def _apart(scores: pd.DataFrame, images: Sequence[ImageProvenance]) -> tuple[str, ...]:
    """How far the references of each image are apart: the floor of every comparison."""
    found = {image_name(image): spread(values(_of_image(scores, image), APART)).median for image in images}
    told = ", ".join(f"{apart:.2f} mm ({name})" for name, apart in found.items() if np.isfinite(apart))
    return (f"The two references are apart by {told} mTRE: methods that differ by less are not told apart.",)


def _of_image(rows: pd.DataFrame, image: ImageProvenance) -> pd.DataFrame:
    return rows[[each == image for each in image_provenance(rows)]]


plugin = Agreement

card = Card(
    title="Agreement with the reference on real X-rays, by image and method",
    source="ours",
    citation="none",
    licence="Apache-2.0",
)
