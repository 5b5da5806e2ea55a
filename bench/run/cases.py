"""Pose the cases of a staged patient: draw truth and start, render the target, write both down."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from bench.contract import Case, Image, Problem, View
from bench.drr import project, project_siddon
from bench.geometry import Matrix
from bench.perturb import draw_case, generator, salted_seed
from bench.protocol import Protocol
from bench.run.hashes import landmarks_hash, truth_hash
from bench.run.records import LandmarkRecord, ProblemRecord, TruthRecord, ViewRecord, as_list
from bench.run.staging import StagedPatient
from bench.xray import form_image, photon_noise


@dataclass(frozen=True, slots=True, eq=False)
class PosedCase:
    """A case and the lines that record it; the perturbation hash is filled in once all cases are drawn."""

    case: Case
    problem_record: ProblemRecord
    truth_record: TruthRecord


def case_ids(protocol: Protocol, patient_id: str) -> list[str]:
    """Names of a patient's cases."""
    return [f"{patient_id}/{index:03d}" for index in range(protocol.start.per_patient)]


def pose_case(protocol: Protocol, staged: StagedPatient, index: int) -> PosedCase:
    """Pose one case; the same protocol, patient and index give the same case."""
    patient = staged.patient
    case_id = case_ids(protocol, patient.id)[index]
    search = np.array(protocol.target.search)
    laws = protocol.target.law.law, protocol.start.laws[protocol.start.law].law
    draw = draw_case(*laws, staged.stage(search), generator(protocol.seed, "draw", case_id))
    truth = staged.frame.pose(draw.truth)
    views = tuple(
        _with_target(protocol, staged, view, truth, noise=generator(protocol.seed, "noise", case_id, number))
        for number, view in enumerate(staged.views)
    )
    problem = Problem(
        case_id=case_id,
        patient_id=patient.id,
        patient_hash=patient.hash,
        volume=staged.moving,
        views=views,
        start=staged.frame.pose(draw.start),
        nominal=staged.frame.nominal,
        centre=staged.frame.centre,
        search=search,
        seed=salted_seed(protocol.seed, "method", case_id),
    )
    truth_record = TruthRecord(case_id=case_id, truth=as_list(truth))
    record = _record(protocol, problem, truth_record, draw.redraws, landmarks_hash(landmark_records(staged)))
    return PosedCase(Case(problem, truth), record, truth_record)


def landmark_records(staged: StagedPatient) -> list[LandmarkRecord]:
    """The landmark sets of a patient as they are written down."""
    return [LandmarkRecord(name=each.name, points=as_list(each.points)) for each in staged.landmarks]


def _with_target(
    protocol: Protocol, staged: StagedPatient, view: View, truth: Matrix, *, noise: np.random.Generator
) -> View:
    pose = view.camera_from_rig @ truth
    if staged.materials is not None and protocol.target.formation is not None:
        image = form_image(staged.materials, pose, view.camera, protocol.target.formation, noise)
    else:
        image = _line_integrals(protocol, staged, view, pose)
        if protocol.target.photons is not None:
            image = photon_noise(image, protocol.target.photons, noise)
    return replace(view, image=image)


def _line_integrals(protocol: Protocol, staged: StagedPatient, view: View, pose: Matrix) -> Image:
    if protocol.target.kernel == "siddon":
        image: Image = project_siddon(staged.target, pose[None], view.camera)[0].astype(np.float32)
    else:
        image = project(staged.target, pose[None], view.camera)[0, 0].numpy()
    return image


def _record(protocol: Protocol, problem: Problem, truth: TruthRecord, redraws: int, landmarks: str) -> ProblemRecord:
    return ProblemRecord(
        case_id=problem.case_id,
        patient_id=problem.patient_id,
        patient_hash=problem.patient_hash,
        content=f"{protocol.data.target} target, {protocol.data.moving} moving",
        start_law=protocol.start.law,
        views=[_view_record(view) for view in problem.views],
        start=as_list(problem.start),
        nominal=as_list(problem.nominal),
        centre=problem.centre.tolist(),
        search=problem.search.tolist(),
        seed=problem.seed,
        redraws=redraws,
        target_hash=_images_hash(problem.views),
        landmarks_hash=landmarks,
        truth_hash=truth_hash(truth.case_id, truth.truth),
        perturbation_hash="",
    )


def _view_record(view: View) -> ViewRecord:
    camera = view.camera
    return ViewRecord(
        K=as_list(camera.K),
        height=camera.height,
        width=camera.width,
        sdd_mm=camera.sdd_mm,
        camera_from_rig=as_list(view.camera_from_rig),
    )


def _images_hash(views: Iterable[View]) -> str:
    digest = hashlib.sha256()
    for view in views:
        digest.update(b"" if view.image is None else np.ascontiguousarray(view.image).tobytes())
    return digest.hexdigest()[:16]
