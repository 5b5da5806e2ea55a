"""Image scores: the target compared with the moving volume rendered at the answer.

They need images, which a run's records do not hold: cases are built again, and the scores are kept in the run's
``image_scores.jsonl``, keyed by the answer and the target, so that each is computed once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from bench.cases.records import MatrixList, ProblemRecord, Record, read_records
from bench.contract import Case, Image, View
from bench.drr import AttenuationMap, ProjectionError, project
from bench.geometry import Matrix, transform_points
from bench.metrics.corners import (
    MIN_MATCHES,
    RANSAC_PX,
    CornerDistance,
    corner_distance,
    descriptor_distance,
    eight_bit,
)
from bench.metrics.image import ncc_true, pseudo_ncc
from bench.metrics.keypoints import Keypoints, Valid
from bench.metrics.orb import orb_keypoints
from bench.metrics.surf import surf_keypoints
from bench.score.column import Column, Reading, Value
from bench.score.statistics import text_column

# Of the definition of image scores; stored scores of another version are computed again.
VERSION = 1
FILE = "image_scores.jsonl"
# The label under which the true pose is scored: what a perfect answer would get.
TRUTH = "(truth)"
# Before an image column's name: that column of the true pose.
TRUTH_PREFIX = "truth_"

Scores: TypeAlias = Mapping[tuple[str, str], Mapping[str, float]]
Poser: TypeAlias = Callable[[str], Case]

_HOW = f"matched (ratio, mutual, RANSAC within {RANSAC_PX:g} px); absent below {MIN_MATCHES} matches"


@dataclass(frozen=True, slots=True, eq=False)
class ImageComparison:
    """A target beside the moving volume rendered at one pose: what image scores are computed from.

    Attributes:
        target: Target image, line integrals, (height, width).
        rendered: Rendering, likewise.
        valid: Pixels that count; None = all.
        orb: Distance between matched ORB corners, pixels.
        surf: Distance between matched SURF corners, pixels.
        descriptor_distance: SOPI's DistErr.
        pixel_mm: Pixel spacing on the detector; NaN without an SDD.
        isocentre_mm: Size of a pixel at the true depth of the rotation centre.
    """

    target: Image
    rendered: Image
    valid: Valid | None
    orb: CornerDistance
    surf: CornerDistance
    descriptor_distance: float
    pixel_mm: float
    isocentre_mm: float


def _corner_columns(
    key: str, name: str, corners: Callable[[ImageComparison], CornerDistance]
) -> tuple[Column[ImageComparison], ...]:
    return (
        Column(
            name=f"corner_{key}_mm",
            heading=f"Corners, {name}",
            unit="mm",
            definition=f"Mean distance on the detector between {name} corners of target and rendered answer, {_HOW}; "
            "times the image's own pixel spacing; absent without an SDD.",
            compute=lambda pair: corners(pair).distance_px * pair.pixel_mm,
            smaller_is_better=True,
        ),
        Column(
            name=f"corner_{key}_isocentre_mm",
            heading=f"Corners, {name}, at the isocentre",
            unit="mm",
            definition=f"The {name} corners' distance in pixels times the true depth of the rotation centre by the "
            "focal length; needs no SDD.",
            compute=lambda pair: corners(pair).distance_px * pair.isocentre_mm,
            smaller_is_better=True,
        ),
        Column(
            name=f"corner_{key}_matches",
            heading=f"{name} matches",
            definition=f"Number of matches over which the {name} corners' distance is averaged.",
            compute=lambda pair: float(corners(pair).matches),
            decimals=0,
        ),
    )


IMAGE_COLUMNS: tuple[Column[ImageComparison], ...] = (
    *_corner_columns("orb", "ORB", lambda pair: pair.orb),
    *_corner_columns("surf", "SURF", lambda pair: pair.surf),
    Column(
        name="dist_err_descriptor",
        heading="Descriptor DistErr",
        definition="SOPI's DistErr as its public code computes it: mean of the 20 smallest SURF descriptor distances "
        "(ratio 0.75) x 0.19959; a distance of descriptors, no millimetre.",
        compute=lambda pair: pair.descriptor_distance,
        reading=Reading.PAPER,
        decimals=3,
        smaller_is_better=True,
    ),
    Column(
        name="ncc_true",
        heading="NCC",
        definition="Normalised cross-correlation of target and rendered answer over the valid pixels.",
        compute=lambda pair: ncc_true(pair.target, pair.rendered, pair.valid),
        decimals=3,
        smaller_is_better=False,
    ),
    Column(
        name="img_sim_paper",
        heading="ImgSim",
        definition="SOPI's ImgSim as its public code computes it: sum(ab) / sum|ab| of the images scaled to [0, 1], "
        "less their means; reads higher than the NCC.",
        compute=lambda pair: pseudo_ncc(pair.target, pair.rendered, pair.valid),
        reading=Reading.PAPER,
        decimals=3,
        smaller_is_better=False,
    ),
)


class ImageScoreRecord(Record):
    """The image scores of one answer."""

    label: str
    case_id: str
    key: str
    values: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class TargetPicture:
    """A target with its keypoints, found once for all answers to the case."""

    view: View
    orb: Keypoints
    surf: Keypoints
    isocentre_mm: float

    @classmethod
    def of(cls, case: Case) -> "TargetPicture":
        """The first view of a case."""
        view = case.problem.views[0]
        if view.image is None:
            raise ValueError(f"case {case.problem.case_id!r} has no image")
        grey = eight_bit(view.image, view.valid)
        depth = transform_points(view.camera_from_rig @ case.truth, case.problem.centre)[2]
        isocentre_mm = float(depth / np.mean(view.camera.K[[0, 1], [0, 1]]))
        orb, surf = (detect(grey).within(view.valid) for detect in (orb_keypoints, surf_keypoints))
        return cls(view, orb, surf, isocentre_mm)

    def scores(self, pose: Matrix, attenuation: AttenuationMap) -> dict[str, float]:
        """Every image column of one pose; NaN where it cannot be rendered or a distance is undefined."""
        view = self.view
        try:
            rendered = project(attenuation, (view.camera_from_rig @ pose)[None], view.camera)[0, 0].numpy()
        except ProjectionError:
            return {each.name: float("nan") for each in IMAGE_COLUMNS}
        pair = self._compared(rendered)
        return {declared.name: _number(declared.value(pair)) for declared in IMAGE_COLUMNS}

    def _compared(self, rendered: Image) -> ImageComparison:
        view, spacing = self.view, self.view.camera.spacing_mm
        grey = eight_bit(rendered, view.valid)
        orb, surf = (detect(grey).within(view.valid) for detect in (orb_keypoints, surf_keypoints))
        target: Any = view.image
        return ImageComparison(
            target=target,
            rendered=rendered,
            valid=view.valid,
            orb=corner_distance(self.orb, orb),
            surf=corner_distance(self.surf, surf),
            descriptor_distance=descriptor_distance(self.surf, surf),
            pixel_mm=float("nan") if spacing is None else float(np.mean(spacing)),
            isocentre_mm=self.isocentre_mm,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A pose to score: of a method, or under the label ``TRUTH`` the true one."""

    label: str
    case_id: str
    pose: MatrixList

    def key(self, problem: ProblemRecord) -> str:
        """Fingerprint of what the image scores depend on."""
        text = f"{VERSION}/{problem.target_hash}/{problem.patient_hash}/{self.pose}"
        return sha256(text.encode()).hexdigest()[:16]


