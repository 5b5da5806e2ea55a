"""The regression gate: a run against frozen rows, case by case."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from pydantic import ValidationError

from bench.cases.records import ProblemRecord, Record
from bench.drr import project, project_siddon
from bench.errors import FluorobenchError
from bench.files import write_text
from bench.score.finished import SAME_POSE, ScoredRun

ROTATION_TOLERANCE_DEG = 0.1
TRANSLATION_TOLERANCE_MM = 0.15
TIME_RATIO = 2.0
PROJECTOR_RATIO = 1.2


class BaselineError(FluorobenchError):
    """A baseline that cannot be compared with the run."""


class FrozenRow(Record):
    """What one registration gave when the baseline was frozen."""

    label: str
    case_id: str
    start: list[list[float]]
    success: bool
    rotation_error_deg: float | None
    in_plane_error_mm: float | None
    mtre_mm: float | None
    drr_evaluations: int


class Baseline(Record):
    """A frozen run. Times are in units of the reference kernel's, so that machines compare.

    Evaluation counts are compared on the same kind of processor only: another one rounds otherwise, and a search that
    stops by tolerance then stops elsewhere.
    """

    protocol: str
    processor: str
    rows: list[FrozenRow]
    time_ratio: dict[str, float]
    projector_error: dict[str, float]


@dataclass(frozen=True, slots=True)
class Worse:
    """One quantity that became worse."""

    label: str
    case_id: str
    what: str
    before: str
    now: str


def freeze(run: ScoredRun) -> Baseline:
    """Turn a run into a baseline; also measures the projector against the exact oracle on the run's cases."""
    problems = {record.case_id: record for record in run.journal.problems()}
    return Baseline(
        protocol=f"{run.protocol.name}/{run.protocol.profile}",
        processor=run.journal.environment.processor,
        rows=[_frozen(cast(dict[str, Any], row), problems) for row in run.scores.to_dict("records")],
        time_ratio=_time_ratios(run),
        projector_error={case_id: _projector_error(run, case_id) for case_id in sorted(problems)},
    )


def read_baselines(path: Path) -> list[Baseline]:
    """Read a frozen baseline, or a folder of them: one a kind of processor.

    Raises:
        BaselineError: One is missing or damaged.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise BaselineError(f"no baseline (*.json) in the folder {path}; write one with --update")
    return [_read(each) for each in files]


def _read(path: Path) -> Baseline:
    try:
        return Baseline.model_validate_json(path.read_text())
    except OSError as error:
        raise BaselineError(f"no baseline at {path} ({error.strerror}); write one with --update") from None
    except (ValidationError, UnicodeDecodeError):
        raise BaselineError(f"{path} is not a baseline of this version; write a new one with --update") from None


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline, whole or not at all."""
    write_text(path, json.dumps(baseline.model_dump(mode="json"), indent=1) + "\n")


def compare(now: Baseline, before: Baseline, *, time_ratio: float = TIME_RATIO) -> list[Worse]:
    """Everything that became worse; empty where nothing did.

    Args:
        now: The run, frozen.
        before: What it is held against.
        time_ratio: A method is slower when its time in reference kernels grew by more than this factor.

    Raises:
        BaselineError: The two were not made on the same cases.
    """
    if now.protocol != before.protocol:
        raise BaselineError(f"the baseline is of {before.protocol}, the run of {now.protocol}; run the same protocol")
    rows = {(row.label, row.case_id): row for row in now.rows}
    counts = now.processor == before.processor
    worse = [found for row in before.rows for found in _compare_row(rows.get((row.label, row.case_id)), row, counts)]
    return worse + list(_compare_times(now, before, time_ratio)) + list(_compare_projector(now, before))


