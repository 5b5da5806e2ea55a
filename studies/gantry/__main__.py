"""``python -m studies.gantry RUN...``: finished runs of protocol ``head``, whose views are registered one by one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from pathlib import Path
from typing import TypeAlias

import numpy as np
import tyro
from scipy.spatial.transform import Rotation

from bench import registry
from bench.cli.console import output, print_table
from bench.contract import Patient, Split
from bench.errors import FluorobenchError
from bench.geometry import Matrix, compose, invert, rotation_angle_deg, transform_points
from bench.metrics.landmarks import landmark_errors
from bench.run.journal import Journal
from bench.score.adapters import wilson
from bench.volume.content import with_content
from bench.volume.landmarks import surface_landmarks
from studies.gantry.geometry import MODELS, Fit, Setup, corrected, fit, stand

# Optimisers of the protocol; its other rows read no pixel.
_SEARCHES = "Opt-"
_WITHIN_MM, _WITHIN_DEG = 1.0, 1.0
# Constants that explain most: of them the rates below are told.
_CONSTANTS = ("f", "v")

Answers: TypeAlias = Mapping[str, Sequence[Sequence[Matrix]]]
"""By method and view: rig_from_ct as the view's camera sees it (camera_from_ct)."""


@dataclass(frozen=True)
class Gantry:
    """Print which geometry makes answers to single views agree, and how many are within 1 mm and 1 degree of it."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of finished runs; each method counts once."""

    def __call__(self) -> None:
        """Print both tables."""
        answers = dict[str, Sequence[Sequence[Matrix]]]()
        for run in self.runs:
            journal = Journal.existing(run)
            answers |= _answers(journal)
        setup = _setup(_patient(Journal.existing(self.runs[0])))
        print_table(
            "geometry", ("method", "unknowns", "rms by view, mm", "rms, mm", "found"), [*_geometries(setup, answers)]
        )
        print_table(
            "rates",
            ("against", "camera", "answers of", "in plane < 1 mm", "mutual turn < 1 deg"),
            [*_rates(setup, answers)],
        )
        output.print("f in %, u and v in pixels, roll in degrees; intervals are Wilson's, 95 %")


def _patient(journal: Journal) -> Patient:
    data = journal.protocol.data
    dataset = registry.build("datasets", data.dataset, data.settings)
    patient: Patient = dataset.patient(dataset.patient_ids(Split.TEST)[0])
    return patient


def _setup(patient: Patient) -> Setup:
    (taken,) = patient.acquisitions
    if taken.reference is None:
        raise FluorobenchError(f"{patient.id}: expected a reference pose; it has none")
    points = surface_landmarks(with_content(patient.volume, "body"))
    return Setup(points, taken.views[0].camera, tuple(view.camera_from_rig for view in taken.views), taken.reference)


def _answers(journal: Journal) -> Answers:
    views = {problem.case_id: problem.images.view or 0 for problem in journal.problems()}
    found = dict[str, list[list[Matrix]]]()
    for each in journal.estimates():
        if each.label.startswith(_SEARCHES) and each.pose is not None:
            by_view = found.setdefault(each.label, [[] for _ in range(max(views.values()))])
            by_view[views[each.case_id] - 1].append(np.array(each.pose))
    return found


def _mean(poses: Sequence[Matrix], middle: Matrix) -> Matrix:
    """Mean turn, and the median place of a point."""
    turn = Rotation.from_matrix([pose[:3, :3] for pose in poses]).mean().as_matrix()
    place = np.median([transform_points(pose, middle) for pose in poses], axis=0)
    return compose(turn, place - turn @ middle)


def _means(setup: Setup, by_view: Sequence[Sequence[Matrix]]) -> list[Matrix]:
    return [_mean(poses, setup.points.mean(axis=0)) for poses in by_view]


def _geometries(setup: Setup, answers: Answers) -> Iterator[tuple[str, ...]]:
    for label, by_view in answers.items():
        means = _means(setup, by_view)
        for model in MODELS:
            found = fit(setup, means, model)
            told = ", ".join(f"{name} {value:.2f}" for name, value in found.unknowns.items() if name in model)
            by = " ".join(f"{each:.2f}" for each in found.rms_mm)
            rms = float(np.sqrt(np.mean(found.rms_mm**2)))
            yield label, ", ".join(model) or "none", by, f"{rms:.2f}", told or "-"


def _rates(setup: Setup, answers: Answers) -> Iterator[tuple[str, ...]]:
    """Against the reference as delivered, then against the geometry that another method's answers give."""
    for judged in answers:
        yield "the data's reference", "as stated", judged, *_judged(setup, Fit(setup.rig_from_ct, {}), answers[judged])
    means = {label: _means(setup, by_view) for label, by_view in answers.items()}
    for model, camera in (((), "as stated"), (_CONSTANTS, "with f, v")):
        for fitted, judged in permutations(answers, 2):
            found = fit(setup, means[fitted], model)
            yield f"position by {fitted}", camera, judged, *_judged(setup, found, answers[judged])


def _judged(setup: Setup, found: Fit, by_view: Sequence[Sequence[Matrix]]) -> tuple[str, str]:
    poses = [[corrected(setup, found, view, each) for each in some] for view, some in enumerate(by_view)]
    return _in_plane(setup, found, poses), _turns(setup, poses)


def _in_plane(setup: Setup, found: Fit, poses: Sequence[Sequence[Matrix]]) -> str:
    errors = [
        landmark_errors(pose, stand(setup, found, view) @ found.rig_from_ct, setup.points, setup.camera, np.eye(4))
        for view, some in enumerate(poses)
        for pose in some
    ]
    return _share([each.mtre_in_plane_mm < _WITHIN_MM for each in errors])


def _turns(setup: Setup, poses: Sequence[Sequence[Matrix]]) -> str:
    """Of all pairs of views, the first answer of one with the first of the other, and so on."""
    lies = [[invert(where) @ pose for pose in some] for where, some in zip(setup.stand, poses, strict=True)]
    return _share([
        rotation_angle_deg(one, other) < _WITHIN_DEG
        for first, second in combinations(lies, 2)
        for one, other in zip(first, second, strict=False)
    ])  # fmt: skip


def _share(hits: Sequence[bool]) -> str:
    low, high = wilson(sum(hits), len(hits), 0.95)
    return f"{sum(hits)}/{len(hits)}, {100 * low:.0f} to {100 * high:.0f} %"


if __name__ == "__main__":
    tyro.cli(Gantry)()
