"""Pose the cases of a staged patient: draw truth and start, render the target, write both down."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.contract import Case, Problem, View
from bench.geometry import Matrix, PoseFrame
from bench.perturb import PoseDistribution, StartDistribution, draw_case, generator, nominal_pose_generator, salted_seed
from bench.protocol import Protocol
from bench.run.acquired import RealTarget, draw_real_case
from bench.run.hashes import landmarks_hash, truth_hash
from bench.run.records import (
    ImageProvenance,
    ImageSource,
    LandmarkRecord,
    MatrixList,
    ProblemRecord,
    TruthRecord,
    ViewRecord,
    as_list,
)
from bench.run.staging import StagedPatient
from bench.run.targets import simulate_view
from bench.xray.bound import pose_bound, pose_information


@dataclass(frozen=True, slots=True, eq=False)
class PosedCase:
    """A case and the lines that record it; the perturbation hash is filled in once all cases are drawn."""

    case: Case
    problem_record: ProblemRecord
    truth_record: TruthRecord


def case_ids(protocol: Protocol, patient_id: str) -> list[str]:
    """Names of a patient's cases."""
    return [f"{patient_id}/{index:03d}" for index in range(protocol.start.per_patient)]


def build_case(
    protocol: Protocol, staged: StagedPatient, index: int, *, recorded: ProblemRecord | None = None
) -> PosedCase:
    """Pose one case; the same protocol, patient and index give the same case.

    Cases of a patient with real X-rays go round them: the first case is on the first one, and so on.

    Args:
        protocol: What is asked for.
        staged: The patient.
        index: Number of the case.
        recorded: The case as a run wrote it down: the strengths of its images are taken from there, not drawn.
    """
    posed = _on_real(protocol, staged, index) if staged.real else _on_simulated(protocol, staged, index, recorded)
    patient, frame = staged.patient, posed.frame
    case_id = case_ids(protocol, patient.id)[index]
    problem = Problem(
        case_id=case_id,
        patient_id=patient.id,
        patient_hash=patient.hash,
        volume=staged.moving,
        views=posed.views,
        start=posed.start,
        nominal=frame.nominal,
        centre=frame.centre,
        search=np.array(protocol.target.search),
        seed=salted_seed(protocol.seed, "method", case_id),
        moving=protocol.data.moving,
        truth_distribution=_told(protocol.target.distribution),
        start_distribution=_told(protocol.start.used),
    )
    truth_record = TruthRecord(case_id=case_id, truth=as_list(posed.truth), bound=posed.bound, other=posed.other)
    record = _record(protocol, problem, posed, truth=truth_record, landmarks=landmarks_hash(landmark_records(staged)))
    return PosedCase(Case(problem, posed.truth), record, truth_record)


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """What distinguishes the cases of a patient: images and poses."""

    frame: PoseFrame
    views: tuple[View, ...]
    truth: Matrix
    start: Matrix
    redraws: int
    images: ImageProvenance
    drawn: tuple[dict[str, float] | None, ...]
    bound: MatrixList | None = None
    other: MatrixList | None = None


def _on_simulated(protocol: Protocol, staged: StagedPatient, index: int, recorded: ProblemRecord | None) -> _Scene:
    case_id = case_ids(protocol, staged.patient.id)[index]
    stage = staged.stage(np.array(protocol.target.search))
    draw = draw_case(*_laws(protocol), stage, generator(protocol.seed, "draw", case_id), index=index)
    truth = staged.frame.pose(draw.truth)
    drawn = [None] * len(staged.views) if recorded is None else [each.drawn for each in recorded.views]
    made = [
        simulate_view(protocol, staged, truth, case_id=case_id, number=number, recorded=strengths)
        for number, strengths in enumerate(drawn)
    ]
    start, bound = staged.frame.pose(draw.start), _bound(protocol, staged, truth)
    views, strengths = tuple(each.view for each in made), tuple(each.drawn for each in made)
    return _Scene(staged.frame, views, truth, start, draw.redraws, _simulated(protocol), strengths, bound)


