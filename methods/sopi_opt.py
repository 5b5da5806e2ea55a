"""SOPI's pose, then a classical refiner from there (SOPI section 3.3): Opt-GC, or any method of the suite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bench import registry
from bench.contract import Card, Estimate, Method, Problem, View
from bench.volume import Volume


@dataclass(frozen=True, kw_only=True)
class SopiOpt:
    """The chain of ``sopi`` and a refiner.

    Attributes:
        then: The refiner's plug-in.
        then_preset: Its preset.
        then_settings: Its settings.
        sopi: SOPI's settings.
    """

    then: str = "opt_gc"
    then_preset: str | None = None
    then_settings: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    sopi: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())

    @cached_property
    def chain(self) -> Method:
        """The two stages."""
        chain = registry.module("methods", "chain")
        first = chain.Stage(plugin="sopi", settings=self.sopi)
        second = chain.Stage(plugin=self.then, preset=self.then_preset, settings=self.then_settings)
        built: Method = chain.plugin(stages=(first, second))
        return built

    def prepare(self, volume: Volume, views: Sequence[View]) -> Any:
        """Prepare both."""
        return self.chain.prepare(volume, views)

    def skip(self, problem: Problem) -> str | None:
        """SOPI's reason, or the refiner's."""
        return self.chain.skip(problem)

    def register(self, problem: Problem, prepared: Any) -> Estimate:
        """SOPI's pose, refined; where SOPI diverges, the refiner has the case's start."""
        return self.chain.register(problem, prepared)


plugin = SopiOpt
uses = ("sopi", "opt_gc")
card = Card(
    title="SOPI+opt (SOPI, then Opt-GC)",
    source="SOPI section 3.3, Table 3",
    citation="Chen et al., Optimization-Based Fast 2D/3D Registration with SOPI, ICASSP 2024",
    licence="Apache-2.0; written from the paper",
    deviations=(
        "The paper runs it on real X-rays alone and states no settings: the refiner's own defaults are used.",
        "Opt-GC here also leaves from the nominal pose, unless its settings say otherwise.",
    ),
    uses_start=False,
)
