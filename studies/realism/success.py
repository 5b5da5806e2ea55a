"""Success against initial error: 50 % points of phantoms and CT, and the CT's percentile rank among the phantoms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.score.adapters import wilson
from bench.score.capture_range import SuccessCurve
from bench.score.statistics import CONFIDENCE, Floats, Interval, rate
from studies.realism.criterion import NEAR_ENOUGH, near_enough
from studies.realism.lines import Line
from studies.realism.matching import UNUSUAL, Matching
from studies.realism.parametric_bootstrap import ParametricBootstrap, parametric_bootstrap


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentileRank:
    """Rank of the CT among the patients of a population, by the share of starts from which a search succeeds.

    Starts are uniform in the initial error, so that the share measures the same as the 50 % point; unlike that point it
    exists for every patient, also where a success rate of one half is never reached.

    Attributes:
        label: Of the method.
        names: Ids of the patients.
        shares: Share of each patient.
        real: The CT's share.
        interval: Of the CT's share, 95 %: Wilson's, over its cases.
    """

    label: str
    names: tuple[str, ...]
    shares: Floats
    real: float
    interval: Interval

    @property
    def percentile(self) -> float:
        """Share of the patients with fewer successes than the CT; ties count half."""
        harder, tied = np.asarray(self.shares < self.real), np.asarray(self.shares == self.real)
        return float(harder.mean() + tied.mean() / 2)

    @property
    def inside(self) -> bool:
        """Whether the CT's interval overlaps the patients' range."""
        return bool(self.interval.low <= self.shares.max() and self.interval.high >= self.shares.min())


def percentile_rank(population: SuccessCurve, real: SuccessCurve) -> PercentileRank:
    """Rank of the CT among the patients of a population with the same distribution of starts."""
    names = tuple(sorted(set(population.patients)))
    owner = np.array(population.patients)
    shares = np.array([float(population.success[owner == name].mean()) for name in names])
    return PercentileRank(
        label=population.label,
        names=names,
        shares=shares,
        real=float(real.success.mean()),
        interval=_of_one_patient(real),
    )


def success_lines(
    population: Sequence[SuccessCurve],
    real: Sequence[SuccessCurve],
    *,
    section: str = "success",
    suffix: str = "",
) -> list[Line]:
    """One line a method: 50 % points within 25 % of the real CT's; where neither has one, their success rates.

    Where neither side reaches half, there is no 50 % point to compare: the line passes if the 95 % interval of the
    difference of the success rates includes 0. Where only one side reaches half, the line fails; the rates show how far
    apart the sides are.
    """
    return [
        _success_line(ours, theirs, section=section, suffix=suffix)
        for ours, theirs in zip(population, real, strict=True)
    ]


def percentile_rank_lines(population: Sequence[SuccessCurve], real: Sequence[SuccessCurve]) -> list[Line]:
    """One line a method: whether the CT's success lies within the range of the patients'."""
    return [_percentile_rank_line(percentile_rank(ours, theirs)) for ours, theirs in zip(population, real, strict=True)]


def parametric_bootstrap_lines(population: Sequence[SuccessCurve], real: Sequence[SuccessCurve]) -> list[Line]:
    """One line a method with 50 % points: the ratio with a phantom in place of the CT; it has no criterion."""
    pairs = [(theirs, ours, parametric_bootstrap(ours, theirs)) for ours, theirs in zip(population, real, strict=True)]
    return [_parametric_bootstrap_line(ours, theirs, found) for theirs, ours, found in pairs if found is not None]


def matched_lines(matching: Matching, chosen: Sequence[SuccessCurve], real: Sequence[SuccessCurve]) -> list[Line]:
    """Whether the CT is resembled at all, then the criterion for the matched patients alone."""
    return [matching_line(matching), *success_lines(chosen, real, section="matched", suffix=", matched")]


def matching_line(matching: Matching) -> Line:
    """Whether any phantom resembles the CT: its distance to the matched patients, beside that among phantoms."""
    own, count = np.array(matching.own), matching.count
    return Line(
        section="matched",
        what=f"resemblance: mean distance to the {count} nearest of {len(own)} phantoms",
        phantom=f"{np.median(own):.2f}; 95 % below {np.percentile(own, 100 * UNUSUAL, method='higher'):.2f}",
        real=f"{matching.reach:.2f}",
        distance=f"percentile {100 * matching.percentile:.0f}" + ("" if matching.resembled else ": none resembles it"),
        passed=matching.resembled,
    )


def success_interval(capture: SuccessCurve) -> Interval | None:
    """95 % interval of the success rate: clustered by patient; for one patient Wilson's over the cases.

    None for too few patients.
    """
    if len(set(capture.patients)) == 1:
        return _of_one_patient(capture)
    return rate(capture.success, capture.patients).interval


def difference_interval(first: float, own: Interval, second: float, other: Interval) -> Interval:
    """Of ``first - second``, from both shares' own intervals (Newcombe, Stat. Med. 17, 1998, method 10)."""
    low = np.hypot(first - own.low, other.high - second)
    high = np.hypot(own.high - first, second - other.low)
    return Interval(float(first - second - low), float(first - second + high))


