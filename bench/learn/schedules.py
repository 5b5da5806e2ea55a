"""Learning-rate factors."""

import math


def one_cycle(progress: float, *, warm_up: float = 0.1, last: float = 0.005) -> float:
    """Linear warm-up, then cosine decay to ``last``; ``progress`` is the used part of a budget."""
    if progress < warm_up:
        return 0.1 + 0.9 * progress / warm_up
    part = (progress - warm_up) / (1 - warm_up)
    return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * part))
