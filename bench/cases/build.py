"""Build the cases of a prepared patient: draw truth and start, obtain the images, record both."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from bench.cases.hashes import landmarks_hash, truth_hash
from bench.cases.prepare import PreparedPatient
from bench.cases.real import RealTarget, about_nominal, draw_real_case
from bench.cases.records import (
    ImageProvenance,
    ImageSource,
    LandmarkRecord,
    MatrixList,
    ProblemRecord,
    TruthRecord,
    ViewRecord,
    as_list,
)
from bench.cases.scene import protocol_scene
from bench.cases.simulate import CaseSeed, simulate_view
from bench.cases.told import told_views, told_volume
from bench.contract import Case, Problem, View
from bench.geometry import Matrix, PoseFrame
from bench.perturb import (
    PoseDistribution,
    SamplingConstraints,
    StartDistribution,
    draw_case,
    generator,
    nominal_pose_generator,
    salted_seed,
)
from bench.protocol import Protocol
from bench.xray.bound import pose_bound, pose_information


@dataclass(frozen=True, slots=True, eq=False)
class BuiltCase:
    """A case and the lines that record it; the perturbation hash is filled in once all cases are drawn."""

    case: Case
    problem_record: ProblemRecord
    truth_record: TruthRecord


def case_ids(protocol: Protocol, patient_id: str) -> list[str]:
    """Names of a patient's cases: the protocol's own, then the same ones again under each condition of ``[stress]``."""
    own = [f"{patient_id}/{index:03d}" for index in range(protocol.start.per_patient)]
    return [*own, *(f"{name}{condition.suffix}" for condition in protocol.conditions for name in own)]


def build_case(
    protocol: Protocol, prepared: PreparedPatient, index: int, *, recorded: ProblemRecord | None = None
) -> BuiltCase:
    """Build one case; the same protocol, patient and index give the same case.

    Cases of a patient with real X-rays take them in turn: the first case has the first one, and so on. A case under a
    condition of ``[stress]`` has the truth, the start, the noise and the method's seed of the protocol's own case.

    Args:
        protocol: The resolved protocol.
        prepared: The patient (``load_patient``).
        index: Number of the case, in the order of ``case_ids``.
        recorded: The case as a run wrote it down: the strengths of its images are taken from it, not drawn.
    """
    name, (condition, start) = case_ids(protocol, prepared.id)[index], divmod(index, protocol.start.per_patient)
    if condition:
        protocol = protocol.under(protocol.conditions[condition - 1])
    return _build(protocol, prepared, start, recorded, name)


def _build(
    protocol: Protocol, prepared: PreparedPatient, index: int, recorded: ProblemRecord | None, case_id: str
) -> BuiltCase:
    """The case ``index`` of a protocol without conditions, under the name of the run's case."""
    drawn = _on_real(protocol, prepared, index) if prepared.real else _simulated(protocol, prepared, index, recorded)
    own_id = case_ids(protocol, prepared.id)[index]
    problem = Problem(
        case_id=case_id,
        patient_id=prepared.id,
        patient_hash=prepared.hash,
        volume=told_volume(protocol, prepared),
        views=told_views(protocol, prepared.id, drawn.views),
        start=drawn.start,
        nominal=drawn.frame.nominal,
        centre=drawn.frame.centre,
        search=np.array(protocol.target.search),
        seed=salted_seed(protocol.seed, "method", own_id),
        moving=protocol.data.moving,
        truth_distribution=protocol.target.distribution,
        start_distribution=drawn.start_distribution,
    )
    truth_record = TruthRecord(case_id=case_id, truth=as_list(drawn.truth), bound=drawn.bound, other=drawn.other)
    landmarks = landmarks_hash(landmark_records(prepared))
    record = _record(protocol, problem, drawn, truth=truth_record, landmarks=landmarks)
    return BuiltCase(Case(problem, drawn.truth), record, truth_record)


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """Images and poses of one case of a patient."""

    frame: PoseFrame
    views: tuple[View, ...]
    truth: Matrix
    start: Matrix
    start_distribution: PoseDistribution
    redraws: int
    images: ImageProvenance
    drawn: tuple[dict[str, float] | None, ...]
    bound: MatrixList | None = None
    other: MatrixList | None = None


def _simulated(protocol: Protocol, prepared: PreparedPatient, index: int, recorded: ProblemRecord | None) -> _Drawn:
    case_id, part = case_ids(protocol, prepared.id)[index], prepared.scene
    # Its part of the CT may be the patient's own.
    scene = replace(protocol_scene(protocol), region=part.region, box=part.box)
    random, constraints = generator(protocol.seed, "draw", case_id), prepared.constraints(scene)
    number = hidden_number(protocol, prepared.id, index)
    draw = draw_case(protocol.target.distribution, protocol.start.used, constraints, random, index=number)
    truth = prepared.frame.pose(draw.truth)
    drawn = [None] * len(prepared.views) if recorded is None else [each.drawn for each in recorded.views]
    made = [
        simulate_view(scene, prepared, truth, seed=CaseSeed(protocol.seed, case_id), number=number, recorded=strengths)
        for number, strengths in enumerate(drawn)
    ]
    return _Drawn(
        frame=prepared.frame,
        views=tuple(each.view for each in made),
        truth=truth,
        start=prepared.frame.pose(draw.start),
        start_distribution=_per_parameter(protocol.start.used, constraints),
        redraws=draw.redraws,
        images=_simulated_provenance(protocol),
        drawn=tuple(each.drawn for each in made),
        bound=_bound(protocol, prepared, truth),
    )