def compare_all(now: Baseline, baselines: Sequence[Baseline], *, time_ratio: float = TIME_RATIO) -> list[Worse]:
    """Everything that became worse than in the baseline of the same processor.

    Where none is of that processor: everything that is worse than in each of them. A search amplifies other rounding:
    along depth, where an image says little, the same code ends tenths of a millimetre apart on two processors.
    """
    same = [each for each in baselines if each.processor == now.processor] or baselines
    found = [
        {(each.label, each.case_id, each.what): each for each in compare(now, one, time_ratio=time_ratio)}
        for one in same
    ]
    return [worse for key, worse in found[0].items() if all(key in each for each in found)]


def _frozen(row: dict[str, Any], problems: dict[str, ProblemRecord]) -> FrozenRow:
    def number(name: str) -> float | None:
        return None if np.isnan(row[name]) else float(row[name])

    return FrozenRow(
        label=row["label"],
        case_id=row["case_id"],
        start=problems[row["case_id"]].start,
        success=bool(row["success_strict"]),
        rotation_error_deg=number("rotation_error_deg"),
        in_plane_error_mm=number("in_plane_error_mm"),
        mtre_mm=number("mtre_mm"),
        drr_evaluations=int(row["drr_evaluations"]),
    )


def _time_ratios(run: ScoredRun) -> dict[str, float]:
    """Median seconds a case in units of the reference kernel, for methods that render."""
    unit = run.journal.environment.reference_kernel_seconds
    rendered = run.scores[run.scores["drr_evaluations"] > 0]
    medians = rendered.groupby("label")["seconds"].median()
    return {str(label): float(seconds) / unit for label, seconds in medians.items()}


def _projector_error(run: ScoredRun, case_id: str) -> float:
    """Relative L2 difference of ``project`` from the exact oracle, at the truth."""
    staged, case = run.staged(case_id), run.case(case_id)
    camera = case.problem.views[0].camera.binned(4)
    pose = (case.problem.views[0].camera_from_rig @ case.truth)[None]
    exact = project_siddon(staged.target, pose, camera)[0]
    ours = project(staged.target, pose, camera)[0, 0].numpy()
    return float(np.linalg.norm(ours - exact) / np.linalg.norm(exact))


def _compare_row(now: FrozenRow | None, before: FrozenRow, counts: bool) -> Iterator[Worse]:
    if now is None:
        yield Worse(before.label, before.case_id, "row", "there", "missing")
        return
    if not np.allclose(now.start, before.start, atol=SAME_POSE):
        raise BaselineError(
            f"case {before.case_id} starts elsewhere than in the baseline; write a new one with --update"
        )
    if before.success and not now.success:
        yield Worse(now.label, now.case_id, "strict success", "yes", "no")
    if counts and now.drr_evaluations != before.drr_evaluations:
        both = str(before.drr_evaluations), str(now.drr_evaluations)
        yield Worse(now.label, now.case_id, "DRR evaluations (must be equal)", *both)
    tolerances = {
        "rotation_error_deg": ROTATION_TOLERANCE_DEG,
        "in_plane_error_mm": TRANSLATION_TOLERANCE_MM,
        "mtre_mm": TRANSLATION_TOLERANCE_MM,
    }
    for name, tolerance in tolerances.items():
        old, new = getattr(before, name), getattr(now, name)
        if old is not None and (new is None or new > old + tolerance):
            yield Worse(now.label, now.case_id, name, f"{old:.3f}", "none" if new is None else f"{new:.3f}")


def _compare_times(now: Baseline, before: Baseline, time_ratio: float) -> Iterator[Worse]:
    for label, old in before.time_ratio.items():
        new = now.time_ratio.get(label, float("inf"))
        if new > time_ratio * old:
            yield Worse(label, "median", "time in reference kernels", f"{old:.0f}", f"{new:.0f}")


def _compare_projector(now: Baseline, before: Baseline) -> Iterator[Worse]:
    for case_id, old in before.projector_error.items():
        new = now.projector_error.get(case_id, float("inf"))
        if new > PROJECTOR_RATIO * old:
            yield Worse("projector", case_id, "relative difference from Siddon", f"{old:.2e}", f"{new:.2e}")
