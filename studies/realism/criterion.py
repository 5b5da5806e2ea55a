"""The criterion of the study: 50 % points of phantoms and CT within 25 % of each other."""

from bench.score.capture_range import SuccessCurve

NEAR_ENOUGH = 0.25


def near_enough(phantom: SuccessCurve, real: SuccessCurve) -> bool | None:
    """Whether the 50 % points lie within 25 % of the CT's; None where both lie at the same end of the range."""
    if not (phantom.reached or real.reached):
        return None if phantom.half_mm == real.half_mm else False
    return phantom.reached and real.reached and abs(phantom.half_mm / real.half_mm - 1) <= NEAR_ENOUGH
