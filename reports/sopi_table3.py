"""SOPI Table 3: registration of X-rays, as the paper prints it and with sound measures beside."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.contract import Card, FinishedRun
from bench.metrics.corners import MIN_MATCHES
from bench.report.kinds import image_kind
from bench.report.marks import marked
from bench.report.order import Step, order_table, pairs_of
from bench.report.published import NOT_COMPARABLE, load_published, published_value
from bench.report.summary import COST_NOTE, PERCENT, MethodRow, cost_columns, rate_cell
from bench.report.tables import Table, TableRow
from bench.score.budgets import DRR_MOST
from bench.score.column import Cell, Column, Value
from bench.score.images import TRUTH_PREFIX
from bench.score.registration import STRICT_DEG, STRICT_MM
from bench.score.statistics import of_label, spread, text_column, values

# By the published axis errors, the worst first.
ORDER = ("Initial", "Deep-reg", "Opt-NGI", "Opt-NCCL", "Opt-GC", "SOPI", "SOPI+opt")
# By metric: the axes whose published errors it is the mean of.
ORDERED_BY = {
    "rotation_axis_mean_deg": [f"sopi_{axis}_error_deg" for axis in ("rx", "ry", "rz")],
    "translation_axis_mean_mm": [f"sopi_{axis}_error_mm" for axis in ("tx", "ty", "tz")],
}

TRUE_POSE = "(the true pose)"


# The paper's name of a metric in ``bench/published/sopi.toml``, where it is not ours.
_PUBLISHED_NAMES = {"img_sim_paper": "image_similarity"}


@dataclass(frozen=True, slots=True, eq=False)
class _PaperRow:
    """What the paper's columns print of a method's registrations, of the published values, or of the true poses.

    Attributes:
        label: Printed as the method.
        source: Where the images are from, or ``published``.
        cases: How many.
        no_pose: How many of them have no pose; None where it does not apply.
        value: From the name of a metric to its value; None where there is none.
    """

    label: str
    source: str
    cases: int
    no_pose: int | None
    value: Callable[[str], float | None]


def _value(name: str, heading: str, *, decimals: int = 2, group: str = "") -> Column[_PaperRow]:
    """A metric."""
    return Column(heading=heading, name=name, compute=lambda row: row.value(name), decimals=decimals, group=group)


PAPER_COLUMNS: tuple[Column[_PaperRow], ...] = (
    Column(heading="Method", name="method", compute=lambda row: row.label),
    Column(heading="Source", name="source", compute=lambda row: row.source),
    Column(heading="Cases", name="cases", compute=lambda row: row.cases),
    Column(heading="No\npose", name="no_pose", compute=lambda row: row.no_pose),
    _value("dist_err_descriptor", "DistErr\n(descriptor)", decimals=3),
    _value("img_sim_paper", "ImgSim", decimals=3),
    *(_value(f"sopi_{axis}_error_deg", axis, group="Rotation (deg)") for axis in ("rx", "ry", "rz")),
    *(_value(f"sopi_{axis}_error_mm", axis, group="Translation (mm)") for axis in ("tx", "ty", "tz")),
    _value("seconds", "Time\n(s)"),
)


@dataclass(frozen=True, slots=True, eq=False)
class _AuditedRow(MethodRow):
    """The registrations of one method, or the true poses of the same cases.

    Attributes:
        truth: Whether the row states the true poses: image scores of theirs, and no errors.
        isocentre: Whether distances between corners are measured at the isocentre.
    """

    truth: bool = False
    isocentre: bool = False

    def image_scores(self, name: str) -> NDArray[np.float64]:
        """An image score of every case; NaN throughout where the run was scored without images."""
        return _values(self.rows, f"{TRUTH_PREFIX if self.truth else ''}{name}")

    def corners(self, detector: str) -> Cell:
        """Median distance over the cases that define it, and how many these are."""
        sample = self.image_scores(f"dist_err_{detector}{'_isocentre' if self.isocentre else ''}_mm")
        known = sample[np.isfinite(sample)]
        return (float(np.median(known)) if known.size else None, int(known.size))

    def error(self, found: float) -> float:
        """An error as computed; that of the true pose is zero."""
        return 0.0 if self.truth else found


def _corners(detector: str, unit: str) -> Column[_AuditedRow]:
    name = detector.lower()
    return Column(
        heading=f"{detector}\n{unit}",
        name=f"dist_err_{name}_mm_median",
        further=(f"dist_err_{name}_defined",),
        compute=lambda row: row.corners(name),
        template="{} ({})",
        group="DistErr: median (defined)",
    )


def _median(name: str, heading: str, *, group: str = "") -> Column[_AuditedRow]:
    """The median of an error."""
    return Column(heading=heading, name=f"{name}_median", compute=lambda row: row.error(row.median(name)), group=group)


def _failures(kind: str, heading: str) -> Column[_AuditedRow]:
    return Column(
        heading=heading,
        name=f"{kind}_percent",
        compute=_of_method(lambda row: PERCENT * row.count(kind) / row.cases),
        decimals=1,
        group="Strict failure",
    )


def _of_method(compute: Callable[[_AuditedRow], Value | Cell]) -> Callable[[_AuditedRow], Value | Cell]:
    """A cell that is empty in the row of the true poses."""
    return lambda row: None if row.truth else compute(row)


def _audited_columns(unit: str) -> tuple[Column[_AuditedRow], ...]:
    return (
        Column(heading="Method", name="method", compute=lambda row: row.label),
        Column(heading="Cases", name="cases", compute=lambda row: row.cases),
        Column(heading="No\npose", name="no_pose", compute=_of_method(lambda row: row.no_pose)),
        *_image_columns(unit),
        *_error_columns(),
        *_failure_columns(),
        *_cost_columns(),
    )


def _image_columns(unit: str) -> tuple[Column[_AuditedRow], ...]:
    return (
        _corners("ORB", unit),
        _corners("SURF", unit),
        Column(
            heading="NCC",
            name="ncc_true_mean",
            compute=lambda row: spread(row.image_scores("ncc_true")).mean,
            decimals=3,
        ),
    )


def _error_columns() -> tuple[Column[_AuditedRow], ...]:
    return (
        _median("rotation_error_deg", "Rotation\n(deg)"),
        _median("in_plane_error_mm", "In plane\n(mm)"),
        _median("depth_error_mm", "Depth\n(mm)"),
        _median("mtre_mm", "Median", group="mTRE (mm)"),
        Column(
            heading="p95",
            name="mtre_mm_p95",
            compute=lambda row: row.error(row.p95("mtre_mm")),
            group="mTRE (mm)",
        ),
    )


def _failure_columns() -> tuple[Column[_AuditedRow], ...]:
    return (
        Column(
            heading="All\n(%)",
            name="failure_strict_percent",
            further=("failure_strict_low", "failure_strict_high"),
            compute=_of_method(lambda row: rate_cell(row.failure_rate())),
            template="{} [{}, {}]",
            decimals=1,
            group="Strict failure",
        ),
        _failures("wrong_basin", "Wrong\nbasin (%)"),
        _failures("depth_only", "Depth\nonly (%)"),
    )


def _registrations(row: _AuditedRow) -> MethodRow | None:
    return None if row.truth else row


def _cost_columns() -> tuple[Column[_AuditedRow], ...]:
    return (
        *cost_columns(_registrations, with_drrs=False),
        Column(
            heading="DRRs\n(at most)",
            name="drr_evaluations_mean",
            further=(DRR_MOST,),
            compute=_of_method(lambda row: (row.mean("drr_evaluations"), _mean(row.rows, DRR_MOST))),
            template="{} ({})",
            decimals=0,
        ),
    )


@dataclass(frozen=True, slots=True)
class SopiTable3:
    """Tables ``sopi_table3_<kind>`` (the paper's columns, its values below ours), ``..._audited`` and ``..._order``.

    ``<kind>`` is ``simulated_xray`` or ``real_xray``. Without image scores (``scoring.images``) their cells are empty.
    """

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write them under ``tables``."""
        folder, name = run.folder / "tables", f"sopi_table3_{image_kind(run.scores).suffix}"
        return [
            *marked(self.paper(run), run.scores).write(folder, name),
            *marked(self.audited(run), run.scores).write(folder, f"{name}_audited"),
            *self.order(run).write(folder, f"{name}_order"),
        ]

    def order(self, run: FinishedRun) -> Table[Step]:
        """The published order: each method against the next better one."""
        return order_table(
            run,
            pairs_of(ORDER, run),
            tuple(ORDERED_BY),
            published=_published_mean,
            caption=f"SOPI Table 3 on {image_kind(run.scores).name}s",
            notes=(NOT_COMPARABLE,),
            decimals=2,
        )

    def paper(self, run: FinishedRun) -> Table[_PaperRow]:
        """The columns of SOPI's Table 3 by its definitions; its own values in a row of their own."""
        kind = image_kind(run.scores).name
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

    def audited(self, run: FinishedRun) -> Table[_AuditedRow]:
        """Sound definitions."""
        kind, isocentre = image_kind(run.scores).name, _needs_isocentre(run.scores)
        rows = tuple(self._audited_row(run, label, isocentre) for label in run.labels)
        where = "at the isocentre, for these images have no known source-to-detector distance"
        return Table(
            columns=_audited_columns("(mm, isocentre)" if isocentre else "(mm)"),
            rows=(*rows, _true_audited_row(run, isocentre)),
            caption=f"Registration of {kind}s, audited columns. {run.description}.",
            notes=(
                "DistErr: distance between matched corners of the moving content rendered at the true pose and at the "
                "answer (simulated X-rays), or of the X-ray and the whole CT rendered at the answer (real ones), in mm "
                f"{where if isocentre else 'on the detector, by the pixel spacing of the image'}; "
                f"median over cases, in brackets the number of cases with the {MIN_MATCHES} pairs that define it.",
                f"Rotation, in plane, depth, mTRE, time: medians, a case without a pose standing at infinity. Strict "
                f"failure: rotation of {STRICT_DEG:g} deg or displacement of {STRICT_MM:g} mm or more, with a 95 % "
                "interval where 6 patients or more allow one. Wrong basin: rotation or in-plane displacement of that "
                "size. Depth only: the other failures with a pose; one view determines depth weakly.",
                COST_NOTE,
                "DRRs: rendered images a case, mean, and in brackets what the settings allow at most, where the method "
                "states it: budgets are the methods' own and differ.",
                "On real X-rays the truth is a reference pose made by registration: agreement, not accuracy; "
                "differences below its uncertainty, which stands in each case's record, are ties. A "
                "reference that `fluorobench reference` found comes from Opt-SGC's search: Opt-SGC's row is no "
                "independent check of it.",
            ),
        )

    def _audited_row(self, run: FinishedRun, label: str, isocentre: bool) -> TableRow[_AuditedRow]:
        row = _AuditedRow(label, of_label(run.scores, label), isocentre=isocentre)
        return TableRow(context=row, method=label)


def _paper_rows(scores: pd.DataFrame, label: str, kind: str) -> list[TableRow[_PaperRow]]:
    """The row of a method, and the published values below it where there are any."""
    rows = of_label(scores, label)
    no_pose = text_column(rows, "failure").count("no_pose")
    ours = _PaperRow(label, kind, len(rows), no_pose, lambda name: _mean(rows, name))
    found: list[TableRow[_PaperRow]] = [TableRow(context=ours, method=label)]
    if any((each.table, each.row.casefold()) == ("3", label.casefold()) for each in load_published("sopi")):
        found.append(TableRow(context=_published_row(label), ranked=False))
    return found


def _published_row(label: str) -> _PaperRow:
    def value(name: str) -> float | None:
        return published_value("sopi", "3", label, _PUBLISHED_NAMES.get(name, name))

    return _PaperRow(label, "published", 5, None, value)


def _published_mean(label: str, name: str) -> float | None:
    """Mean over axes of the published errors; None without them."""
    found = [published_value("sopi", "3", label, axis) for axis in ORDERED_BY[name]]
    known = [each for each in found if each is not None]
    return sum(known) / len(known) if len(known) == len(found) else None


def _true_row(run: FinishedRun) -> TableRow[_PaperRow]:
    """Image scores of the true poses, the same for every method: those of the first one's cases; no time."""
    rows = of_label(run.scores, run.labels[0])

    def value(name: str) -> float | None:
        if name == "seconds":
            return None
        return 0.0 if name.startswith("sopi_") else _mean(rows, f"{TRUTH_PREFIX}{name}")

    context = _PaperRow(TRUE_POSE, image_kind(rows).name, len(rows), None, value)
    return TableRow(context=context, ranked=False)


def _true_audited_row(run: FinishedRun, isocentre: bool) -> TableRow[_AuditedRow]:
    row = _AuditedRow(TRUE_POSE, of_label(run.scores, run.labels[0]), truth=True, isocentre=isocentre)
    return TableRow(context=row, ranked=False)


def _needs_isocentre(rows: pd.DataFrame) -> bool:
    """Whether some image has no SDD, hence no pixel spacing: its projection distances are absent too."""
    posed = rows[[kind != "no_pose" for kind in text_column(rows, "failure")]]
    return bool(np.isnan(values(posed, "double_geodesic_mm")).any())


def _values(rows: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """A column; NaN throughout where the run was scored without images."""
    return values(rows, name) if name in rows.columns else np.full(len(rows), np.nan)


def _mean(rows: pd.DataFrame, name: str) -> float:
    return spread(_values(rows, name)).mean


plugin = SopiTable3

card = Card(
    title="SOPI Table 3: X-rays, with image scores, six axes and time by method",
    source="SOPI, Table 3; audited columns are ours",
    citation="M. Chen et al., ICASSP 2024",
    licence="Apache-2.0",
    deviations=(
        "DistErr: SURF by mahotas, for OpenCV's wheels leave SURF out; descriptors of both have unit length.",
        "Real X-rays are those that the user has; without any the X-ray is simulated, and every caption states it.",
        "Time is measured, not a budget.",
    ),
)
