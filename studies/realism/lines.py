"""The lines of the comparison: the quantity compared, both sides, the criterion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.score.statistics import Floats
from studies.realism.ct_statistics import CtStatistics

BAND = 2.0
CURVE_INSIDE = 0.8
DIMENSIONS_INSIDE = 0.95
# Fewer patients give no mean and spread.
MIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One compared quantity.

    Attributes:
        section: ``success``, ``matched``, ``dimensions``, ``HU`` or ``DRR``.
        what: The quantity, with its unit.
        phantom: The population's value, as text.
        real: The CT's value or the published one, as text.
        distance: Difference between the two, as text.
        passed: None where there is no criterion.
    """

    section: str
    what: str
    phantom: str
    real: str
    distance: str
    passed: bool | None

    @property
    def verdict(self) -> str:
        """Outcome of the criterion, as text."""
        return {True: "pass", False: "fail", None: "–"}[self.passed]


def scalar_lines(population: Sequence[CtStatistics], real: CtStatistics) -> list[Line]:
    """One line a number: the CT within the population's mean +- 2 standard deviations."""
    return [_scalar_line(population, real, name) for name in real.scalars]


def curve_lines(population: Sequence[CtStatistics], real: CtStatistics) -> list[Line]:
    """One line a curve: at least 80 % of its points within the population's mean +- 2 standard deviations."""
    return [_curve_line(population, real, name) for name in real.curves]


def dimension_line(name: str, sizes: Mapping[str, Sequence[float]], ranges: Mapping[str, tuple[float, float]]) -> Line:
    """One dimension of all levels: at least 95 % of the patients' within the published mean +- 2 SD.

    Args:
        name: Of the dimension, with its unit.
        sizes: Measured, by level.
        ranges: Published lower and upper end, by level.
    """
    inside = [ranges[level][0] <= size <= ranges[level][1] for level, own in sizes.items() for size in own]
    means = " / ".join(f"{np.mean(own):.1f}" for own in sizes.values() if own)
    spans = " / ".join(f"{ranges[level][0]:.0f}–{ranges[level][1]:.0f}" for level, own in sizes.items() if own)
    return Line(
        section="dimensions",
        what=f"{name.replace('_', ' ')}, {' / '.join(level for level, own in sizes.items() if own)}",
        phantom=f"means {means}",
        real=f"published {spans}",
        distance=f"{100 * np.mean(inside):.0f} % of {len(inside)} inside",
        passed=bool(np.mean(inside) >= DIMENSIONS_INSIDE),
    )


def band(population: Sequence[CtStatistics], name: str) -> tuple[Floats, Floats]:
    """Mean and standard deviation (divisor n - 1) of a curve over the population."""
    stack = np.stack([each.curves[name] for each in population])
    return np.asarray(stack.mean(axis=0)), np.asarray(stack.std(axis=0, ddof=1))


def _scalar_line(population: Sequence[CtStatistics], real: CtStatistics, name: str) -> Line:
    """Over the patients in whom it could be measured: without visible fat or spine a number is missing."""
    sample, value = np.array([each.scalars[name] for each in population]), real.scalars[name]
    known = sample[np.isfinite(sample)]
    if known.size < MIN or not np.isfinite(value):
        there = f"measured in {known.size} of {sample.size}"
        return Line(
            section=_section(name),
            what=name,
            phantom=there,
            real=f"{value:.3g}",
            distance="not comparable",
            passed=None,
        )
    mean, spread = float(known.mean()), float(known.std(ddof=1))
    distance = (value - mean) / spread if spread > 0 else (0.0 if value == mean else np.inf)
    left_out = "" if known.size == sample.size else f" ({known.size} of {sample.size})"
    return Line(
        section=_section(name),
        what=name,
        phantom=f"{mean:.3g} ± {spread:.2g}{left_out}",
        real=f"{value:.3g}",
        distance=f"{distance:+.1f} SD",
        passed=bool(abs(distance) <= BAND),
    )


def _curve_line(population: Sequence[CtStatistics], real: CtStatistics, name: str) -> Line:
    mean, spread = band(population, name)
    own = real.curves[name]
    # Of a density only the bins count that one side fills: two empty bins are no agreement.
    floor = 0.01 * float(max(mean.max(), own.max())) if mean.min() >= 0 else -np.inf
    filled = np.maximum(mean, own) > floor
    inside = float((np.abs(own - mean) <= BAND * spread)[filled].mean())
    return Line(
        section=_section(name),
        what=f"{name} (curve)",
        phantom="mean ± 2 SD",
        real=f"{100 * inside:.0f} % of its points inside",
        distance=f"criterion {100 * CURVE_INSIDE:.0f} %",
        passed=inside >= CURVE_INSIDE,
    )


def _section(name: str) -> str:
    return "HU" if "HU" in name or "share of the body" in name else "DRR"
