"""Score and report a synthetic run of many rows, and print rows a second and peak memory.

Usage: ``python benchmarks/many_rows.py --cases 100000 --methods 10 --out build/many`` (10^6 rows). The run's files are
written once, without a registration: answers are drawn about the truths. The report runs in a process of its own, whose
processor time and largest resident memory are measured.
"""

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
import tomli_w

from bench.cases.build import case_ids, view_record
from bench.cases.extent import Extent
from bench.cases.hashes import landmarks_hash, truth_hash
from bench.cases.hashes import perturbation_hash as hash_of_cases
from bench.cases.records import (
    EstimateRecord,
    ImageProvenance,
    ImageSource,
    LandmarkRecord,
    MatrixList,
    PatientRecord,
    ProblemRecord,
    TruthRecord,
    as_list,
)
from bench.cases.scene import protocol_scene
from bench.contract import Outcome, PatientOrigin, View
from bench.geometry import Matrix, PoseFrame, nominal_pose
from bench.protocol import Protocol, read_protocol
from bench.run.environment import describe_environment
from bench.run.journal import Journal

LABELS = ("Initial", "Nominal", "Prior", "Opt-NCCL", "Opt-NGI", "Opt-GC", "Opt-GO", "Opt-LM", "RTPI", "SOPI")
ARTEFACTS = ("sopi_table1", "ranking", "paired_wins", "learning", "pose_bound", "error_histogram", "success_curve")
PATIENTS, LANDMARKS = 20, 200
SEEN = ImageProvenance(source=ImageSource.RENDERED, moving_content="bone", target_content="bone", matched=True)


