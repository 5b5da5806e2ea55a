"""Deep-reg for the radius before the calibrated cameras of its real X-rays, as trainer and method."""

from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import registry
from bench.contract import Problem, View
from bench.geometry import Camera
from bench.learn import Population, PreparedPatient, Problems, Scene, Source, WeightsCard, scene_of
from studies.wrist.acquired import (
    AcquiredPatient,
    acquired_camera_refusal,
    acquired_refusal,
    placed,
    placements,
    windowed,
)
from studies.wrist.forearm import Forearms
from studies.wrist.radius import wrist_population, wrist_scene

NAME = "deep_reg_wrist"


@dataclass(frozen=True, kw_only=True)
class RadiusTraining:
    """Replaces the patients and images of Deep-reg's trainer.

    Attributes:
        forearms: Distribution of the radius's surroundings.
        held_out_starts: Starts before each set-up from which a validation descends.
        shared: Two encoders: the X-ray shows surroundings that the volume does not hold.
        max_learning_rate: Of two encoders.
    """

    forearms: Forearms = field(default_factory=Forearms)
    held_out_starts: int = 3
    shared: bool = False
    max_learning_rate: float = 2e-5

    image: int = 128
    population: Population = field(default_factory=wrist_population)
    scene: Scene = field(default_factory=lambda: scene_of("wrist", start=None))

    def __post_init__(self) -> None:
        # The data is read here: the window's size follows from the setting.
        object.__setattr__(self, "scene", wrist_scene(self.image))

    @property
    def camera(self) -> Camera:
        """The window, binned to the network's pixels."""
        return self.scene.camera.binned(self.scene.camera.height // self.image)

    def patient(self, source: Source) -> PreparedPatient:
        """The radius before one of the set-ups, drawn."""
        return placed(source.patients(1)[0], self.scene, source.random("set up"))

    def held_out(self, source: Source) -> Sequence[PreparedPatient]:
        """The radius before each of the set-ups."""
        return [each for patient in source.patients() for each in placements(patient, self.scene)]

    def problems(self, source: Source, patient: PreparedPatient, count: int) -> Problems:
        """Problems before a set-up, with simulated surroundings of the radius."""
        problems = source.problems(patient, count, camera=self.camera)
        if not isinstance(patient, AcquiredPatient):
            return problems
        radius, poses = patient.target, problems.truth_pose
        images = self.forearms.xrays(problems.images, radius, poses, problems.camera, problems.random)
        return replace(problems, images=patient.masked(images))


class AcquiredView:
    """Replaces what Deep-reg's method sees and refuses: X-rays cut to the window of their set-up."""

    def refuse(self, card: WeightsCard, problem: Problem) -> str | None:
        """Why weights cannot take a problem, in one line, or None."""
        return acquired_refusal(card, problem)

    def refuse_cameras(self, card: WeightsCard, views: Sequence[View]) -> str | None:
        """Why weights cannot take these cameras, in one line, or None."""
        return acquired_camera_refusal(card, views)

    def view(self, problem: Problem, card: WeightsCard) -> View:
        """The X-ray cut to the window of the training."""
        table = card.scene["camera"]
        window = Camera(np.array(table["K"]), int(table["height"]), int(table["width"]), None)
        return windowed(problem.views[0], problem.nominal, problem.centre, window)


def trainer() -> Any:
    """A subclass of Deep-reg's trainer: all of its settings remain."""
    shipped: Any = registry.module("methods", "deep_reg").trainer
    return _subclass(RadiusTraining, shipped, {"name": NAME, "__doc__": shipped.__doc__})


def method() -> Any:
    """A subclass of Deep-reg's method: all of its settings remain; no weights are shipped."""
    shipped: Any = registry.load("methods", "deep_reg")
    folder = Path(__file__).parent / "methods" / NAME / "weights"
    return _subclass(AcquiredView, shipped, {"name": NAME, "folder": folder, "__doc__": shipped.__doc__})


def _subclass(first: type, shipped: type, added: dict[str, Any]) -> Any:
    name = f"Wrist{shipped.__name__}"
    return make_dataclass(name, [], bases=(first, shipped), namespace=added, frozen=True, kw_only=True)
