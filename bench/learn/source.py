"""The data of a training step: patients and problems which depend on the seed and the step's number alone."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bench.cases.prepare import PreparedPatient
from bench.cases.scene import Scene
from bench.cases.simulate import binning, line_integrals, with_noise
from bench.contract import Split
from bench.geometry import Camera, Matrix
from bench.learn.body import MixedScene
from bench.learn.errors import TrainingError
from bench.learn.population import Population
from bench.learn.prefetch import Prefetcher
from bench.perturb import PoseDistribution, draw_case, generator

# The start of a scene that states none: the nominal pose itself.
_AT_NOMINAL = PoseDistribution("normal", (0.0,) * 6)


@dataclass(frozen=True, slots=True, eq=False)
class Problems:
    """Problems of one patient, with their answers.

    Attributes:
        patient: The patient.
        camera: Intrinsics of the images.
        truth: theta, (B, 6), degrees and mm.
        start: Same, drawn by the scene's distribution of starts; zeros (the nominal pose) without one.
        images: (B, 1, H, W) float32 line integrals with noise, on the training's device.
        random: For further draws of the step for this patient.
        body: Which images show the whole body, (B,).
    """

    patient: PreparedPatient
    camera: Camera
    truth: Matrix
    start: Matrix
    images: torch.Tensor
    random: np.random.Generator
    body: NDArray[np.bool_]

    @property
    def truth_pose(self) -> Matrix:
        """camera_from_world, (B, 4, 4)."""
        return self.patient.frame.pose(self.truth)


class Library:
    """Prepared patients, the last few of them kept in memory."""

    def __init__(self, population: Population, scene: Scene, *, background: bool) -> None:
        if scene.neighbours is not None or (scene.formation is not None and not isinstance(scene, MixedScene)):
            raise TrainingError(
                "a training uses neither neighbours nor formation of its scene; take the scene of a protocol without "
                "them, and add formed X-rays with `with_body`"
            )
        self.population, self.scene = population, scene
        self.hashes: dict[str, str] = {}
        self._kept: OrderedDict[str, PreparedPatient] = OrderedDict()
        self._keep = population.active + population.validation_patients + 2
        first, held_out = population.ids(Split.TRAIN), population.ids(Split.VALIDATION)
        order = [*first[: population.active], *held_out, *first[population.active :]]
        ahead = background and len(set(order)) > 1
        self._prefetcher = Prefetcher(population.dataset, population.settings, order) if ahead else None

    def prepared(self, patient_id: str) -> PreparedPatient:
        """A patient, loaded and prepared at its first use."""
        if patient_id not in self._kept:
            if self._prefetcher is not None:
                self._prefetcher.wait_for(patient_id)
            self._kept[patient_id] = self.population.prepare(patient_id, self.scene)
            if len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        self._kept.move_to_end(patient_id)
        return self._kept[patient_id]

    def close(self) -> None:
        """Stop the background process."""
        if self._prefetcher is not None:
            self._prefetcher.close()


class Source:
    """Source of the patients, problems and random numbers of one step or one validation.

    Two sources of the same seed, step and library give the same data, which makes a resumed training exact.
    """

    def __init__(self, library: Library, *, seed: int, step: int, split: Split, device: torch.device) -> None:
        self.scene, self.population = library.scene, library.population
        self.step, self.split, self.device = step, split, device
        self._library, self._seed = library, seed

    def random(self, *names: str | int) -> np.random.Generator:
        """Random numbers for one purpose of this step."""
        return generator(self._seed, str(self.split), self.step, *names)

    def ids(self) -> Sequence[str]:
        """Patients in use at this step; in a validation all of its patients."""
        everyone = self.population.ids(self.split)
        if self.split is not Split.TRAIN:
            return everyone
        newest = self.step // self.population.steps_per_patient
        oldest = max(0, newest - self.population.active + 1)
        return [everyone[number % len(everyone)] for number in range(oldest, newest + 1)]

    def patients(self, count: int | None = None) -> list[PreparedPatient]:
        """So many different patients in use, drawn (fewer where fewer are in use); None = all, in order."""
        ids: list[str] = list(dict.fromkeys(self.ids()))
        if count is not None:
            drawn = self.random("patients").permutation(len(ids))[:count]
            ids = [ids[index] for index in drawn]
        return [self._prepared(name) for name in ids]

    def problems(
        self, patient: PreparedPatient, count: int, *, camera: Camera | None = None, body: Sequence[bool] | None = None
    ) -> Problems:
        """Draw truths and starts by the scene's distributions and render the targets.

        Args:
            patient: Of ``patients``, or such a one warped.
            count: How many.
            camera: Instead of the scene's: the same view at another resolution (``Camera.binned``).
            body: Which of them show the whole body; None = drawn, in the share that the scene states. A scene without
                X-rays of the body ignores it.
        """
        camera = self.scene.camera if camera is None else camera
        random = self.random("problems", patient.id)
        truth, start = _draw(patient, self.scene, count, random)
        shown = np.zeros(count, dtype=np.bool_)
        if isinstance(self.scene, MixedScene):
            shown = random.random(count) < self.scene.body.share if body is None else np.asarray(body, dtype=np.bool_)
        images = self._targets(patient, patient.frame.pose(truth), shown, camera=camera, random=random)
        return Problems(patient, camera, truth, start, images, random, shown)

    def _targets(
        self,
        patient: PreparedPatient,
        poses: Matrix,
        shown: NDArray[np.bool_],
        *,
        camera: Camera,
        random: np.random.Generator,
    ) -> torch.Tensor:
        """(B, 1, H, W): X-rays of the body where ``shown``, the scene's target elsewhere."""
        if not shown.any() or not isinstance(self.scene, MixedScene) or patient.materials is None:
            return self.render(patient, poses, camera=camera, random=random)
        images = torch.empty(len(poses), 1, camera.height, camera.width, device=self.device)
        if not shown.all():
            images[torch.as_tensor(~shown)] = self.render(patient, poses[~shown], camera=camera, random=random)
        formed = self.scene.body.images(
            patient.materials, poses[shown], camera, binned=binning(self.scene, camera), random=random,
            corners=patient.moving.content_corners(),
        )  # fmt: skip
        images[torch.as_tensor(shown)] = torch.as_tensor(np.stack(formed)[:, None]).to(self.device)
        return images

    def poses(self, patient: PreparedPatient, count: int, random: np.random.Generator) -> Matrix:
        """True poses, theta (count, 6), degrees and mm, drawn by the scene's distributions and not rendered."""
        return _draw(patient, self.scene, count, random)[0]

    def render(
        self, patient: PreparedPatient, poses: Matrix, *, camera: Camera, random: np.random.Generator | None = None
    ) -> torch.Tensor:
        """Images (B, 1, H, W) of the target, on the device; with photon noise where ``random`` is given.

        The scene's ``low_dose`` is not applied: trainers degrade images as their networks take them.
        """
        images = line_integrals(self.scene, patient.target, poses, camera)
        images = images if random is None else with_noise(self.scene, images, camera, random)
        return torch.as_tensor(images).to(self.device)

    def _prepared(self, patient_id: str) -> PreparedPatient:
        prepared = self._library.prepared(patient_id)
        if self.split is Split.TRAIN:
            self._library.hashes[patient_id] = prepared.hash
        return prepared


def _draw(patient: PreparedPatient, scene: Scene, count: int, random: np.random.Generator) -> tuple[Matrix, Matrix]:
    constraints, start = patient.constraints(scene), scene.start or _AT_NOMINAL
    drawn = [draw_case(scene.truth, start, constraints, random, index=number) for number in range(count)]
    return np.array([each.truth for each in drawn]), np.array([each.start for each in drawn])
