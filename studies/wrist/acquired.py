"""Training for set-ups that were acquired: cameras, nominal poses and patient of a dataset's real X-rays.

Targets are rendered; real X-rays are not used. Each camera is the calibrated one, turned towards the nominal pose and
cut to a square window (``studies.wrist.window``); each nominal pose is the one that a protocol of the same seed gives
to methods. The reference pose is used for nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from bench.cases.scene import camera_table, extended
from bench.contract import Acquisition, Problem, Split, View
from bench.geometry import Camera, Matrix, PoseFrame, rotation_angle_deg, transform_points
from bench.learn import PreparedPatient, Scene, TrainingError
from bench.learn.population import Population
from bench.learn.weights import content_refusal
from bench.learn.weights_card import WeightsCard
from bench.perturb import nominal_pose_generator, sample_nominal_pose
from bench.volume.content import with_content
from studies.wrist.window import aimed, through

# Two nominal poses are one below this, degrees and mm.
_SAME = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class SetUp:
    """One X-ray's geometry.

    Attributes:
        name: Acquisition and view, such as ``0002 view 1``.
        camera: Calibrated, binned as by the dataset.
        nominal: Nominal pose of the problems, camera_from_world, 4x4, mm.
        centre: The rotation centre, a world point, mm.
        valid: Pixels of the X-ray inside collimator and border; None = all.
    """

    name: str
    camera: Camera
    nominal: Matrix
    centre: Matrix
    valid: NDArray[np.bool_] | None = None

    @property
    def turn(self) -> Matrix:
        """Rotation from the calibrated camera to the one that looks at the nominal centre, 4x4."""
        return aimed(transform_points(self.nominal, self.centre))

    @property
    def frame(self) -> PoseFrame:
        """Nominal pose and centre in the turned camera."""
        return PoseFrame(self.turn @ self.nominal, self.centre)

    def described(self) -> dict[str, Any]:
        """As plain values."""
        nominal = [[float(number) for number in row] for row in self.nominal]
        return {"name": self.name, "camera": camera_table(self.camera), "nominal": nominal}


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquiredScene(Scene):
    """The set-ups of acquired X-rays; ``camera`` is the window on them, ``view`` is not used.

    Attributes:
        set_ups: At least one.
    """

    set_ups: tuple[SetUp, ...] = field(default=(), repr=False)

    def described(self) -> dict[str, Any]:
        """All settings that change the training, as plain values."""
        return {**Scene.described(self), "set_ups": [each.described() for each in self.set_ups]}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AcquiredPatient(PreparedPatient):
    """A patient before one of the set-ups.

    Attributes:
        set_up: This one; its frame is ``frame``.
        set_ups: All of them.
        seen: Pixels of the window that are valid in the X-ray, (1, 1, H, W), 0 or 1.
    """

    set_up: SetUp
    set_ups: tuple[SetUp, ...]
    seen: Tensor

    def masked(self, images: Tensor) -> Tensor:
        """Images (B, 1, H, W) of the window, or of it binned, with air where the X-ray is not valid."""
        share = functional.adaptive_avg_pool2d(self.seen.to(images), (images.shape[-2], images.shape[-1]))
        return images * (share > 0.5)


@dataclass(frozen=True, kw_only=True)
class AcquiredPopulation(Population):
    """The one patient of acquired X-rays; prepared before the first set-up, ``placed`` before the others."""

    patients: int = 1
    validation_patients: int = 1
    active: int = 1

    def prepare(self, patient_id: str, scene: Scene) -> PreparedPatient:
        """Load the patient and place it before the first set-up."""
        if not isinstance(scene, AcquiredScene) or not scene.set_ups:
            raise TrainingError("acquired X-rays need an AcquiredScene with set-ups; make one with `acquired_scene`")
        return _before(super().prepare(patient_id, scene), scene.set_ups[0], scene)


def acquired_scene(
    population: Population,
    scene: Scene,
    *,
    window: Camera,
    seed: int,
    images: Sequence[str] = (),
) -> AcquiredScene:
    """The set-ups of a population's first training patient.

    Args:
        population: Whose dataset has acquisitions with references.
        scene: Contents and distributions, as in the protocol.
        window: Intrinsics of the square window that networks see; its principal point is the nominal centre.
        seed: The protocol's, so that the nominal poses are the same.
        images: Names such as ``0002 view 1`` of the X-rays to train for; none = all.

    Raises:
        TrainingError: No acquisition with a reference, or an unknown image.
    """
    patient = population.source.patient(population.source.patient_ids(Split.TRAIN)[0])
    centre = np.asarray(with_content(patient.volume, scene.moving).content_centre())
    made = [
        SetUp(name, view.camera, frame.nominal, centre, view.valid)
        for name, view, reference in _single_views(patient.acquisitions)
        for frame in [
            sample_nominal_pose(
                reference, centre, scene.truth, np.array(scene.search), nominal_pose_generator(seed, patient.id, name)
            )[0]
        ]
        if not images or name in images
    ]
    if not made or len(made) < len(images):
        raise TrainingError(f"{patient.id} has no X-rays with a reference named {', '.join(images) or 'anything'}")
    depth = float(np.mean([each.frame.centre_in_rig[2] for each in made]))
    return extended(AcquiredScene, scene, camera=window, depth_mm=depth, set_ups=tuple(made))


def placements(patient: PreparedPatient, scene: Scene) -> tuple[PreparedPatient, ...]:
    """The patient before each of a scene's set-ups; itself where the scene is no acquired one."""
    if not isinstance(scene, AcquiredScene):
        return (patient,)
    return tuple(_before(patient, each, scene) for each in scene.set_ups)


