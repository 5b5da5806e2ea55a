"""Fingerprints that tie a run's files together: sha256 of canonical JSON (sorted keys, no spaces, shortest floats)."""

import hashlib
import json
from collections.abc import Iterable

from bench.run.records import LandmarkRecord, MatrixList, ProblemRecord


def truth_hash(case_id: str, truth: MatrixList) -> str:
    """Fingerprint of one answer (rig_from_world, mm): it stands beside the problem before anything is registered."""
    return _digest({"case_id": case_id, "truth": [[float(number) for number in row] for row in truth]})


def landmarks_hash(landmarks: Iterable[LandmarkRecord]) -> str:
    """Fingerprint of a patient's landmark sets: what its target registration errors are measured at."""
    return _digest([each.model_dump(mode="json") for each in landmarks])


def problem_hash(problem: ProblemRecord) -> str:
    """Fingerprint of a case with views, start and truth's hash; blind to ``perturbation_hash``, which is made of it."""
    content = problem.model_dump(mode="json", exclude={"perturbation_hash"})
    # Where no strengths were drawn, nothing of them is in the fingerprint: it is that of runs before there were any.
    content["views"] = [{k: v for k, v in view.items() if k != "drawn" or v is not None} for view in content["views"]]
    return _digest(content)


def perturbation_hash(problems: Iterable[ProblemRecord]) -> str:
    """Fingerprint of all cases of a run, in any order: equal hashes mean that methods met identical cases."""
    return _digest(sorted(problem_hash(problem) for problem in problems))


def _digest(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
