"""Whether an edge must run the same way in both images."""

from typing import Literal, TypeAlias, get_args

from bench.similarity.base import SimilarityError

Polarity: TypeAlias = Literal["polarity-blind", "same-polarity"]


def check_polarity(weight: str) -> None:
    """Refuse a name that is neither of the two."""
    if weight not in get_args(Polarity):
        raise SimilarityError(f"expected weight to be one of {', '.join(get_args(Polarity))}; got {weight!r}")