def image_scores(folder: Path, problems: Iterable[ProblemRecord], answers: Iterable[Answer], pose: Poser) -> Scores:
    """Image scores of every answer, from what the run's folder keeps or from the images.

    Args:
        folder: The run's; ``image_scores.jsonl`` in it is read and added to.
        problems: The run's cases.
        answers: What to score.
        pose: Gives a case with its images.

    Returns:
        Scores by (label, case id).
    """
    known = {problem.case_id: problem for problem in problems}
    keyed = [(answer, answer.key(known[answer.case_id])) for answer in answers]
    kept = _read_kept(folder / FILE)
    missing = [(answer, key) for answer, key in keyed if key not in kept]
    for case_id in sorted({answer.case_id for answer, _ in missing}):
        case = pose(case_id)
        target, attenuation = TargetPicture.of(case), AttenuationMap.from_volume(case.problem.volume)
        wanted = [(answer, key) for answer, key in missing if answer.case_id == case_id]
        found = [_record(answer, key, target.scores(np.array(answer.pose), attenuation)) for answer, key in wanted]
        _append(folder / FILE, found)
        kept |= {each.key: each.values for each in found}
    return {(answer.label, answer.case_id): kept[key] for answer, key in keyed}


def with_image_scores(rows: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """The rows of a run with the image columns beside, of the answers and of the truths; NaN without a pose."""
    nothing: Mapping[str, float] = {}
    names, labels, cases = (
        [each.name for each in IMAGE_COLUMNS],
        text_column(rows, "label"),
        text_column(rows, "case_id"),
    )
    answers = [scores.get(key, nothing) for key in zip(labels, cases, strict=True)]
    truths = [scores.get((TRUTH, case), nothing) for case in cases]
    columns = {name: [row.get(name, np.nan) for row in answers] for name in names}
    columns |= {f"{TRUTH_PREFIX}{name}": [row.get(name, np.nan) for row in truths] for name in names}
    return rows.assign(**columns)


def _number(value: Value) -> float:
    """An image score as float; NaN where it is not defined."""
    return float("nan") if value is None else float(value)


def _record(answer: Answer, key: str, found: dict[str, float]) -> ImageScoreRecord:
    return ImageScoreRecord(label=answer.label, case_id=answer.case_id, key=key, values=found)


def _read_kept(path: Path) -> dict[str, Mapping[str, float]]:
    """Scores kept, by key; a damaged file counts as none, for it can be made again."""
    try:
        return {each.key: each.values for each in read_records(path, ImageScoreRecord)} if path.is_file() else {}
    except ValueError:
        path.unlink()
        return {}


def _append(path: Path, records: Iterable[ImageScoreRecord]) -> None:
    with path.open("a") as file:
        file.writelines(record.model_dump_json() + "\n" for record in records)
