"""Any initialiser, then any refiners: each stage starts from the pose that the stage before it found."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.contract import Card, Estimate, Method, Outcome, Problem, SearchSpace, View, prepare, takes_space
from bench.registry import SettingsError, build
from bench.volume import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One method of the chain: plug-in, preset and settings, as in a protocol."""

    plugin: str
    preset: str | None = None
    settings: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Run the stages one after another; a stage that diverges passes on the start it was given."""

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not self._methods():
            raise SettingsError('a chain needs at least one stage, such as stages = [{plugin = "opt_gc"}]; got none')

    def _methods(self) -> list[Method]:
        return [build("methods", stage.plugin, stage.settings, stage.preset) for stage in self.stages]

    @property
    def takes_space(self) -> bool:
        """Whether a stage prepares for a search space."""
        return any(takes_space(method) for method in self._methods())

    def prepare(
        self, volume: Volume, views: Sequence[View], space: SearchSpace | None = None
    ) -> list[tuple[Method, Any]]:
        """Build and prepare every stage; ``space`` may be left out where none takes it."""
        return [(method, prepare(method, volume, views, space)) for method in self._methods()]

    def register(self, problem: Problem, prepared: list[tuple[Method, Any]]) -> Estimate:
        """The last usable pose, the last stage's outcome, seconds by stage and phase, DRR evaluations of all stages."""
        seconds, drrs, last = dict[str, float](), 0, Estimate(pose=problem.start, outcome=Outcome.CONVERGED)
        for number, (stage, (method, ready)) in enumerate(zip(self.stages, prepared, strict=True), start=1):
            began, start = time.perf_counter(), last.pose
            last = method.register(replace(problem, start=start), ready)
            phases = last.seconds or {"all": time.perf_counter() - began}
            seconds |= {f"{number}_{stage.plugin}_{phase}": value for phase, value in phases.items()}
            drrs += last.drr_evaluations
            if last.outcome in (Outcome.DIVERGED, Outcome.LEFT_VIEW):
                last = replace(last, pose=start)
        return replace(last, seconds=seconds, drr_evaluations=drrs)

    def skip(self, problem: Problem) -> str | None:
        """The first reason that any stage has."""
        return next((reason for method in self._methods() if (reason := method.skip(problem)) is not None), None)


plugin = Chain
card = Card(title="Chain of methods", source="ours", citation="none", licence="Apache-2.0")
