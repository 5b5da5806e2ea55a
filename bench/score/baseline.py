"""Baselines of the regression gate: what runs gave when they were frozen, and how far clean repeats lie apart."""

import json
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from pydantic import Field, ValidationError, model_validator

from bench.cases.records import EstimateRecord, ProblemRecord, Record
from bench.drr import project, project_siddon
from bench.errors import FluorobenchError, describe_validation
from bench.files import write_text
from bench.score.finished import SAME_POSE, ScoredRun
from bench.score.tolerances import METRICS, Tolerances
from bench.text import one_line

_ERROR_LENGTH = 200
# In reference kernels of some 10 ms: of a shorter case the processor's caches decide, as much as the code.
SHORTEST = 10.0
Spread: TypeAlias = dict[str, dict[str, float]]


class BaselineError(FluorobenchError):
    """A baseline that cannot be compared with the run, or that would let everything pass."""


class FrozenRow(Record):
    """What one registration gave.

    ``processor_ratio``: Its processor time in units of the reference kernel's, measured before and after it; None where
    none was measured, or nothing was rendered.
    """

    label: str
    case_id: str
    start: list[list[float]]
    success: bool
    rotation_error_deg: float | None
    in_plane_error_mm: float | None
    mtre_mm: float | None
    drr_evaluations: int = Field(ge=0)
    processor_ratio: float | None = Field(default=None, ge=0)
    outcome: str | None = None
    error: str | None = None

    @property
    def posed(self) -> bool:
        """Whether it gave a pose."""
        return self.mtre_mm is not None

    def error_of(self, metric: str) -> float | None:
        """One of ``METRICS``."""
        found: float | None = getattr(self, metric)
        return found


class FrozenRun(Record):
    """What a run gave, on one kind of processor.

    Attributes:
        protocol: Name and profile.
        processor: As the operating system names it.
        threads: That methods may use; None where an earlier version froze it.
        rows: One a registration.
        projector_error: Relative difference of the projector from the exact oracle at each case's truth.
    """

    protocol: str
    processor: str
    threads: int | None = None
    rows: list[FrozenRow]
    projector_error: dict[str, float]


class Baseline(FrozenRun):
    """What later runs are held against; one that would let everything pass is refused.

    Attributes:
        repeats: Runs that it was frozen from.
        spread: By label and metric, the largest difference between those runs.
        time_spread: By label, the largest factor between the times of clean repeats (``time_ratios``): of those runs,
            or of others that were measured since.
        tolerances: What counts as worse.
    """

    repeats: int = 1
    spread: Spread = Field(default_factory=dict[str, dict[str, float]])
    time_spread: dict[str, float] = Field(default_factory=dict[str, float])
    tolerances: Tolerances = Field(default_factory=Tolerances)

    @model_validator(mode="after")
    def _tells_something(self) -> "Baseline":
        """Against nothing, or against infinity, nothing gets worse."""
        if not self.rows:
            raise ValueError("it has no rows")
        numbers = [error for row in self.rows for metric in METRICS if (error := row.error_of(metric)) is not None]
        numbers += [*self.projector_error.values(), *(row.processor_ratio or 0.0 for row in self.rows)]
        numbers += [*self.time_spread.values(), *(each for own in self.spread.values() for each in own.values())]
        if not np.isfinite(numbers).all():
            raise ValueError("an error or a time in it is infinite or no number")
        posed = {row.label for row in self.rows if row.posed}
        silent = [row.label for row in self.rows if row.label not in posed]
        if silent:
            raise ValueError(f"{silent[0]} has no pose in any case of it")
        return self


def freeze(run: ScoredRun) -> FrozenRun:
    """Note what a run gave; also measures the projector against the exact oracle on the run's cases."""
    journal = run.journal
    problems = {record.case_id: record for record in journal.problems()}
    estimates = {(record.label, record.case_id): record for record in journal.estimates()}
    rows = cast("list[dict[str, Any]]", run.scores.to_dict("records"))
    return FrozenRun(
        protocol=f"{run.protocol.name}/{run.protocol.profile}",
        processor=journal.environment.processor,
        threads=journal.environment.threads,
        rows=[_frozen(row, problems[row["case_id"]], estimates[row["label"], row["case_id"]]) for row in rows],
        projector_error={case_id: _projector_error(run, case_id) for case_id in sorted(problems)},
    )


def merged(runs: Sequence[FrozenRun], before: Baseline | None = None) -> Baseline:
    """One baseline from clean repeats: the rows of the first, medians of the times, and the spread of both.

    Args:
        runs: At least one.
        before: The baseline that is replaced: its tolerances are kept, since a person may have chosen them; and the
            spread of times that was measured for it, where one run tells none.

    Raises:
        BaselineError: The runs are not repeats (other cases, another protocol, processor or number of threads), have no
            rows, a method without any pose, or errors that are no numbers.
    """
    first = runs[0]
    if len({(each.protocol, each.processor, each.threads) for each in runs}) > 1:
        raise BaselineError("expected repeats of one run; got other protocols, processors or numbers of threads")
    by_key = [{(row.label, row.case_id): row for row in each.rows} for each in runs]
    if any(each.keys() != by_key[0].keys() for each in by_key):
        raise BaselineError("expected repeats of one run; got other rows or cases")
    repeats = {key: [each[key] for each in by_key] for key in by_key[0]}
    try:
        return Baseline(
            protocol=first.protocol,
            processor=first.processor,
            threads=first.threads,
            rows=[_with_median_time(rows) for rows in repeats.values()],
            projector_error=first.projector_error,
            repeats=len(runs),
            spread=spread_of(runs),
            time_spread=_time_spread(runs) if len(runs) > 1 or before is None else before.time_spread,
            tolerances=Tolerances() if before is None else before.tolerances,
        )
    except ValidationError as error:
        raise BaselineError(f"a run of {first.protocol} cannot be a baseline: {describe_validation(error)}") from None


