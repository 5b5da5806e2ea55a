"""Image similarities for registration: batched, differentiable, larger = more alike."""

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from bench.similarity.base import Similarity as Similarity
from bench.similarity.base import SimilarityError as SimilarityError
from bench.similarity.gc import GC as GC
from bench.similarity.gd import GD as GD
from bench.similarity.go import GO as GO
from bench.similarity.lncc import LNCC as LNCC
from bench.similarity.mi import MI as MI
from bench.similarity.ncc import NCC as NCC
from bench.similarity.nccl import NCCL as NCCL
from bench.similarity.ngi import NGI as NGI
from bench.similarity.sgc import SGC as SGC

SIMILARITIES: dict[str, type[Similarity]] = {
    "ncc": NCC,
    "lncc": LNCC,
    "nccl": NCCL,
    "gc": GC,
    "sgc": SGC,
    "ngi": NGI,
    "go": GO,
    "gd": GD,
    "mi": MI,
}


def similarity(name: str, **settings: Any) -> Similarity:
    """Build a similarity by its name in ``SIMILARITIES``.

    Raises:
        bench.registry.UnknownNameError: No similarity or setting of that name.
        SimilarityError: A setting out of its range.
    """
    _require_known("similarity", name, SIMILARITIES)
    cls: Any = SIMILARITIES[name]
    for setting in settings:
        _require_known(f"setting of {name}", setting, [field.name for field in fields(cls)])
    built: Similarity = cls(**settings)
    return built


def _require_known(what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        # Imported here: only an error needs it, and the registry brings more than torch and numpy.
        from bench.registry import unknown

        raise unknown(what, name, known)