def placed(patient: PreparedPatient, scene: Scene, random: np.random.Generator) -> PreparedPatient:
    """The patient before one of a scene's set-ups, drawn; itself where the scene is no acquired one."""
    if not isinstance(scene, AcquiredScene):
        return patient
    return _before(patient, scene.set_ups[int(random.integers(len(scene.set_ups)))], scene)


def known_set_up(card: WeightsCard, view: View, nominal: Matrix, centre: Matrix) -> Mapping[str, Any] | None:
    """The set-up of the card that has this view's camera and this nominal pose (rig_from_world), or None."""
    pose = view.camera_from_rig @ nominal
    set_ups: Sequence[Mapping[str, Any]] = card.scene.get("set_ups", ())
    for each in set_ups:
        theirs = np.array(each["nominal"], dtype=np.float64)
        apart = transform_points(pose, centre) - transform_points(theirs, centre)
        same = rotation_angle_deg(pose, theirs) < _SAME and float(np.linalg.norm(apart)) < _SAME
        if same and same_camera(each["camera"], view.camera):
            return each
    return None


def acquired_refusal(card: WeightsCard, problem: Problem) -> str | None:
    """Why weights for acquired set-ups cannot take a problem (content, views, camera, distance, patient), or None."""
    if len(problem.views) != 1:
        return f"trained for one view; this problem has {len(problem.views)}"
    why, on = content_refusal(card, problem) or acquired_camera_refusal(card, problem.views), card.trained_on
    depth = float(np.linalg.norm(transform_points(problem.views[0].camera_from_rig @ problem.nominal, problem.centre)))
    reach = float(card.scene["depth_mm"]) / 10
    if why is None and abs(depth - float(card.scene["depth_mm"])) > reach:
        why = f"trained for a source at about {card.scene['depth_mm']:.0f} mm; the nominal pose has {depth:.0f} mm"
    if why is None and on.patient_specific and problem.patient_hash not in on.hashes:
        why = f"trained for {', '.join(on.patients)} alone, not {problem.patient_id}: fluorobench train {card.method}"
    return why


def acquired_camera_refusal(card: WeightsCard, views: Sequence[View]) -> str | None:
    """Why weights for acquired set-ups cannot take these cameras, or None."""
    set_ups: Sequence[Mapping[str, Any]] = card.scene.get("set_ups", ())
    if len(views) == 1 and any(same_camera(each["camera"], views[0].camera) for each in set_ups):
        return None
    names = ", ".join(each["name"] for each in set_ups)
    return f"trained for the calibrated cameras of {names}; this one is another, or another binning of one of them"


def same_camera(table: Mapping[str, Any], camera: Camera) -> bool:
    """Whether a card's camera is this one."""
    same_size = (camera.height, camera.width) == (table["height"], table["width"])
    return same_size and np.allclose(camera.K, np.array(table["K"], dtype=np.float64), rtol=1e-3, atol=0.51)


def windowed(view: View, nominal: Matrix, centre: Matrix, window: Camera) -> View:
    """A problem's view as trained: turned towards the nominal pose (rig_from_world) and cut to the window."""
    return through(view, aimed(transform_points(view.camera_from_rig @ nominal, centre)), window)


def _before(patient: PreparedPatient, set_up: SetUp, scene: AcquiredScene) -> AcquiredPatient:
    held = through(View(set_up.camera, valid=set_up.valid), set_up.turn, scene.camera).valid
    seen = torch.as_tensor(np.asarray(held, dtype=np.float32))[None, None]
    plain: dict[str, Any] = {name: getattr(patient, name) for name in PreparedPatient.__dataclass_fields__}
    plain["frame"] = set_up.frame
    return AcquiredPatient(**plain, set_up=set_up, set_ups=scene.set_ups, seen=seen)


def _single_views(acquisitions: Sequence[Acquisition]) -> list[tuple[str, View, Matrix]]:
    """Name, view and reference (camera_from_world) of every X-ray that has one, named as a run names them."""
    return [
        (f"{each.id} view {number}", replace(view, camera_from_rig=np.eye(4)), view.camera_from_rig @ each.reference)
        for each in acquisitions
        if each.reference is not None
        for number, view in enumerate(each.views, start=1)
    ]