def _simulated(protocol: Protocol) -> ImageProvenance:
    return ImageProvenance(
        source=ImageSource.RENDERED if protocol.target.formation is None else ImageSource.FORMED,
        moving_content=protocol.data.moving,
        target_content=protocol.data.target,
        matched=protocol.matched,
    )


def _real(protocol: Protocol, target: RealTarget) -> ImageProvenance:
    return ImageProvenance(
        source=ImageSource.REAL,
        moving_content=protocol.data.moving,
        acquisition=target.acquisition,
        view=target.view,
        reference_uncertainty_mm=target.uncertainty_mm,
    )


def _bound(protocol: Protocol, staged: StagedPatient, truth: Matrix) -> MatrixList | None:
    """How well the truth can be known; None where target and moving volume differ or no law of noise is stated."""
    photons = protocol.target.photons
    if photons is None or not protocol.matched:
        return None
    information = pose_information(staged.target, staged.views, truth, staged.frame.centre, photons=photons)
    bound = pose_bound(information)
    return None if bound is None else as_list(bound)


def _on_real(protocol: Protocol, staged: StagedPatient, index: int) -> _Scene:
    case_id = case_ids(protocol, staged.patient.id)[index]
    target = staged.real[index % len(staged.real)]
    stage = staged.stage(np.array(protocol.target.search))
    random = generator(protocol.seed, "draw", case_id)
    told = nominal_pose_generator(protocol.seed, staged.patient.id, target.name)
    draw = draw_real_case(target, stage, _laws(protocol), random, index=index // len(staged.real), told=told)
    images = _real(protocol, target)
    nothing = (None,) * len(target.views)
    other = None if target.other is None else as_list(target.other)
    return _Scene(draw.frame, target.views, target.reference, draw.start, draw.redraws, images, nothing, other=other)


def _laws(protocol: Protocol) -> tuple[PoseDistribution, StartDistribution]:
    """Of the truth and of the start."""
    return protocol.target.distribution, protocol.start.used


def _told(law: StartDistribution) -> PoseDistribution | None:
    """A law as methods are told it: what the protocol's file says, and nothing of this case."""
    return law if isinstance(law, PoseDistribution) else None


def landmark_records(staged: StagedPatient) -> list[LandmarkRecord]:
    """The landmark sets of a patient as they are written down."""
    return [LandmarkRecord(name=each.name, points=as_list(each.points)) for each in staged.landmarks]


def _record(
    protocol: Protocol, problem: Problem, scene: _Scene, *, truth: TruthRecord, landmarks: str
) -> ProblemRecord:
    return ProblemRecord(
        case_id=problem.case_id,
        patient_id=problem.patient_id,
        patient_hash=problem.patient_hash,
        images=scene.images,
        start_distribution=protocol.start.distribution,
        views=[_view_record(view, drawn) for view, drawn in zip(problem.views, scene.drawn, strict=True)],
        start=as_list(problem.start),
        nominal=as_list(problem.nominal),
        centre=problem.centre.tolist(),
        search=problem.search.tolist(),
        seed=problem.seed,
        redraws=scene.redraws,
        target_hash=_images_hash(problem.views),
        landmarks_hash=landmarks,
        truth_hash=truth_hash(truth),
        perturbation_hash="",
    )


def _view_record(view: View, drawn: dict[str, float] | None) -> ViewRecord:
    camera = view.camera
    return ViewRecord(
        K=as_list(camera.K),
        height=camera.height,
        width=camera.width,
        sdd_mm=camera.sdd_mm,
        camera_from_rig=as_list(view.camera_from_rig),
        drawn=drawn,
    )


def _images_hash(views: Iterable[View]) -> str:
    digest = hashlib.sha256()
    for view in views:
        digest.update(b"" if view.image is None else np.ascontiguousarray(view.image).tobytes())
    return digest.hexdigest()[:16]
