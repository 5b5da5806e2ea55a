"""SOPI Table 3: registration of X-rays, as the paper prints it and with sound measures beside."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.contract import Card, FinishedRun
from bench.metrics.corners import MIN_MATCHES
from bench.report.kinds import image_kind
from bench.report.marks import marked
from bench.report.published import NOT_COMPARABLE, find_published
from bench.report.tables import Cell, Table, TableColumn, TableRow
from bench.score.budgets import DRR_MOST
from bench.score.columns import STRICT_DEG, STRICT_MM
from bench.score.images import TRUTH_PREFIX
from bench.score.statistics import failure_rate, of_label, spread, text_column, values

PERCENT = 100
TRUE_POSE = "(the true pose)"

# Our column, the paper's name for it in ``bench/published/sopi.toml``, what is printed above, decimals.
_PAPER = (
    ("dist_err_descriptor", "dist_err_descriptor", "DistErr\n(descriptor)", 3, ""),
    ("img_sim_paper", "image_similarity", "ImgSim", 3, ""),
    ("sopi_rx_error_deg", "sopi_rx_error_deg", "rx", 2, "Rotation (deg)"),
    ("sopi_ry_error_deg", "sopi_ry_error_deg", "ry", 2, "Rotation (deg)"),
    ("sopi_rz_error_deg", "sopi_rz_error_deg", "rz", 2, "Rotation (deg)"),
    ("sopi_tx_error_mm", "sopi_tx_error_mm", "tx", 2, "Translation (mm)"),
    ("sopi_ty_error_mm", "sopi_ty_error_mm", "ty", 2, "Translation (mm)"),
    ("sopi_tz_error_mm", "sopi_tz_error_mm", "tz", 2, "Translation (mm)"),
    ("seconds", "seconds", "Time\n(s)", 2, ""),
)

PAPER_COLUMNS = (
    TableColumn(heading="Method", keys=("method",)),
    TableColumn(heading="Source", keys=("source",)),
    TableColumn(heading="Cases", keys=("cases",)),
    TableColumn(heading="No\npose", keys=("no_pose",)),
    *(TableColumn(heading=title, keys=(key,), decimals=digits, group=group) for key, _, title, digits, group in _PAPER),
)


def _corners(detector: str, unit: str) -> TableColumn:
    return TableColumn(
        heading=f"{detector}\n{unit}",
        keys=(f"corner_{detector.lower()}_mm_median", f"corner_{detector.lower()}_defined"),
        template="{} ({})",
        group="Corners: median (defined)",
    )


def _audited_columns(unit: str) -> tuple[TableColumn, ...]:
    return (
        TableColumn(heading="Method", keys=("method",)),
        TableColumn(heading="Cases", keys=("cases",)),
        TableColumn(heading="No\npose", keys=("no_pose",)),
        _corners("ORB", unit),
        _corners("SURF", unit),
        TableColumn(heading="NCC", keys=("ncc_true_mean",), decimals=3),
        TableColumn(heading="Rotation\n(deg)", keys=("rotation_error_deg_median",)),
        TableColumn(heading="In plane\n(mm)", keys=("in_plane_error_mm_median",)),
        TableColumn(heading="Depth\n(mm)", keys=("depth_error_mm_median",)),
        TableColumn(heading="Median", keys=("mtre_mm_median",), group="mTRE (mm)"),
        TableColumn(heading="p95", keys=("mtre_mm_p95",), group="mTRE (mm)"),
        TableColumn(
            heading="All\n(%)",
            keys=("failure_strict_percent", "failure_strict_low", "failure_strict_high"),
            template="{} [{}, {}]",
            decimals=1,
            group="Strict failure",
        ),
        TableColumn(heading="Wrong\nbasin (%)", keys=("wrong_basin_percent",), decimals=1, group="Strict failure"),
        TableColumn(heading="Depth\nonly (%)", keys=("depth_only_percent",), decimals=1, group="Strict failure"),
        TableColumn(heading="Time\n(s)", keys=("seconds_median",)),
        TableColumn(heading="DRRs\n(at most)", keys=("drr_evaluations_mean", DRR_MOST), template="{} ({})", decimals=0),
    )


@dataclass(frozen=True, slots=True)
class SopiTable3:
    """Two tables: ``sopi_table3_<kind>`` (the paper's columns, its values below ours) and ``..._audited``.

    ``<kind>`` is ``simulated_xray`` or ``real_xray``. Without image scores (``scoring.images``) their cells are empty.

    Attributes:
        seed: Of the bootstrap over patients.
    """

    seed: int = 0

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write both under ``tables``."""
        folder, name = run.folder / "tables", f"sopi_table3_{image_kind(run.scores).suffix}"
        paper, audited = (marked(table, run.scores) for table in (self.paper(run), self.audited(run)))
        return [*paper.write(folder, name), *audited.write(folder, f"{name}_audited")]

    def paper(self, run: FinishedRun) -> Table:
        """The columns of SOPI's Table 3 by its definitions; its own values in a row of their own."""
        kind = image_kind(run.scores).words
        rows = [row for label in run.labels for row in _paper_rows(run.scores, label, kind)]
        return Table(
            columns=PAPER_COLUMNS,
            rows=(*rows, _true_row(run)),
            caption=f"SOPI Table 3 on {kind}s, paper-compatible columns: means. {run.description}.",
            notes=(
                "rx, ry, rz, tx, ty, tz: mean absolute parameter errors in SOPI's names (tx is depth, rx turns about "
                "the image's vertical); the paper's translations are taken as mm. "
                "DistErr as the public code computes it: a distance of SURF descriptors x 0.19959, "
                "no millimetre; ours with another implementation of SURF. ImgSim: not the true NCC, but sum(ab) / "
                "sum|ab|. Both compare with a rendering of the moving content alone.",
                f"{TRUE_POSE}: what a perfect answer would score. Published rows: 5 real X-ray acquisitions.",
                "Means are over the values that exist; cases without a pose are counted beside them.",
                NOT_COMPARABLE,
            ),
        )

    def audited(self, run: FinishedRun) -> Table:
        """Sound definitions."""
        kind, isocentre = image_kind(run.scores).words, _needs_isocentre(run.scores)
        rows = tuple(self._audited_row(of_label(run.scores, label), label, isocentre) for label in run.labels)
        where = "at the isocentre, for these images have no known source-to-detector distance"
        return Table(
            columns=_audited_columns("(mm, isocentre)" if isocentre else "(mm)"),
            rows=(*rows, _true_audited_row(run, isocentre)),
            caption=f"Registration of {kind}s, audited columns. {run.description}.",
            notes=(
                "Corners: matched keypoints of target and rendered answer, mean distance in mm "
                f"{where if isocentre else 'on the detector, by the pixel spacing of the image'}; "
                f"median over cases, in brackets the number of cases with the {MIN_MATCHES} matches that define it. "
                "Methods whose answers match in fewer cases are measured on their better ones.",
                f"Rotation, in plane, depth, mTRE, time: medians, a case without a pose standing at infinity. Strict "
                f"failure: rotation of {STRICT_DEG:g} deg or displacement of {STRICT_MM:g} mm or more, with a 95 % "
                "interval where 6 patients or more allow one. Wrong basin: rotation or in-plane displacement of that "
                "size. Depth only: the other failures with a pose; one view determines depth weakly.",
                "DRRs: rendered images a case, mean, and in brackets what the settings allow at most, where the method "
                "says so: budgets are the methods' own and differ.",
                "On real X-rays the truth is a reference pose made by registration: agreement, not accuracy; "
                "differences below its uncertainty, which stands in each case's record, are ties. A "
                "reference that `fluorobench reference` found comes from Opt-SGC's search: Opt-SGC's row is no "
                "independent check of it.",
            ),
        )

    def _audited_row(self, rows: pd.DataFrame, label: str, isocentre: bool) -> TableRow:
        failed = failure_rate(rows, seed=self.seed)
        interval = failed.interval
        low, high = (None, None) if interval is None else (PERCENT * interval.low, PERCENT * interval.high)
        mtre, kinds = spread(values(rows, "mtre_mm")), text_column(rows, "failure")
        return TableRow(
            cells=(
                *_counts(rows, label),
                *_image_cells(rows, "", isocentre),
                *((_median(rows, name),) for name in ("rotation_error_deg", "in_plane_error_mm", "depth_error_mm")),
                (mtre.median,),
                (mtre.p95,),
                (PERCENT * failed.share, low, high),
                *((PERCENT * kinds.count(kind) / len(kinds),) for kind in ("wrong_basin", "depth_only")),
                (_median(rows, "seconds"),),
                (spread(values(rows, "drr_evaluations")).mean, _mean(rows, DRR_MOST)),
            )
        )


def _paper_rows(scores: pd.DataFrame, label: str, kind: str) -> list[TableRow]:
    rows = of_label(scores, label)
    ours = tuple((_mean(rows, name),) for name, *_ in _PAPER)
    published = [find_published("sopi", table="3", row=label, column=name) for _, name, *_ in _PAPER]
    found = [TableRow(cells=((label,), (kind,), *_counts(rows, label)[1:], *ours))]
    if any(published):
        printed = tuple((None if value is None else value.value,) for value in published)
        found.append(TableRow(cells=((label,), ("published",), (5,), (None,), *printed), ranked=False))
    return found


def _true_row(run: FinishedRun) -> TableRow:
    """Image scores of the true poses, the same for every method: those of the first one's cases."""
    rows = of_label(run.scores, run.labels[0])
    scores = [_mean(rows, f"{TRUTH_PREFIX}{name}") for name, *_ in _PAPER[:2]]
    cells: tuple[Cell, ...] = ((TRUE_POSE,), (image_kind(rows).words,), (len(rows),), (None,))
    return TableRow(cells=(*cells, *((score,) for score in scores), *((0.0,),) * 6, (None,)), ranked=False)


def _true_audited_row(run: FinishedRun, isocentre: bool) -> TableRow:
    rows = of_label(run.scores, run.labels[0])
    cells: tuple[Cell, ...] = ((TRUE_POSE,), (len(rows),), (None,), *_image_cells(rows, TRUTH_PREFIX, isocentre))
    last: tuple[Cell, ...] = ((None, None, None), *((None,),) * 3, (None, None))
    return TableRow(cells=(*cells, *((0.0,),) * 5, *last), ranked=False)


def _counts(rows: pd.DataFrame, label: str) -> tuple[Cell, Cell, Cell]:
    return (label,), (len(rows),), (text_column(rows, "failure").count("no_pose"),)


def _image_cells(rows: pd.DataFrame, prefix: str, isocentre: bool) -> tuple[Cell, ...]:
    where = "_isocentre" if isocentre else ""
    corners = [_values(rows, f"{prefix}corner_{detector}{where}_mm") for detector in ("orb", "surf")]
    return (*(_defined(sample) for sample in corners), (_mean(rows, f"{prefix}ncc_true"),))


def _defined(sample: NDArray[np.float64]) -> Cell:
    known = sample[np.isfinite(sample)]
    return (float(np.median(known)) if known.size else None, int(known.size))


def _needs_isocentre(rows: pd.DataFrame) -> bool:
    """Whether some image has no SDD, hence no pixel spacing: its projection distances are absent too."""
    posed = rows[[kind != "no_pose" for kind in text_column(rows, "failure")]]
    return bool(np.isnan(values(posed, "double_geodesic_mm")).any())


def _values(rows: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """A column; NaN throughout where the run was scored without images."""
    return values(rows, name) if name in rows.columns else np.full(len(rows), np.nan)


def _mean(rows: pd.DataFrame, name: str) -> float:
    return spread(_values(rows, name)).mean


def _median(rows: pd.DataFrame, name: str) -> float:
    return spread(_values(rows, name)).median


plugin = SopiTable3

card = Card(
    title="SOPI Table 3: X-rays, with image scores, six axes and time by method",
    source="SOPI, Table 3; audited columns are ours",
    citation="M. Chen et al., ICASSP 2024",
    licence="Apache-2.0",
    deviations=(
        "DistErr: SURF by mahotas, for OpenCV's wheels leave SURF out; descriptors of both have unit length.",
        "Real X-rays are those that the user has; without any the X-ray is simulated, and every caption says so.",
        "Time is measured, not a budget.",
    ),
)
