"""Protocol classes of the kinds of plug-in. A plug-in module declares ``plugin`` (the class) and ``card`` (its card).

Similarities have their contract in ``bench.similarity``. A method module may also declare ``presets``: a mapping from a
preset's name to settings, such as a paper's; and ``uses``: names of the methods that it is built on, whose weights and
training provenance are then its own too. A dataset module also declares ``miniature``, a ``Miniature``. Any module may
declare ``removed``: a mapping from a setting that it had to what its users should do instead.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from bench.contract.estimate import Estimate
from bench.contract.patient import Patient, PatientOrigin, Split
from bench.contract.problem import Case, Problem, SearchSpace, View
from bench.volume import Volume

if TYPE_CHECKING:
    import pandas as pd


class Method(Protocol):
    """A registration method: a frozen dataclass whose fields are its settings."""

    @property
    def prepare(self) -> Callable[..., Any]:
        """``prepare(volume, views)`` or ``prepare(volume, views, space)``: compute what does not depend on the images.

        It is timed apart. ``views`` carry no images; ``space`` is the ``SearchSpace`` of the problems: frame, search
        box and distributions. What it returns is passed to ``register`` as ``prepared`` for every problem of that
        volume, those views and, where it takes one, that space.
        """
        ...

    def register(self, problem: Problem, prepared: Any) -> Estimate:
        """Estimate the pose. Only this call is timed as registration. It must not change the problem."""
        ...

    def skip(self, problem: Problem) -> str | None:
        """Why this method cannot take this problem (one sentence), or None when it can."""
        ...


def takes_space(method: object) -> bool:
    """Whether a method's ``prepare`` wants the search space.

    A method that is made of others, such as a chain, states in ``takes_space`` whether one of them does.
    """
    stated = getattr(method, "takes_space", None)
    if stated is not None:
        return bool(stated)
    # A method without ``prepare`` fails where it is called.
    return len(inspect.signature(getattr(method, "prepare", prepare)).parameters) > len(("volume", "views"))


def prepare(method: Method, volume: Volume, views: Sequence[View], space: SearchSpace | None) -> Any:
    """Have a method prepare for problems, with as much of them as it takes.

    Args:
        method: Of any kind.
        volume: The moving volume.
        views: With or without images, which it is not given.
        space: Of the problems; None where the method takes none.
    """
    bare = tuple(view.without_image() for view in views)
    return method.prepare(volume, bare, space) if takes_space(method) else method.prepare(volume, bare)


Miniature: TypeAlias = Callable[[Path], Mapping[str, Any]]
"""Writes a tiny synthetic copy of a dataset's published files into an empty folder, and returns the settings that open
it. It holds at least one patient of one split, with everything that the dataset can yield (labels, landmarks, X-rays);
conformance tests load that patient."""


class Dataset(Protocol):
    """A source of patients: a frozen dataclass whose fields are its settings."""

    def patient_ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, in a fixed order; the splits are disjoint."""
        ...

    def patient(self, patient_id: str) -> Patient:
        """Load or make one patient; the same id always gives the same patient."""
        ...


@runtime_checkable
class ProceduralDataset(Protocol):
    """What a dataset declares besides, where its patients are or may be generated: runs and weights then state it."""

    def origin(self, patient_id: str) -> PatientOrigin | None:
        """What the patient is generated from, without generating it; None for one that was imaged."""
        ...


def patient_origin(dataset: Dataset, patient_id: str) -> PatientOrigin | None:
    """What a patient is generated from; None for one that was imaged, or whose dataset does not state it."""
    return dataset.origin(patient_id) if isinstance(dataset, ProceduralDataset) else None


class FinishedRun(Protocol):
    """The part of a finished run that artefacts read."""

    @property
    def folder(self) -> Path:
        """The run's folder."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The methods' labels, in the protocol's order."""
        ...

    @property
    def scores(self) -> "pd.DataFrame":
        """One row per registration, every metric (see ``bench.score.columns``)."""
        ...

    @property
    def description(self) -> str:
        """One sentence: protocol, profile, patients, starts, content; stands in captions."""
        ...

    def case(self, case_id: str) -> Case:
        """Build a case again, with its images."""
        ...

    def estimate(self, label: str, case_id: str) -> Estimate:
        """The recorded answer."""
        ...


class Artefact(Protocol):
    """A table or figure of a paper, or of ours: a frozen dataclass whose fields are its settings."""

    def write(self, run: FinishedRun) -> Sequence[Path]:
        """Write the files under ``run.folder`` / ``tables`` or ``figures`` and return their paths."""
        ...