def _simulated_provenance(protocol: Protocol) -> ImageProvenance:
    return ImageProvenance(
        source=ImageSource.RENDERED if protocol.target.formation is None else ImageSource.FORMED,
        moving_content=protocol.data.moving,
        target_content=protocol.data.target,
        matched=protocol.matched,
    )


def _real_provenance(protocol: Protocol, target: RealTarget) -> ImageProvenance:
    return ImageProvenance(
        source=ImageSource.REAL,
        moving_content=protocol.data.moving,
        acquisition=target.acquisition,
        view=target.view,
        reference_uncertainty_mm=target.uncertainty_mm,
    )


def _bound(protocol: Protocol, prepared: PreparedPatient, truth: Matrix) -> MatrixList | None:
    """Cramer-Rao bound; None where target and moving volume differ or no distribution of noise is stated."""
    photons = protocol.target.photons
    if photons is None or not protocol.matched:
        return None
    information = pose_information(prepared.target, prepared.views, truth, prepared.frame.centre, photons=photons)
    bound = pose_bound(information)
    return None if bound is None else as_list(bound)


def _on_real(protocol: Protocol, prepared: PreparedPatient, index: int) -> _Drawn:
    target = prepared.real[index % len(prepared.real)]
    draw = draw_real_case(
        target,
        prepared.constraints(protocol_scene(protocol)),
        (protocol.target.distribution, protocol.start.used),
        generator(protocol.seed, "draw", case_ids(protocol, prepared.id)[index]),
        nominal=nominal_pose_generator(protocol.seed, prepared.id, target.name),
    )
    return _Drawn(
        frame=draw.frame,
        views=target.views,
        truth=target.reference,
        start=draw.start,
        start_distribution=about_nominal(protocol.start.used),
        redraws=draw.redraws,
        images=_real_provenance(protocol, target),
        drawn=(None,) * len(target.views),
        other=None if target.other is None else as_list(target.other),
    )


def hidden_number(protocol: Protocol, patient_id: str, index: int) -> int:
    """The number that chooses the bin of a start's distance: methods know ``index``, and must not know the bin."""
    shuffled = generator(protocol.seed, "order", patient_id).permutation(protocol.start.per_patient)
    return int(shuffled[index])


def _per_parameter(distribution: StartDistribution, constraints: SamplingConstraints) -> PoseDistribution:
    """A distribution as methods get it: as stated by protocol and volume, without data of this case."""
    if isinstance(distribution, PoseDistribution):
        return distribution
    return distribution.per_parameter(constraints.around(np.zeros(6), 0))


def landmark_records(prepared: PreparedPatient) -> list[LandmarkRecord]:
    """The landmark sets of a patient as records."""
    return [LandmarkRecord(name=each.name, points=as_list(each.points)) for each in prepared.landmarks]


def _record(
    protocol: Protocol, problem: Problem, drawn: _Drawn, *, truth: TruthRecord, landmarks: str
) -> ProblemRecord:
    return ProblemRecord(
        case_id=problem.case_id,
        patient_id=problem.patient_id,
        patient_hash=problem.patient_hash,
        images=drawn.images,
        start_distribution=protocol.start.distribution,
        views=[view_record(view, each) for view, each in zip(problem.views, drawn.drawn, strict=True)],
        start=as_list(problem.start),
        nominal=as_list(problem.nominal),
        centre=problem.centre.tolist(),
        search=problem.search.tolist(),
        seed=problem.seed,
        redraws=drawn.redraws,
        target_hash=images_hash(problem.views),
        landmarks_hash=landmarks,
        truth_hash=truth_hash(truth),
        perturbation_hash="",
    )


def view_record(view: View, drawn: dict[str, float] | None = None) -> ViewRecord:
    """The geometry of a view, and the strengths drawn for its image."""
    camera = view.camera
    return ViewRecord(
        K=as_list(camera.K),
        height=camera.height,
        width=camera.width,
        sdd_mm=camera.sdd_mm,
        camera_from_rig=as_list(view.camera_from_rig),
        drawn=drawn,
    )


def images_hash(views: Iterable[View]) -> str:
    """Fingerprint of the images of a case, to the last bit."""
    digest = hashlib.sha256()
    for view in views:
        digest.update(b"" if view.image is None else np.ascontiguousarray(view.image).tobytes())
    return digest.hexdigest()[:16]
