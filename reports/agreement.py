"""Agreement with the reference on real X-rays, image by image: share of starts that end within 2 mm of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.cases.records import ImageProvenance
from bench.contract import Card, FinishedRun
from bench.report.kinds import image_kind, image_name, reference_uncertainties
from bench.report.marks import marked
from bench.report.summary import COST_NOTE, PERCENT, MethodRow, cost_columns
from bench.report.tables import Table, TableRow
from bench.score.column import APART, OTHER_PREFIX, Column
from bench.score.provenance import image_provenance
from bench.score.statistics import of_label, spread, values

_OTHER_GROUP = "median to the other reference (mm)"


@dataclass(frozen=True, slots=True, eq=False)
class _ImageRow(MethodRow):
    """The registrations of one method to one image."""

    image: str = ""


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

    def table(self, run: FinishedRun) -> Table[_ImageRow]:
        """Rows by image, in the order of the cases, then by method."""
        two = _has_two(run.scores)
        images = list(dict.fromkeys(image_provenance(run.scores)))
        rows = [
            TableRow(context=_image_row(run.scores, label, image), method=label, ranked=False)
            for image in images
            for label in run.labels
        ]
        return Table(
            columns=(*self._columns(), *(_other_columns() if two else ())),
            rows=tuple(rows),
            caption=f"Agreement with the reference pose on {image_kind(run.scores).name}s. {run.description}.",
            notes=(
                "mTRE to the reference, its part parallel to the first view's detector (in plane) and its part along "
                "that view's axis (depth): medians over starts, a case without a pose standing at infinity. From one "
                "view depth is weakly determined.",
                "The reference of a real X-ray is itself a registration: read agreement, not accuracy. Differences "
                "below its uncertainty are ties, so nothing is ranked."
                f"{_uncertainties(images)} Starts of one image are not independent.",
                "A reference that `fluorobench reference` found comes from Opt-SGC's search: Opt-SGC's row is no "
                "independent check of it.",
                COST_NOTE,
                *(_apart(run.scores, images) if two else ()),
            ),
        )

    def _columns(self) -> tuple[Column[_ImageRow], ...]:
        return (
            Column(heading="Image", name="image", compute=lambda row: row.image),
            Column(heading="Method", name="method", compute=lambda row: row.label),
            Column(heading="Starts", name="starts", compute=lambda row: row.cases),
            self._below("mtre_in_plane_mm", "In plane", "in_plane_share_percent"),
            self._below("mtre_mm", "mTRE", "mtre_share_percent"),
            _median_column("mtre_in_plane_mm", "In plane", group="median (mm)"),
            _median_column("mtre_depth_mm", "Depth", group="median (mm)"),
            _median_column("mtre_mm", "mTRE", group="median (mm)"),
            _median_column("rotation_error_deg", "Rotation\n(deg)"),
            *cost_columns(_registrations),
        )

    def _below(self, name: str, heading: str, key: str) -> Column[_ImageRow]:
        """Percent of the cases whose error is below the threshold; one without a pose never is."""
        return Column(
            heading=heading,
            name=key,
            compute=lambda row: _percent_below(row, name, self.within_mm),
            template="{} %",
            decimals=0,
            group=f"below {self.within_mm:g} mm",
        )


def _image_row(scores: pd.DataFrame, label: str, image: ImageProvenance) -> _ImageRow:
    return _ImageRow(label, _of_image(of_label(scores, label), image), image=image_name(image))


def _registrations(row: _ImageRow) -> MethodRow:
    return row


def _percent_below(row: MethodRow, name: str, threshold_mm: float) -> float:
    return PERCENT * float(np.mean(np.nan_to_num(values(row.rows, name), nan=np.inf) < threshold_mm))


def _median_column(name: str, heading: str, *, group: str = "") -> Column[_ImageRow]:
    return Column(heading=heading, name=f"{name}_median", compute=lambda row: row.median(name), group=group)


def _other_columns() -> tuple[Column[_ImageRow], ...]:
    """Distances to the second reference."""
    return (
        _median_column(f"{OTHER_PREFIX}mtre_in_plane_mm", "In plane", group=_OTHER_GROUP),
        _median_column(f"{OTHER_PREFIX}mtre_mm", "mTRE", group=_OTHER_GROUP),
    )


def _uncertainties(images: Sequence[ImageProvenance]) -> str:
    """The uncertainties of the references, where they are stated."""
    stated = reference_uncertainties(images)
    return f" Here: {', '.join(stated)} (mTRE)." if stated else ""


def _has_two(scores: pd.DataFrame) -> bool:
    """Whether any case has a second reference; runs scored before there were any lack the column."""
    return APART in scores.columns and bool(np.isfinite(values(scores, APART)).any())


def _apart(scores: pd.DataFrame, images: Sequence[ImageProvenance]) -> tuple[str, ...]:
    """How far the references of each image are apart: the floor of every comparison."""
    found = {image_name(image): spread(values(_of_image(scores, image), APART)).median for image in images}
    listed = ", ".join(f"{apart:.2f} mm ({name})" for name, apart in found.items() if np.isfinite(apart))
    return (f"The two references are apart by {listed} mTRE: methods that differ by less cannot be distinguished.",)


def _of_image(rows: pd.DataFrame, image: ImageProvenance) -> pd.DataFrame:
    return rows[[each == image for each in image_provenance(rows)]]


plugin = Agreement

card = Card(
    title="Agreement with the reference on real X-rays, by image and method",
    source="ours",
    citation="none",
    licence="Apache-2.0",
)
