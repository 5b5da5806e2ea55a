"""Registrations with a known answer: Autoscoper's wrist, the head phantom, and a lumbar CT's own simulated X-rays."""

import json
import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench import registry
from bench.contract import Problem, View
from bench.drr import AttenuationMap, project
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, compose, invert, nominal_pose
from bench.volume import Volume
from bench.volume.content import with_content
from bench.volume.read import read_volume
from bench.xray.case import case_of

# As ``register`` takes them by default.
SEARCH = np.array([15.0, 15.0, 15.0, 30.0, 30.0, 60.0])
# Thresholds were chosen on the starts before this one.
CHOSEN = 3
_VOXELS_MM = (0.39625, 0.39625, 0.625)
_SIDE = compose(np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]]), np.array([-700, 0, 700.0]))
_WRIST = [(frame, cameras) for frame in ("0002", "0099") for cameras in ((0, 1), (0,), (1,))]
FAULTS = ("inverted", "far", "far", "inverted")
_HEAD = [(0,), (0, 20), (-20,), (-12, 8), (8,), (20,)]
# No threshold was chosen on these.
_OTHER_HEAD = [(-12,), (-20, 8), (-12, 20), (0, 8)]
_OTHER_CTS = ("lumbar-4mm", "thoracic-4mm")


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A registration with its answer.

    Attributes:
        name: Of the images and the start.
        half: ``tuning``, ``held out`` (thresholds were chosen on other starts) or ``other images``.
        problem: With images.
        truth: rig_from_world, 4x4, mm.
        tie_mm: Below this an answer is right: mTRE with several views, distance to the rays with one.
    """

    name: str
    half: str
    problem: Problem
    truth: Matrix
    tie_mm: float


@dataclass(frozen=True, slots=True)
class Images:
    """X-rays of one acquisition: ``kind``, what of it, and what of a user's input is wrong.

    ``fault`` is ``inverted`` (a wrong ``--bright``), ``far`` (the true pose lies beyond the search range), or nothing.
    """

    kind: str
    which: tuple[int, ...]
    frame: str = ""
    fault: str = ""

    @property
    def name(self) -> str:
        """In a table."""
        views = "+".join(map(str, self.which))
        return " ".join(filter(None, (self.kind, self.frame, views, self.fault)))


def plan(first: int, rounds: int, *, other: bool = False) -> list[tuple[Images, int]]:
    """Images and the number of the start, round by round; one image of a round for every fault.

    Args:
        first: Number of the first start.
        rounds: Starts of every image.
        other: Images that no threshold was chosen on, in place of those that some were chosen on.
    """
    images = _other_images if other else _images
    return [(each, number) for number in range(first, first + rounds) for each in _with_faults(images(number), number)]


def _images(number: int) -> list[Images]:
    wrist = [Images("wrist", cameras, frame) for frame, cameras in _WRIST]
    head = [Images("head", angles) for angles in _HEAD[number % 2 :: 2]]
    return [*wrist, *[Images("lumbar", views, str(number)) for views in ((0, 1), (0,))], *head]


def _other_images(number: int) -> list[Images]:
    spines = [Images(name, views, str(number)) for name in _OTHER_CTS for views in ((0, 1), (0,))]
    return [*spines, *[Images("head", angles) for angles in _OTHER_HEAD]]


def _with_faults(sound: list[Images], number: int) -> list[Images]:
    return [
        *sound,
        *(replace(sound[(number + 3 * index) % len(sound)], fault=fault) for index, fault in enumerate(FAULTS)),
    ]


def known(images: Images, number: int) -> Known:
    """The registration of some images from one start."""
    volume, views, truth = _acquired(images)
    if images.fault == "inverted":
        views = tuple(replace(view, image=None if view.image is None else -view.image) for view in views)
    centre = np.asarray(volume.content_centre())
    start = PoseFrame(truth, centre).pose(_offset(number, images))
    problem = Problem(
        case_id=images.name,
        patient_id=images.kind,
        patient_hash="",
        volume=volume,
        views=views,
        start=start,
        nominal=start,
        centre=centre,
        search=SEARCH,
        seed=number,
    )
    head = 1.0 if len(views) == 1 else 1.5
    tie = {"wrist": 2.0, "head": head}.get(images.kind, 1.0)
    other = images.kind in _OTHER_CTS or images.which in _OTHER_HEAD
    half = "other images" if other else "tuning" if number < CHOSEN else "held out"
    return Known(f"{images.name} start {number}", half, problem, truth, tie)


def _offset(number: int, images: Images) -> Matrix:
    """In turn 9 degrees and 10 mm, 10 degrees and 30 mm, and anywhere in nine tenths of the search box."""
    random = np.random.default_rng([number, *images.name.encode()])
    if images.fault == "far":
        signs, shares = random.choice([-1.0, 1.0], 3), random.uniform(1.3, 2.0, 3)
        return np.asarray(SEARCH * [0, 0, 0, *(signs * shares)])
    if number % 3 == 2:
        return np.asarray(random.uniform(-0.9, 0.9, 6) * SEARCH)
    degrees, mm = ((9.0, 10.0), (10.0, 30.0))[number % 3]
    turn, shift = random.normal(size=3), random.normal(size=3)
    return np.concatenate([degrees * turn / np.linalg.norm(turn), mm * shift / np.linalg.norm(shift)])


def _acquired(images: Images) -> tuple[Volume, tuple[View, ...], Matrix]:
    """Volume, views on the rig of the first one, and the true pose."""
    if images.kind == "wrist":
        volume, views, truth = _wrist(images.frame)
        first = views[images.which[0]].camera_from_rig
        chosen = (views[index] for index in images.which)
        rigged = tuple(replace(each, camera_from_rig=each.camera_from_rig @ invert(first)) for each in chosen)
        return volume, rigged, first @ truth
    return _head(images.which) if images.kind == "head" else _spine(images.kind, images.which, int(images.frame))


def _data() -> Path:
    return Path(os.environ["FLUOROBENCH_DATA"])


@cache
def _wrist(frame: str) -> tuple[Volume, tuple[View, ...], Matrix]:
    settings = {"folder": str(_data() / "wrist-biplane"), "voxel_spacing_mm": _VOXELS_MM}
    patient = registry.build("datasets", "autoscoper", settings).patient("wrist-biplane")
    taken = next(each for each in patient.acquisitions if each.id == frame)
    return patient.volume, taken.views, taken.reference


@cache
def _head(angles: tuple[int, ...]) -> tuple[Volume, tuple[View, ...], Matrix]:
    folder = _data() / "head-mv"
    truth = json.loads((folder / "truth.json").read_text())
    cameras = [np.array(truth["camera_from_iso"][str(angle)]) for angle in angles]
    calibration = {"kind": "matrix", "K": truth["K"], "sdd_mm": truth["sdd_mm"]}
    tables = [
        {
            "file": f"epid_g{angle:+03d}.png",
            "flip": "none",
            "bright": "air",
            "camera_from_rig": (camera @ invert(cameras[0])).tolist(),
            "calibration": calibration,
        }
        for angle, camera in zip(angles, cameras, strict=True)
    ]
    case = case_of({"ct": {"volume": "ct.nii.gz"}, "images": tables}, name="head", folder=folder)
    return with_content(case.volume(), "body"), case.views(), cameras[0] @ np.array(truth["iso_from_ct_mm"])


@cache
def _spine(name: str, which: tuple[int, ...], seed: int) -> tuple[Volume, tuple[View, ...], Matrix]:
    """Bone of the CT on X-rays of its whole body, with noise."""
    folder = _data() / ("lumbar-3mm" if name == "lumbar" else name)
    labels, scheme = folder / "vertebrae.nii.gz", "totalsegmentator" if name == "lumbar" else "verse"
    of_labels: dict[str, Any] = {"labels": labels, "label_scheme": scheme} if labels.is_file() else {}
    whole = read_volume(folder / "ct.nii.gz", **of_labels)
    bone, body = with_content(whole, "bone"), AttenuationMap.from_volume(with_content(whole, "body"))
    random = np.random.default_rng(seed)
    direction = (StandardView.AP, StandardView.LATERAL)[seed % 2]
    centre = np.asarray(bone.content_centre())
    truth = PoseFrame(nominal_pose(direction, centre, 700.0), centre).pose(random.uniform(-10, 10, 6))
    camera = Camera.centred(sdd_mm=1000.0, height=400, width=400, spacing_mm=1.0)
    views = list[View]()
    for extrinsics in (np.eye(4), _SIDE)[: len(which)]:
        image = project(body, (extrinsics @ truth)[None], camera)[0, 0].numpy()
        noise = random.normal(0, 0.01, image.shape)
        views.append(View(camera, extrinsics, image=(image + noise).astype(np.float32)))
    return bone, tuple(views), truth