def many(cases: int, methods: int) -> Protocol:
    """``sopi-sim`` with so many cases of so many methods, and the artefacts that need no image."""
    over = {
        "data": {"patients": PATIENTS},
        "start": {"per_patient": cases // PATIENTS},
        "scoring": {"images": False},
        "artefacts": {"names": ARTEFACTS},
    }
    protocol = read_protocol("sopi-sim", "quick", over)
    rows = tuple(each for each in protocol.methods if each.label in LABELS[:methods])
    return protocol.model_copy(update={"name": "many-rows", "methods": rows})


def write_run(folder: Path, protocol: Protocol) -> None:
    """Write the files of a finished run, record by record."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "protocol.toml").write_text(tomli_w.dumps(protocol.model_dump(mode="json", exclude_none=True)))
    (folder / "environment.json").write_text(describe_environment().model_dump_json())
    random = np.random.default_rng(0)
    patients = [patient(number, random) for number in range(PATIENTS)]
    (folder / "patients.jsonl").write_text("".join(each.model_dump_json() + "\n" for each in patients))
    drawn = [each for one in patients for each in cases_of(protocol, one, random)]
    name = hash_of_cases(problem for problem, _ in drawn)
    with (folder / "problems.jsonl").open("w") as problems:
        for problem, _ in drawn:
            problems.write(problem.model_copy(update={"perturbation_hash": name}).model_dump_json() + "\n")
    with (folder / "estimates.jsonl").open("w") as estimates:
        for method in protocol.methods:
            for problem, truth in drawn:
                write_estimate(estimates, method.label, problem, truth, name, random)
    Journal(folder).write_truth(truth for _, truth in drawn)


def patient(number: int, random: np.random.Generator) -> PatientRecord:
    """A patient that nothing is known of but landmarks and the grid."""
    marks = [LandmarkRecord(name="surface", points=random.normal(0, 40, (LANDMARKS, 3)).tolist())]
    name = f"phantom-v5-{300000 + number}"
    affine = ((1.0, 0.0, 0.0, -90.0), (0.0, 1.0, 0.0, -90.0), (0.0, 0.0, 1.0, -90.0), (0.0, 0.0, 0.0, 1.0))
    return PatientRecord(
        patient_id=name,
        patient_hash=hashlib.sha256(name.encode()).hexdigest()[:16],
        dataset="phantom",
        origin=PatientOrigin("phantom", 5, 300000 + number),
        landmarks=marks,
        extent=Extent((180, 180, 180), affine, ((False, False), (False, False), (True, True))),
    )


def cases_of(
    protocol: Protocol, one: PatientRecord, random: np.random.Generator
) -> Iterator[tuple[ProblemRecord, TruthRecord]]:
    """The cases of a patient, with a bound each."""
    scene = protocol_scene(protocol)
    frame = PoseFrame(nominal_pose(scene.view, np.zeros(3), scene.depth_mm), np.zeros(3))
    marks = landmarks_hash(one.landmarks)
    for case_id in case_ids(protocol, one.patient_id):
        theta, off = random.normal(0, 5, 6), random.uniform(-10, 10, 6)
        bound = as_list(np.diag(random.uniform(1e-4, 1e-2, 6)))
        truth = TruthRecord(case_id=case_id, truth=as_list(frame.pose(theta)), bound=bound)
        yield (
            ProblemRecord(
                case_id=case_id,
                patient_id=one.patient_id,
                patient_hash=one.patient_hash,
                images=SEEN,
                start_distribution="uniform",
                views=[view_record(View(scene.camera))],
                start=as_list(frame.pose(theta + off)),
                nominal=as_list(frame.nominal),
                centre=[0.0, 0.0, 0.0],
                search=list(scene.search),
                seed=int(random.integers(2**31)),
                redraws=0,
                target_hash=hashlib.sha256(case_id.encode()).hexdigest()[:16],
                landmarks_hash=marks,
                truth_hash=truth_hash(truth),
                perturbation_hash="",
            ),
            truth,
        )


def write_estimate(
    file: TextIO, label: str, problem: ProblemRecord, truth: TruthRecord, name: str, random: np.random.Generator
) -> None:
    """An answer about the truth; one in a hundred has no pose."""
    failed = random.random() < 0.01
    used = float(random.uniform(1, 3))
    record = EstimateRecord(
        label=label,
        case_id=problem.case_id,
        perturbation_hash=name,
        pose=None if failed else beside(truth.truth, random),
        outcome=Outcome.RAISED if failed else Outcome.CONVERGED,
        seconds=used,
        seconds_prepare=0.5,
        seconds_by_phase={"search": used},
        drr_evaluations=int(random.integers(100, 3000)),
        processor_seconds=used,
        processor_seconds_prepare=0.5,
        threads=1,
        reference_seconds=0.01,
        error="ValueError: no" if failed else None,
    )
    file.write(record.sealed().model_dump_json() + "\n")


def beside(truth: MatrixList, random: np.random.Generator) -> MatrixList:
    """A pose that is displaced and turned a little about the camera's axis."""
    pose: Matrix = np.array(truth)
    angle = np.deg2rad(random.normal(0, 1.5))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    pose[:3, :3] = turn @ pose[:3, :3]
    pose[:3, 3] += random.normal(0, 1.5, 3)
    return as_list(pose)


def measure(folder: Path, command: str, limit_gib: float | None) -> None:
    """Run a command of fluorobench on the run, and print what it cost."""

    def limit() -> None:
        if limit_gib is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (int(limit_gib * 2**30),) * 2)

    began = time.perf_counter()
    words = [sys.executable, "-m", "bench.cli.main", command, str(folder)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, preexec_fn=limit)
    _, status, used = os.wait4(process.pid, 0)
    rows = sum(1 for _ in (folder / "estimates.jsonl").open("rb"))
    seconds = used.ru_utime + used.ru_stime
    print(  # noqa: T201
        f"{command}: status {os.waitstatus_to_exitcode(status)}, {rows} rows, {seconds:.1f} s of processor time "
        f"({rows / seconds:.0f} rows/s, {time.perf_counter() - began:.0f} s by the clock), "
        f"peak {used.ru_maxrss / 2**20:.2f} GiB"
    )


def main() -> None:
    """Write the run where it is not there yet, then score and report it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--methods", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("build/many"))
    parser.add_argument("--limit-gib", type=float, help="limit of the process's data (RLIMIT_DATA)")
    given = parser.parse_args()
    protocol = many(given.cases, given.methods)
    folder = Journal.of(given.out, protocol).folder
    if not Journal(folder).complete:
        write_run(folder, protocol)
    for command in ("score", "report"):
        measure(folder, command, given.limit_gib)


if __name__ == "__main__":
    main()
