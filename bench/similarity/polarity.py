"""Whether an edge must have the same polarity in both images."""

from typing import Literal, TypeAlias, get_args

from bench.similarity.base import SimilarityError

Polarity: TypeAlias = Literal["polarity-blind", "same-polarity"]


def check_polarity(weight: str) -> None:
    """Refuse any other name."""
    if weight not in get_args(Polarity):
        raise SimilarityError(f"expected weight to be one of {', '.join(get_args(Polarity))}; got {weight!r}")
