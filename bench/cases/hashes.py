"""Fingerprints that tie a run's files together: sha256 of canonical JSON (sorted keys, no spaces, shortest floats)."""

import hashlib
import json
import math
from collections.abc import Iterable

from bench.cases.records import LandmarkRecord, MatrixList, ProblemRecord, TruthRecord


def truth_hash(answer: TruthRecord) -> str:
    """Fingerprint of one ground truth, recorded with the problem before anything is registered.

    All of it is sealed: rig_from_world, a second reference, and the bound, which is rounded to six digits because the
    last ones depend on the number of threads. Absent parts are not included.
    """
    sealed: dict[str, object] = {"case_id": answer.case_id, "truth": _floats(answer.truth)}
    if answer.bound is not None:
        try:
            sealed["bound"] = _rounded(answer.bound)
        except (IndexError, ValueError, ArithmeticError):  # no covariance: what was altered since it was sealed
            sealed["bound"] = answer.bound
    if answer.other is not None:
        sealed["other"] = _floats(answer.other)
    return _digest(sealed)


def _floats(matrix: MatrixList) -> MatrixList:
    return [[float(number) for number in row] for row in matrix]


def _rounded(covariance: MatrixList) -> list[list[str]]:
    """Deviations to six digits, correlations to six decimals: those near zero have no digits to rely on."""
    deviations = [math.sqrt(row[number]) for number, row in enumerate(covariance)]
    correlations = [
        [f"{round(value / (deviations[i] * deviations[j]), 6) + 0.0:.6f}" for j, value in enumerate(row)]
        for i, row in enumerate(covariance)
    ]
    return [[f"{each:.5e}" for each in deviations], *correlations]


def landmarks_hash(landmarks: Iterable[LandmarkRecord]) -> str:
    """Fingerprint of a patient's landmark sets: the points of its target registration errors."""
    return _digest([each.model_dump(mode="json") for each in landmarks])


def problem_hash(problem: ProblemRecord) -> str:
    """Fingerprint of a case with views, start and truth's hash, without ``perturbation_hash``, its own digest."""
    content = problem.model_dump(mode="json", exclude={"perturbation_hash"})
    # Without drawn strengths the fingerprint equals that of earlier runs, which had no such field.
    content["views"] = [{k: v for k, v in view.items() if k != "drawn" or v is not None} for view in content["views"]]
    return _digest(content)


def perturbation_hash(problems: Iterable[ProblemRecord]) -> str:
    """Fingerprint of all cases of a run, in any order: equal hashes mean identical cases."""
    return _digest(sorted(problem_hash(problem) for problem in problems))


def _digest(value: object) -> str:
    # NaN is not written by a run; in an altered file it changes the fingerprint.
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