def ratio_interval(first: float, own: Interval, second: float, other: Interval) -> Interval:
    """Of ``first / second``, both positive, from their own intervals (MOVER; Donner and Zou 2012).

    The upper end is infinite where the second may be zero.
    """
    low, high = min(own.low, first), max(own.high, first)
    least, most = min(other.low, second), max(other.high, second)
    product = first * second
    root = np.sqrt(product**2 - low * (2 * first - low) * most * (2 * second - most))
    scale = least * (2 * second - least)
    reach = np.sqrt(product**2 - high * (2 * first - high) * scale)
    upper = float((product + reach) / scale) if scale > 0 else np.inf
    return Interval(float(low * (2 * first - low) / (product + root)), upper)


def _of_one_patient(capture: SuccessCurve) -> Interval:
    return Interval(*wilson(float(capture.success.sum()), capture.success.size, CONFIDENCE))


def _success_line(ours: SuccessCurve, theirs: SuccessCurve, *, section: str, suffix: str) -> Line:
    passed, distance = near_enough(ours, theirs), "–"
    criterion = f"{1 - NEAR_ENOUGH:g} to {1 + NEAR_ENOUGH:g}"
    if ours.reached and theirs.reached:
        apart = ratio_interval(ours.half_mm, ours.interval, theirs.half_mm, theirs.interval)
        distance = f"{ours.half_mm / theirs.half_mm:.2f} x [{apart.low:.2f}, {apart.high:.2f}]"
    elif ours.reached or theirs.reached:
        distance = f"one side alone reaches half; {_by_rates(ours, theirs)[1]}"
    elif passed is None:
        passed, rates = _by_rates(ours, theirs)
        distance = f"{'neither reaches half' if ours.half_mm <= 0 else 'both stay above half'}; {rates}"
        criterion = "0 inside"
    return Line(
        section=section,
        what=f"{ours.label}{suffix}: initial mTRE at which half succeed",
        phantom=ours.text,
        real=theirs.text,
        distance=f"{distance} (criterion {criterion})",
        passed=passed,
    )


def _by_rates(ours: SuccessCurve, theirs: SuccessCurve) -> tuple[bool | None, str]:
    """Whether success rates may be equal, and the rates as text, where not both sides have a 50 % point."""
    own, other = success_interval(ours), success_interval(theirs)
    if own is None or other is None:
        return None, "too few phantoms to compare success"
    first, second = float(ours.success.mean()), float(theirs.success.mean())
    apart = difference_interval(first, own, second, other)
    text = f"success {_percent(first)} against {_percent(second)} %, difference [{_span(apart)}] %"
    return bool(apart.low <= 0 <= apart.high), text


def _parametric_bootstrap_line(ours: SuccessCurve, theirs: SuccessCurve, found: ParametricBootstrap) -> Line:
    return Line(
        section="success",
        what=f"{found.label}: the same ratio with a phantom in place of the CT",
        phantom=f"{found.ratios.low:.2f} to {found.ratios.high:.2f} in 95 of 100 draws",
        real=f"{ours.half_mm / theirs.half_mm:.2f}" if theirs.reached else "–",
        distance=f"passes the criterion in {_percent(found.passes)} % of the draws",
        passed=None,
    )


def _percentile_rank_line(found: PercentileRank) -> Line:
    low, middle, high = np.percentile(found.shares, [0, 50, 100])
    return Line(
        section="success",
        what=f"{found.label}: the CT's share of successes among the phantoms' own",
        phantom=f"{_percent(low)} to {_percent(high)} %, median {_percent(middle)} %; {found.shares.size} phantoms",
        real=f"{_percent(found.real)} % [{_span(found.interval)}]",
        distance=f"percentile {_percent(found.percentile)} (criterion: its interval overlaps their range)",
        passed=found.inside,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


def _span(interval: Interval) -> str:
    return f"{_percent(interval.low)}, {_percent(interval.high)}"
