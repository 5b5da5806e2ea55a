"""A finished run as reports use it: rows, labels, and cases built again from the recorded protocol."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from bench.cases.build import build_case, case_ids
from bench.cases.extent import coverage, coverage_text
from bench.cases.prepare import PreparedPatient, load_patient, open_dataset
from bench.cases.records import EstimateRecord, ImageSource, ProblemRecord
from bench.contract import Case, Dataset, Estimate, Trace
from bench.drr import AttenuationMap
from bench.errors import FluorobenchError
from bench.files import write_whole
from bench.geometry import Matrix
from bench.protocol import Protocol
from bench.registry import unknown
from bench.run.declared import declared_methods
from bench.run.journal import Journal, RunError
from bench.score.budgets import with_budgets
from bench.score.caveats import with_caveats
from bench.score.columnar import texts
from bench.score.conditions import with_conditions
from bench.score.images import TRUTH, Answer, Scores, image_scores, spread_evenly, with_image_scores
from bench.score.parquet import write_parquet
from bench.score.rows import score_rows

SAME_POSE = 1e-6
# Cases that stay in memory for the next artefact, and the largest volume of one that does.
_KEPT_CASES, _KEPT_BYTES = 32, 8 * 2**20
# Cases whose images' coverage is measured, at most: a few milliseconds each.
_COVERED = 2000


@dataclass(frozen=True, eq=False)
class ScoredRun:
    """Implements ``bench.contract.FinishedRun`` over a run's folder."""

    journal: Journal
    built: Mapping[str, Case] = field(default_factory=dict[str, Case])
    """Cases that this process has from running them, by id; others are built when they are asked for."""

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.journal.folder

    @cached_property
    def protocol(self) -> Protocol:
        """What was run."""
        return self.journal.protocol

    @property
    def labels(self) -> tuple[str, ...]:
        """The methods' labels, in the protocol's order."""
        return tuple(method.label for method in self.protocol.methods)

    def labels_of(self, some: Sequence[str]) -> tuple[str, ...]:
        """Some of the labels, in the order given; all where none is.

        Raises:
            UnknownNameError: The run has no such method.
        """
        for label in some:
            if label not in self.labels:
                raise unknown("method label", label, self.labels)
        return tuple(some) or self.labels

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per registration, recomputed from the journal's files."""
        journal = self.journal
        rows = score_rows(journal.patients(), journal.each_problem(), journal.each_estimate(), journal.each_truth())
        self._require_labels(texts(rows, "label")[1])
        declared = declared_methods(self.folder, self.protocol)
        rows = with_caveats(rows, self.protocol, journal.patients(), declared)
        rows = with_budgets(rows, self.protocol, journal.each_problem(), declared)
        rows = with_conditions(rows, self.protocol)
        return with_image_scores(rows, self.image_scores) if self.protocol.scoring.images else rows

    @cached_property
    def image_scores(self) -> Scores:
        """Image scores of poses and, under the label ``TRUTH``, of the truths, by label and case.

        Of all cases, or of ``scoring.image_cases`` of them, spread evenly over the patients.
        """
        cases = [each.case_id for each in self.journal.each_problem()]
        scored = spread_evenly(cases, self.protocol.scoring.image_cases)
        estimates = [each for each in self.journal.each_estimate() if each.case_id in scored]
        truths = [each for each in self.journal.each_truth() if each.case_id in scored]
        answers = [
            *(Answer(each.label, each.case_id, each.pose) for each in estimates if each.pose is not None),
            *(Answer(TRUTH, each.case_id, each.truth) for each in truths),
        ]
        return image_scores(self.folder, self.journal.problems(), answers, self.case, self._shown)

    def _shown(self, case_id: str) -> AttenuationMap | None:
        """What the CT shows of a real X-ray; None of a simulated one."""
        real = self._problems[case_id].images.source is ImageSource.REAL
        return self.staged(case_id).target if real else None

    @property
    def description(self) -> str:
        """One sentence for captions."""
        protocol = self.protocol
        data = protocol.data
        volume = data.settings.get("volume")
        source = data.dataset if volume is None else "/".join(Path(volume).parts[-2:])
        return (
            f"{protocol.name}, {protocol.profile} profile: {data.patients} patient(s) of {source} x "
            f"{protocol.start.per_patient} start(s){_conditions(protocol)}, {protocol.start.distribution} start "
            f"distribution; {self._images}; "
            f"mTRE at {self._marks}"
        )

    @property
    def _images(self) -> str:
        """Source of the X-rays, and how simulated ones were made."""
        protocol, data = self.protocol, self.protocol.data
        real = {each.images.source is ImageSource.REAL for each in self.journal.each_problem()}
        simulated = (
            f"simulated X-rays, target {data.target}{self._covered}, moving {data.moving}{_matched(protocol)}, "
            f"{_formation(protocol)}{_idealised(protocol)}"
        )
        if not any(real):
            return simulated
        acquired = f"real X-rays, moving {data.moving}, truth: the reference poses supplied with them{self._left_out}"
        return acquired if all(real) else f"{acquired}; and {simulated}"

    @cached_property
    def _covered(self) -> str:
        """What the volumes behind simulated X-rays cover of their images, measured at the true poses."""
        extents = {each.patient_id: each.extent for each in self.journal.patients()}
        known = [
            each.case_id
            for each in self.journal.each_problem()
            if each.images.source is not ImageSource.REAL and extents[each.patient_id] is not None
        ]
        chosen = spread_evenly(known, _COVERED)
        truths = {each.case_id: np.array(each.truth) for each in self.journal.each_truth() if each.case_id in chosen}
        found = [
            coverage(extent, np.array(view.camera_from_rig) @ truths[each.case_id], view.camera)
            for each in self.journal.each_problem()
            if each.case_id in chosen and (extent := extents[each.patient_id]) is not None
            for view in each.views
        ]
        part = f"; measured on {len(chosen):,} of {len(known):,} cases" if len(chosen) < len(known) else ""
        return f" ({coverage_text(found)}{part})" if found else ""

    @property
    def _left_out(self) -> str:
        """How many acquisitions have no reference pose, and so no case."""
        names = [name for patient in self.journal.patients() for name in patient.unreferenced]
        return f" ({len(names)} acquisition(s) without one left out: {', '.join(names)})" if names else ""

    @cached_property
    def _marks(self) -> str:
        """The points at which target registration errors are measured: the first landmark set of a patient."""
        first = self.journal.patients()[0].landmarks[0]
        return f"{len(first.points)} {first.name} landmarks"

    def case(self, case_id: str) -> Case:
        """Build a case again, with its images.

        Raises:
            FluorobenchError: The run has no such case.
        """
        patient_id = case_id.rpartition("/")[0]
        if case_id not in self._estimated_cases:
            raise FluorobenchError(f"{self.folder} has no case {case_id!r}")
        if case_id in self._kept:
            return self._kept[case_id]
        if case_id in self.built:
            return self.built[case_id]
        recorded, ids = self._problems.get(case_id), case_ids(self.protocol, patient_id)
        if recorded is None or case_id not in self._truths or case_id not in ids:
            raise RunError(f"{self.folder}: its files do not have the same cases ({case_id!r}): they were altered")
        posed = build_case(self.protocol, self._staged(patient_id), ids.index(case_id), recorded=recorded)
        self._require_as_recorded(posed.problem_record, np.array(posed.truth_record.truth))
        if len(self._kept) < _KEPT_CASES and posed.case.problem.volume.hu.nbytes <= _KEPT_BYTES:
            self._kept[case_id] = posed.case
        return posed.case

    def estimate(self, label: str, case_id: str) -> Estimate:
        """The recorded answer.

        Raises:
            FluorobenchError: That registration has no pose.
        """
        record = self._records.get((label, case_id))
        if record is None or record.pose is None:
            raise FluorobenchError(f"{label} has no pose for case {case_id!r}")
        trace = Trace(*zip(*record.trace, strict=True)) if record.trace else None
        return Estimate(
            np.array(record.pose),
            record.outcome,
            record.seconds_by_phase,
            record.drr_evaluations,
            trace=trace,
            confidence=record.confidence,
        )

    def staged(self, case_id: str) -> PreparedPatient:
        """The patient of a case, made ready under the run's protocol."""
        return self._staged(case_id.rpartition("/")[0])

    def require_unchanged(self) -> None:
        """Refuse files that are no longer those of the run, before anything is written for them.

        One case of every patient and image is built again. Files that are gone are reported by those who need them.

        Raises:
            RunError: A CT or an X-ray is another one.
        """
        files = {each.patient_id for each in self.journal.patients() if each.origin is None}
        first = dict[tuple[str, str], str]()
        for each in self.journal.each_problem():
            image = each.target_hash if each.images.source is ImageSource.REAL else ""
            if each.patient_id in files:
                first.setdefault((each.patient_id, image), each.case_id)
        for case_id in first.values():
            try:
                self.case(case_id)
            except RunError as error:
                raise RunError(f"{error}: use --fresh to run it again") from None
            except FluorobenchError:
                continue

    def write_scores(self) -> Path:
        """Write ``scores.parquet``, whole or not at all."""
        return write_whole(self.folder / "scores.parquet", lambda part: write_parquet(self.scores, part))

    def _require_labels(self, answered: Iterable[str]) -> None:
        if strange := sorted(set(answered) - set(self.labels)):
            raise RunError(
                f"{self.folder}/estimates.jsonl has rows of {strange[0]!r}, which its protocol.toml does not have: one "
                "of them was altered"
            )

    def _require_as_recorded(self, again: ProblemRecord, truth: Matrix) -> None:
        """Refuse to draw pictures of cases other than the recorded ones: CT or code may have changed since."""
        recorded = self._problems[again.case_id]
        same = again.patient_hash == recorded.patient_hash and np.allclose(again.start, recorded.start, atol=SAME_POSE)
        # Real X-rays are read, not rendered, so their pixels must be the same bits.
        same = same and (recorded.images.source is not ImageSource.REAL or again.target_hash == recorded.target_hash)
        if not (same and np.allclose(truth, self._truths[again.case_id], atol=SAME_POSE)):
            raise RunError(f"case {again.case_id!r} is not what the run recorded: its CT or the code changed since")

    @cached_property
    def _kept(self) -> dict[str, Case]:
        return {}

    @cached_property
    def _problems(self) -> dict[str, ProblemRecord]:
        return {each.case_id: each for each in self.journal.problems()}

    @cached_property
    def _truths(self) -> dict[str, list[list[float]]]:
        return {each.case_id: each.truth for each in self.journal.truths()}

    @cached_property
    def _records(self) -> dict[tuple[str, str], EstimateRecord]:
        return {(each.label, each.case_id): each for each in self.journal.estimates()}

    @cached_property
    def _estimated_cases(self) -> frozenset[str]:
        return frozenset(case_id for _, case_id in self._records)

    @cached_property
    def _dataset(self) -> Dataset:
        return open_dataset(self.protocol)

    @cached_property
    def _staged(self) -> Callable[[str], PreparedPatient]:
        # Two patients at a time: artefacts go through the cases patient by patient, and a volume is large.
        def stage(patient_id: str) -> PreparedPatient:
            return load_patient(self.protocol, self._dataset, patient_id)

        return lru_cache(maxsize=2)(stage)


