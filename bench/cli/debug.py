"""``fluorobench run --debug CASE``: one case in this process, where breakpoints and a debugger work."""

import pdb
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bench.cli.console import messages, output

if TYPE_CHECKING:
    from bench.cases.build import BuiltCase
    from bench.cases.records import EstimateRecord, PatientRecord
    from bench.contract import Estimate
    from bench.protocol import Protocol
    from bench.protocol.model import MethodTable

_SHOWN = (("rotation_error_deg", "deg"), ("in_plane_error_mm", "mm in plane"), ("depth_error_mm", "mm of depth"))


def debug_case(protocols: Sequence["Protocol"], case_id: str) -> bool:
    """Run the methods of a protocol on one case, without limits and without a file; returns whether all gave a pose.

    An error is a traceback; on a terminal Python's debugger then stands where it was raised.

    Args:
        protocols: One.
        case_id: Of its cases.

    Raises:
        FluorobenchError: Another number of protocols, or no such case.
    """
    from bench.errors import FluorobenchError

    if len(protocols) != 1:
        raise FluorobenchError(f"--debug takes one protocol; got {len(protocols)}")
    (protocol,) = protocols
    patient, built = _built(protocol, case_id)
    found = [_debugged(row, patient, built) for row in protocol.methods]
    return all(found)


def _built(protocol: "Protocol", case_id: str) -> "tuple[PatientRecord, BuiltCase]":
    from bench.cases.build import case_ids
    from bench.registry import unknown
    from bench.run.posed import PosedPatients

    patients = PosedPatients(protocol)
    known = [name for patient in patients.ids for name in case_ids(protocol, patient)]
    if case_id not in known:
        raise unknown(f"case of {protocol.name}", case_id, known)
    record, cases = patients.draw(case_id.rpartition("/")[0])
    return record, next(each for each in cases if each.case.problem.case_id == case_id)


def _debugged(row: "MethodTable", patient: "PatientRecord", built: "BuiltCase") -> bool:
    """Run one method; prints what came of it."""
    try:
        said = list(_answered(row, patient, built))
    except Exception as error:
        traceback.print_exception(error)
        if sys.stdin.isatty():
            pdb.post_mortem(error.__traceback__)
        messages.print(f"{row.label}: raised an error", style="red", markup=False)
        return False
    for line in said:
        output.print(line, markup=False, soft_wrap=True)
    return True


def _answered(row: "MethodTable", patient: "PatientRecord", built: "BuiltCase") -> Iterator[str]:
    from bench import registry
    from bench.contract import prepare
    from bench.run.worker import make_read_only

    problem = built.case.problem
    make_read_only(problem)
    method = registry.build("methods", row.plugin, row.settings, row.preset)
    began = time.perf_counter()
    ready = prepare(method, problem.volume, problem.views, problem.space)
    prepared = time.perf_counter()
    if (reason := method.skip(problem)) is not None:
        yield f"{row.label}: skipped: {reason}"
        return
    estimate: Estimate = method.register(problem, ready)
    seconds = time.perf_counter() - prepared
    scores = _scores(row.label, estimate, patient, built)
    errors = ", ".join(f"{float(scores[name]):.3f} {unit}" for name, unit in _SHOWN)
    before, after = float(scores["initial_mtre_mm"]), float(scores["mtre_mm"])
    yield f"{row.label}: {estimate.outcome}, mTRE {before:.2f} -> {after:.3f} mm ({errors})"
    theta = ", ".join(f"{each:.3f}" for each in problem.frame.parameters(estimate.pose))
    truth = ", ".join(f"{each:.3f}" for each in problem.frame.parameters(built.case.truth))
    yield f"  theta {theta} (deg, mm); of the truth {truth}"
    yield (
        f"  {seconds:.2f} s, {prepared - began:.2f} s to prepare, {estimate.drr_evaluations} DRR evaluations as stated"
    )


def _scores(label: str, estimate: "Estimate", patient: "PatientRecord", built: "BuiltCase") -> Any:
    """The row of an answer; raises ``ValueError`` where it is no rigid pose."""
    from bench.cases.hashes import perturbation_hash
    from bench.geometry import require_rigid
    from bench.score.rows import score_rows

    pose = require_rigid(estimate.pose, "the pose")
    name = perturbation_hash([built.problem_record])
    problem = built.problem_record.model_copy(update={"perturbation_hash": name})
    record = _record(label, replace(estimate, pose=pose), problem.case_id, name)
    return score_rows([patient], [problem], [record], [built.truth_record]).iloc[0]


def _record(label: str, estimate: "Estimate", case_id: str, name: str) -> "EstimateRecord":
    from bench.cases.records import EstimateRecord, as_list

    return EstimateRecord(
        label=label,
        case_id=case_id,
        perturbation_hash=name,
        pose=as_list(estimate.pose),
        outcome=estimate.outcome,
        seconds=None,
        seconds_prepare=0.0,
        seconds_by_phase=dict(estimate.seconds),
        drr_evaluations=estimate.drr_evaluations,
    )
