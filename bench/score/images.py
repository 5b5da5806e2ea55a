"""Image scores: renderings at the answer compared with the target and, where it is known, with one at the true pose.

DistErr compares corners of like with like, at the detector's resolution. On simulated X-rays: the moving content
rendered at the true pose and at the answer. On real ones, whose true pose is not known: the X-ray and all that the CT
shows of it (``data.target``, the whole body) rendered at the answer. The paper-compatible columns compare the target
with the moving content alone, as SOPI's code does: on X-rays of bodies not even the true pose scores well by them.

They need images, which a run's records do not hold: cases are built again, and the scores are kept in the run's
``image_scores.jsonl``, keyed by the answer and the target, so that each is computed once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from scipy import ndimage

from bench.cases.records import MatrixList, ProblemRecord, Record, read_records
from bench.contract import Case, Image, View
from bench.drr import AttenuationMap, ProjectionError, project
from bench.geometry import Matrix, transform_points
from bench.metrics.corners import BEST, MIN_MATCHES, corner_distance, descriptor_distance, eight_bit
from bench.metrics.image import ncc_true, pseudo_ncc
from bench.metrics.keypoints import Bytes, Keypoints, Valid
from bench.metrics.orb import orb_keypoints, with_local_contrast
from bench.metrics.surf import surf_keypoints
from bench.score.column import Column, Reading, Value
from bench.score.columnar import with_columns
from bench.score.statistics import text_column

# Of the definition of image scores; stored scores of another version are computed again.
VERSION = 2
FILE = "image_scores.jsonl"
# The label under which the true pose is scored: what a perfect answer would get.
TRUTH = "(truth)"
# Before an image column's name: that column of the true pose.
TRUTH_PREFIX = "truth_"

Scores: TypeAlias = Mapping[tuple[str, str], Mapping[str, float]]
Poser: TypeAlias = Callable[[str], Case]
# What the CT shows of a case's real X-ray; None of a simulated one.
Shown: TypeAlias = Callable[[str], AttenuationMap | None]

# Of the Gaussian, pixels, that takes the noise from a real X-ray, and as much from the rendering beside it.
_SMOOTHING_PX = 2.5
# Of the image's longer edge: corners that lie farther apart are no pair.
_REACH = 0.25
_BETWEEN = (
    "the moving content rendered at the true pose and at the answer (simulated X-rays), or of the X-ray and the whole "
    "CT rendered at the answer, both smoothed and with their contrast equalised (real ones)"
)
_HOW = (
    f"Median distance of the {BEST} pairs with the nearest descriptors, none farther apart than a quarter of the "
    f"image's longer edge; absent below {MIN_MATCHES} pairs"
)


@dataclass(frozen=True, slots=True, eq=False)
class ImageComparison:
    """What image scores of one pose are computed from.

    Attributes:
        target: Target image, line integrals, (height, width).
        rendered: The moving volume rendered at the pose, likewise.
        valid: Pixels that count; None = all.
        orb: DistErr by ORB corners, pixels.
        surf: DistErr by SURF corners, pixels.
        descriptor_distance: SOPI's DistErr.
        pixel_mm: Pixel spacing on the detector; NaN without an SDD.
        isocentre_mm: Size of a pixel at the true depth of the rotation centre.
    """

    target: Image
    rendered: Image
    valid: Valid | None
    orb: float
    surf: float
    descriptor_distance: float
    pixel_mm: float
    isocentre_mm: float


def _corner_columns(
    key: str, name: str, distance_px: Callable[[ImageComparison], float]
) -> tuple[Column[ImageComparison], ...]:
    return (
        Column(
            name=f"dist_err_{key}_mm",
            heading=f"DistErr, {name}",
            unit="mm",
            definition=f"Distance on the detector between {name} corners of {_BETWEEN}. {_HOW}, or without an SDD.",
            compute=lambda pair: distance_px(pair) * pair.pixel_mm,
            smaller_is_better=True,
        ),
        Column(
            name=f"dist_err_{key}_isocentre_mm",
            heading=f"DistErr, {name}, at the isocentre",
            unit="mm",
            definition=f"dist_err_{key}_mm in pixels times the true depth of the rotation centre by the focal length; "
            "needs no SDD.",
            compute=lambda pair: distance_px(pair) * pair.isocentre_mm,
            smaller_is_better=True,
        ),
    )


IMAGE_COLUMNS: tuple[Column[ImageComparison], ...] = (
    *_corner_columns("orb", "ORB", lambda pair: pair.orb),
    *_corner_columns("surf", "SURF", lambda pair: pair.surf),
    Column(
        name="dist_err_descriptor",
        heading="Descriptor distance",
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
class Corners:
    """Corners of one image by both detectors."""

    orb: Keypoints
    surf: Keypoints

    @classmethod
    def of(cls, grey: Bytes, valid: Valid | None) -> "Corners":
        """Those on valid pixels."""
        return cls(orb_keypoints(grey).within(valid), surf_keypoints(grey).within(valid))


@dataclass(frozen=True, slots=True, eq=False)
class TargetPicture:
    """A target with what every answer to its case is compared with, found once.

    Attributes:
        view: With the image.
        moving: Attenuation of the moving volume.
        shown: What the CT shows of a real X-ray; None for a simulated one.
        surf: Corners of the image as it is, for SOPI's DistErr.
        truth: The true pose, rig_from_world, 4x4, mm.
        corners: Of the moving content at the true pose, or of the real X-ray.
        isocentre_mm: Size of a pixel at the true depth of the rotation centre.
    """

    view: View
    moving: AttenuationMap
    shown: AttenuationMap | None
    surf: Keypoints
    truth: Matrix
    corners: Corners
    isocentre_mm: float

    @classmethod
    def of(cls, case: Case, shown: AttenuationMap | None) -> "TargetPicture":
        """The first view of a case."""
        view, moving = case.problem.views[0], AttenuationMap.from_volume(case.problem.volume)
        if view.image is None:
            raise ValueError(f"case {case.problem.case_id!r} has no image")
        depth = transform_points(view.camera_from_rig @ case.truth, case.problem.centre)[2]
        return cls(
            view=view,
            moving=moving,
            shown=shown,
            surf=surf_keypoints(eight_bit(view.image, view.valid)).within(view.valid),
            truth=case.truth,
            corners=Corners.of(eight_bit(_render(moving, case.truth, view), view.valid), view.valid)
            if shown is None
            else Corners.of(_equalised(view.image, view.valid), view.valid),
            isocentre_mm=float(depth / np.mean(view.camera.K[[0, 1], [0, 1]])),
        )

    def scores(self, pose: Matrix) -> dict[str, float]:
        """Every image column of one pose; NaN where it cannot be rendered or a distance is undefined."""
        try:
            pair = self._compared(pose)
        except ProjectionError:
            return {each.name: float("nan") for each in IMAGE_COLUMNS}
        return {declared.name: _number(declared.value(pair)) for declared in IMAGE_COLUMNS}

    def _compared(self, pose: Matrix) -> ImageComparison:
        view, spacing = self.view, self.view.camera.spacing_mm
        rendered = _render(self.moving, pose, view)
        if self.shown is None and np.array_equal(pose, self.truth):
            plain = self.corners
        else:
            plain = Corners.of(eight_bit(rendered, view.valid), view.valid)
        corners = plain
        if self.shown is not None:
            corners = Corners.of(_equalised(_render(self.shown, pose, view), view.valid), view.valid)
        target: Any = view.image
        reach = _REACH * max(view.camera.height, view.camera.width)
        return ImageComparison(
            target=target,
            rendered=rendered,
            valid=view.valid,
            orb=corner_distance(self.corners.orb, corners.orb, reach_px=reach),
            surf=corner_distance(self.corners.surf, corners.surf, reach_px=reach),
            descriptor_distance=descriptor_distance(self.surf, plain.surf),
            pixel_mm=float("nan") if spacing is None else float(np.mean(spacing)),
            isocentre_mm=self.isocentre_mm,
        )


def _render(content: AttenuationMap, pose: Matrix, view: View) -> Image:
    return project(content, (view.camera_from_rig @ pose)[None], view.camera)[0, 0].numpy()


def _equalised(image: Image, valid: Valid | None) -> Bytes:
    smooth = np.asarray(ndimage.gaussian_filter(image, _SMOOTHING_PX), dtype=np.float32)
    return with_local_contrast(eight_bit(smooth, valid))


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


def image_scores(
    folder: Path, problems: Iterable[ProblemRecord], answers: Iterable[Answer], pose: Poser, shown: Shown
) -> Scores:
    """Image scores of every answer, from what the run's folder keeps or from the images.

    Args:
        folder: The run's; ``image_scores.jsonl`` in it is read and added to.
        problems: The run's cases.
        answers: What to score.
        pose: Gives a case with its images.
        shown: Gives what the CT shows of a case's real X-ray; None of a simulated one.

    Returns:
        Scores by (label, case id).
    """
    known = {problem.case_id: problem for problem in problems}
    keyed = [(answer, answer.key(known[answer.case_id])) for answer in answers]
    kept = _read_kept(folder / FILE)
    missing = [(answer, key) for answer, key in keyed if key not in kept]
    for case_id in sorted({answer.case_id for answer, _ in missing}):
        target = TargetPicture.of(pose(case_id), shown(case_id))
        wanted = [(answer, key) for answer, key in missing if answer.case_id == case_id]
        found = [_record(answer, key, target.scores(np.array(answer.pose))) for answer, key in wanted]
        _append(folder / FILE, found)
        kept |= {each.key: each.values for each in found}
    return {(answer.label, answer.case_id): kept[key] for answer, key in keyed}


def spread_evenly(case_ids: Sequence[str], count: int | None) -> frozenset[str]:
    """Which cases get image scores: all without a count, else so many at equal steps through their order."""
    if count is None or count >= len(case_ids):
        return frozenset(case_ids)
    return frozenset(case_ids[number * len(case_ids) // count] for number in range(count))


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
    return with_columns(rows, columns)


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
