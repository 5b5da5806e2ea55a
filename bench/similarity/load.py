"""Build a similarity plug-in by its name."""

from dataclasses import fields
from typing import Any

from bench import registry
from bench.similarity.base import Similarity


def similarity(name: str, **settings: Any) -> Similarity:
    """Build a similarity plug-in of ``similarities/``.

    Names of settings are checked, their types are not: settings from a file go through ``bench.registry.build``, which
    needs pydantic; this function works with torch and numpy alone.

    Raises:
        bench.registry.UnknownNameError: No similarity or setting of that name.
        SimilarityError: A setting out of its range.
    """
    cls: Any = registry.load("similarities", name)
    known = [field.name for field in fields(cls)]
    for setting in settings:
        if setting not in known:
            raise registry.unknown(f"setting of {name}", setting, known)
    built: Similarity = cls(**settings)
    return built
