"""The unit of work, one method with one patient; and what a worker says while it does one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from bench.cases.build import BuiltCase, images_hash
from bench.cases.records import EstimateRecord, ProblemRecord, Record
from bench.contract import Problem
from bench.errors import FluorobenchError
from bench.protocol.model import MethodTable
from bench.run.first_stage import FirstStage

Images: TypeAlias = "tuple[np.ndarray[Any, np.dtype[np.float32]] | None, ...]"


class OtherCasesError(FluorobenchError):
    """A worker's cases are not the run's: it has other data."""


class OtherImagesError(FluorobenchError):
    """A worker's images differ from the run's in their last bits: its processor is of another type."""


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A method with a patient.

    Attributes:
        number: In the order of one worker.
        row: Of the protocol.
        patient_id: Whose cases.
        problems: The cases to register, as the run recorded them; the worker poses the same ones from the protocol.
        first: Answers of the row that this one continues.
        images: Of the views of each case, for a worker whose own ones differ in their last bits; empty = it makes them.
    """

    number: int
    row: MethodTable
    patient_id: str
    problems: tuple[ProblemRecord, ...]
    first: FirstStage | None = None
    images: Mapping[str, Images] = field(default_factory=dict[str, Images])

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.row.label} with {self.patient_id}"

    @property
    def method(self) -> MethodTable:
        """What is run of the row."""
        return self.row if self.first is None else self.first.rest

    def with_images(self, cases: list[BuiltCase]) -> "Unit":
        """The unit with the images of the run's own cases."""
        wanted = {each.case_id for each in self.problems}
        problems = [each.case.problem for each in cases if each.case.problem.case_id in wanted]
        images = {each.case_id: tuple(view.image for view in each.views) for each in problems}
        return replace(self, images=images)

    def posed(self, cases: list[BuiltCase]) -> list[Problem]:
        """The problems of the unit.

        Args:
            cases: Of the patient, as the worker made them.

        Raises:
            OtherCasesError: They are not those that the run recorded.
            OtherImagesError: They are, but for the last bits of an image.
        """
        made = {each.case.problem.case_id: each for each in cases}
        return [self._posed(recorded, made.get(recorded.case_id)) for recorded in self.problems]

    def _posed(self, recorded: ProblemRecord, made: BuiltCase | None) -> Problem:
        if made is None:
            raise OtherCasesError(f"it has no case {recorded.case_id}; expected the run's data and protocol there")
        problem, record = made.case.problem, made.problem_record
        if recorded.case_id in self.images:
            images = self.images[recorded.case_id]
            views = tuple(replace(view, image=image) for view, image in zip(problem.views, images, strict=True))
            problem, record = (
                replace(problem, views=views),
                record.model_copy(update={"target_hash": images_hash(views)}),
            )
        differing = {name for name in ProblemRecord.model_fields if getattr(record, name) != getattr(recorded, name)}
        differing.discard("perturbation_hash")
        if differing == {"target_hash"}:
            raise OtherImagesError(
                f"images of case {recorded.case_id} differ from the recorded ones in their last bits"
            )
        if differing:
            raise OtherCasesError(
                f"its case {recorded.case_id} is not the recorded one ({', '.join(sorted(differing))} differ); "
                "expected the same data there"
            )
        return problem


class Printed(Record):
    """What a row's method printed."""

    label: str
    text: str


class Raised(Record):
    """The traceback of a row's error; it comes before the row."""

    label: str
    case_id: str
    traceback: str


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """A unit was done; all its rows were sent before."""

    unit: Unit


@dataclass(frozen=True, slots=True, eq=False)
class WantsImages:
    """A worker poses the unit's cases with images that differ in their last bits; it wants the run's own."""

    unit: Unit


Message: TypeAlias = EstimateRecord | Printed | Raised | Ended | WantsImages
