"""Tune the four classical methods on validation patients: the same candidates, the same cases, equal trials for each.

    python benchmarks/tune_classical.py --patients 2 --cases 4 --methods opt_gc opt_ncc

Matched content as in ``sopi-sim`` (bone against bone), or the whole body as target; photon noise; starts of both
kinds. Every candidate of every method answers the same cases; what was tried, and how it did, is printed. Processor
time is compared, since wall time depends on other load on the machine.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.cases.scene import scene_of
from bench.contract import Case, Patient, Problem, Split, View
from bench.drr import AttenuationMap, project
from bench.geometry import Matrix, PoseFrame, StandardView, nominal_pose, rotation_angle_deg, transform_points
from bench.registry import build, load
from bench.volume.content import with_content

METHODS = ("opt_ncc", "opt_ngi", "opt_gc", "opt_go")
PHOTONS = 20_000
DEPTH_MM = 700.0
CAMERA = scene_of("sopi-sim").camera
TRUTH_SIGMA = np.array([6, 6, 6, 9, 4.5, 30])
START_UNIFORM = np.array([10, 20, 10, 30, 30, 30])
START_SIGMA = 0.3 * np.array([10, 20, 10, 30, 15, 100])
SEARCH = 4 * TRUTH_SIGMA


def level(size: int, population: int, generations: int, sigma: float, x_tolerance: float) -> dict[str, Any]:
    """Settings of one level."""
    return {
        "size": size,
        "population": population,
        "generations": generations,
        "sigma": sigma,
        "x_tolerance": x_tolerance,
    }


FINE = level(128, 12, 20, 0.005, 2e-4)
CANDIDATES: Mapping[str, Mapping[str, Any]] = {
    "32-64-128": {"levels": [level(32, 40, 25, 0.25, 0.01), level(64, 20, 20, 0.03, 1e-3), FINE]},
    "32-64-128, smaller": {"levels": [level(32, 24, 25, 0.25, 0.01), level(64, 14, 20, 0.03, 1e-3), FINE]},
    "64-128": {"levels": [level(64, 30, 30, 0.25, 0.01), level(128, 14, 24, 0.01, 2e-4)]},
    "64-128, larger": {"levels": [level(64, 60, 30, 0.25, 0.01), level(128, 14, 24, 0.01, 2e-4)]},
    "32-64-128, wide": {"levels": [level(32, 40, 25, 0.4, 0.01), level(64, 20, 20, 0.05, 1e-3), FINE]},
}


@dataclass(frozen=True, slots=True)
class Result:
    """One registration's errors and cost."""

    rotation_deg: float
    translation_mm: float
    drr_evaluations: int
    cpu_seconds: float

    @property
    def failed(self) -> bool:
        """Strict: 3 degrees and 3 mm must both hold."""
        return self.rotation_deg >= 3 or self.translation_mm >= 3


def cases(patient: Patient, target: str, count: int) -> Iterator[Case]:
    """Cases of one patient, whose bone moves before an image of its ``target`` content; starts alternate."""
    volume, patient_id = with_content(patient.volume, "bone"), patient.id
    centre = volume.content_centre()
    frame = PoseFrame(nominal_pose(StandardView.AP, centre, DEPTH_MM), centre)
    attenuation = AttenuationMap.from_volume(with_content(patient.volume, target))
    for number in range(count):
        random = np.random.default_rng([int(patient_id.rsplit("-", 1)[-1]), number])
        truth = random.normal(size=6) * TRUTH_SIGMA
        near = truth + random.uniform(-1, 1, size=6) * START_UNIFORM
        start = near if number % 2 == 0 else random.normal(size=6) * START_SIGMA
        clean = project(attenuation, frame.pose(truth)[None], CAMERA)[0, 0].numpy()
        counts: Matrix = random.poisson(PHOTONS * np.exp(-clean.astype(np.float64))).astype(np.float64)
        image = -np.log(np.maximum(counts, 0.5) / PHOTONS)
        problem = Problem(
            case_id=f"{patient_id}-{number}",
            patient_id=patient_id,
            patient_hash="",
            volume=volume,
            views=(View(CAMERA, image=image.astype(np.float32)),),
            start=frame.pose(start),
            nominal=frame.nominal,
            centre=centre,
            search=SEARCH,
            seed=number,
        )
        yield Case(problem, frame.pose(truth))


def measure(method: Any, case: Case, prepared: Any) -> Result:
    """Register one case."""
    began = time.process_time()
    estimate = method.register(case.problem, prepared)
    seconds = time.process_time() - began
    centre = case.problem.centre
    moved = transform_points(estimate.pose, centre) - transform_points(case.truth, centre)
    angle = rotation_angle_deg(estimate.pose, case.truth)
    return Result(angle, float(np.linalg.norm(moved)), estimate.drr_evaluations, seconds)


def report(label: str, results: Sequence[Result]) -> None:
    """Print one line."""
    failed = sum(result.failed for result in results)
    medians = np.median([(result.rotation_deg, result.translation_mm) for result in results], axis=0)
    cost = np.mean([(result.drr_evaluations, result.cpu_seconds) for result in results], axis=0)
    sys.stdout.write(
        f"{label:42s} failed {failed:3d} of {len(results):3d}   median {medians[0]:.3f} deg {medians[1]:.3f} mm   "
        f"{cost[0]:6.0f} DRRs   {cost[1]:.2f} CPU s\n"
    )
    sys.stdout.flush()


def main() -> None:
    """Try every candidate of every method on the same cases."""
    parser = argparse.ArgumentParser(description="Tune the classical methods on validation phantoms.")
    parser.add_argument("--patients", type=int, default=4)
    parser.add_argument("--skip-patients", type=int, default=0)
    parser.add_argument("--cases", type=int, default=10)
    parser.add_argument("--target", default="bone", choices=("bone", "body"))
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--candidates", nargs="+", default=list(CANDIDATES), choices=list(CANDIDATES))
    chosen = parser.parse_args()
    dataset = load("datasets", "phantom")()
    ids = dataset.patient_ids(Split.VALIDATION)[chosen.skip_patients : chosen.skip_patients + chosen.patients]
    posed: list[Case] = []
    for patient_id in ids:
        posed += cases(dataset.patient(patient_id), chosen.target, chosen.cases)
    sys.stdout.write(f"patients {', '.join(ids)}; {len(posed)} cases; target {chosen.target}\n")
    for name in chosen.methods:
        for label in chosen.candidates:
            method = build("methods", name, CANDIDATES[label])
            ready = {id(case.problem.volume): case.problem for case in posed}
            prepared = {key: method.prepare(problem.volume, problem.views) for key, problem in ready.items()}
            report(f"{name} {label}", [measure(method, case, prepared[id(case.problem.volume)]) for case in posed])


if __name__ == "__main__":
    main()