def _conditions(protocol: Protocol) -> str:
    """Under how many conditions the cases come: the protocol's own and those of ``[stress]``."""
    count = len(protocol.conditions)
    return f" x {1 + count} conditions" if count else ""


def _formation(protocol: Protocol) -> str:
    """How the targets were made."""
    target = protocol.target
    plain = "no noise" if target.photons is None else f"{target.photons:,.0f} photons a pixel"
    parts = [plain if target.formation is None else f"formed with {target.formation}"]
    if target.appearance is not None:
        parts.append(f"each exposure drawn: {target.appearance}")
    if target.neighbours is not None:
        parts.append(str(target.neighbours))
    if target.low_dose is not None:
        parts.append("degraded as LGFF's low-dose images")
    return ", ".join(parts)


def _idealised(protocol: Protocol) -> str:
    """What X-rays that are formed like real ones leave ideal; conditions of ``[stress]`` depart from it."""
    target = protocol.target
    if target.formation is None or protocol.told is not None:
        return ""
    known_air = target.appearance is None or target.appearance.gain == (1.0, 1.0)
    parts = ["perfect labels", "exact calibration", *(["known air level"] if known_air else []), "the same voxels"]
    return f"; idealised: {', '.join(parts)}"


def _matched(protocol: Protocol) -> str:
    """A warning where the target is rendered from the volume that the methods are given."""
    projector = "the same projector" if protocol.target.kernel == "auto" else "the exact projector"
    return f" (matched content: {projector}, the same voxels)" if protocol.same_content else ""


def open_run(folder: Path, built: Mapping[str, Case] | None = None) -> ScoredRun:
    """Open a finished run.

    Args:
        folder: Of the run.
        built: Its cases that this process has made, by id.

    Raises:
        RunError: The folder is no run, or the run is not finished.
    """
    journal = Journal.existing(folder)
    journal.require_complete()
    journal.require_seals()
    return ScoredRun(journal, built or {})