def rows_by_case(runs: Sequence[FrozenRun]) -> dict[tuple[str, str], list[FrozenRow]]:
    """Rows of all runs by label and case."""
    found: dict[tuple[str, str], list[FrozenRow]] = {}
    for row in (row for each in runs for row in each.rows):
        found.setdefault((row.label, row.case_id), []).append(row)
    return found


def spread_of(runs: Sequence[FrozenRun]) -> Spread:
    """The largest difference of a case's error between runs, by label and metric; of what at least two runs hold."""
    found: Spread = {}
    for (label, _), same in rows_by_case(runs).items():
        if len(same) > 1:
            own = found.setdefault(label, dict.fromkeys(METRICS, 0.0))
            for metric in METRICS:
                errors = [error for row in same if (error := row.error_of(metric)) is not None]
                own[metric] = max(own[metric], float(np.ptp(errors)) if errors else 0.0)
    return found


def time_ratios(now: FrozenRun, before: FrozenRun) -> dict[str, float]:
    """By label, the median over cases of how many times slower a method became; cases below ``SHORTEST`` left out."""
    rows = {(row.label, row.case_id): row.processor_ratio for row in now.rows}
    found: dict[str, list[float]] = {}
    for row in before.rows:
        new = rows.get((row.label, row.case_id))
        if row.processor_ratio is not None and new is not None and row.processor_ratio >= SHORTEST:
            found.setdefault(row.label, []).append(new / row.processor_ratio)
    return {label: float(np.median(ratios)) for label, ratios in found.items()}


def _time_spread(runs: Sequence[FrozenRun]) -> dict[str, float]:
    """By label, the largest factor between two runs' times."""
    found: dict[str, float] = {}
    for one, other in permutations(runs, 2):
        for label, ratio in time_ratios(one, other).items():
            found[label] = max(found.get(label, 1.0), ratio)
    return found


def read_baselines(path: Path) -> list[Baseline]:
    """Read a frozen baseline, or a folder of them: one a protocol and kind of processor.

    Raises:
        BaselineError: One is missing, damaged, or tells nothing.
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
    except UnicodeDecodeError:
        raise BaselineError(f"{path} is no text; write a new baseline with --update") from None
    except ValidationError as error:
        why = describe_validation(error)
        raise BaselineError(f"{path} is no baseline: {why}; write a new one with --update") from None


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline, whole or not at all."""
    write_text(path, json.dumps(baseline.model_dump(mode="json"), indent=1) + "\n")


def same_start(now: FrozenRow, before: FrozenRow) -> bool:
    """Whether two rows are of one case."""
    return bool(np.allclose(now.start, before.start, atol=SAME_POSE))


def _frozen(row: dict[str, Any], problem: ProblemRecord, estimate: EstimateRecord) -> FrozenRow:
    errors = {metric: None if np.isnan(row[metric]) else float(row[metric]) for metric in METRICS}
    return FrozenRow(
        label=row["label"],
        case_id=row["case_id"],
        start=problem.start,
        success=bool(row["success_strict"]),
        drr_evaluations=int(row["drr_evaluations"]),
        processor_ratio=_ratio(estimate),
        outcome=str(estimate.outcome.value),
        error=None if estimate.error is None else one_line(estimate.error, _ERROR_LENGTH),
        **errors,
    )


def _ratio(estimate: EstimateRecord) -> float | None:
    """Only where something was rendered: the time of the others is that of a message between two processes."""
    used, unit = estimate.processor_seconds, estimate.reference_seconds
    return used / unit if used is not None and unit and estimate.drr_evaluations > 0 else None


def _projector_error(run: ScoredRun, case_id: str) -> float:
    """Relative L2 difference of ``project`` from the exact oracle, at the truth."""
    staged, case = run.staged(case_id), run.case(case_id)
    camera = case.problem.views[0].camera.binned(4)
    pose = (case.problem.views[0].camera_from_rig @ case.truth)[None]
    exact = project_siddon(staged.moving_map, pose, camera)[0]
    ours = project(staged.moving_map, pose, camera)[0, 0].numpy()
    return float(np.linalg.norm(ours - exact) / np.linalg.norm(exact))


def _with_median_time(repeats: Sequence[FrozenRow]) -> FrozenRow:
    ratios = [row.processor_ratio for row in repeats if row.processor_ratio is not None]
    return repeats[0].model_copy(update={"processor_ratio": float(np.median(ratios)) if ratios else None})
