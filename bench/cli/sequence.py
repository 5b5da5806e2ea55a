"""Frames of a sequence: one file of a folder, or one frame of a file, of every camera at a time."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.cli.case import CaseArguments
from bench.cli.frames import frames_of_each
from bench.errors import FluorobenchError
from bench.single.trust import USABLE

if TYPE_CHECKING:
    from bench.contract import Problem
    from bench.report.registration_page import Registered
    from bench.xray.case import XrayCase

_ENDINGS = (".dcm", ".tif", ".tiff", ".png", ".nii", ".gz", "")


class SequenceError(FluorobenchError):
    """Arguments that do not describe a sequence."""


def moments(arguments: CaseArguments) -> "list[tuple[str, XrayCase]]":
    """The case of every frame of a sequence, in order, with its name.

    Args:
        arguments: ``xray``, or ``file`` of each image of a case file, names one folder of images, or one file of
            several frames with ``frame``, for each camera.

    Raises:
        SequenceError: One frame only, or cameras with different numbers of frames.
    """
    case = None if arguments.case is None else arguments.read(frames=True)
    paths = arguments.xray if case is None else [case.path(table.file) for table in case.tables.images]
    frames_of = frames_of_each(arguments.frame, len(paths))
    shown = [_frames(path, frames) for path, frames in zip(paths, frames_of, strict=True)]
    counts = [len(each) for each in shown]
    if len(set(counts)) > 1:
        raise SequenceError(f"every camera needs the same number of frames; got {', '.join(map(str, counts))}")
    if not counts or counts[0] < 2:
        raise SequenceError("a sequence has two frames or more: name a folder of images, or a file with --frame 0:20")
    return [_moment(case or arguments, number, at) for number, at in enumerate(zip(*shown, strict=True))]


def next_problem(problem: "Problem", registered: "Sequence[Registered]", case: "XrayCase") -> "Problem":
    """The problem of the next frame: it starts at the last pose that is trusted."""
    trusted = [each.pose for each in registered if each.found["verdict"]["trust"] in USABLE]
    start = trusted[-1] if trusted else np.asarray(registered[0].problem.start)
    return replace(problem, case_id=case.id, views=case.views(), start=start, nominal=start)


def _moment(
    of: "CaseArguments | XrayCase", number: int, at: tuple[tuple[Path, int | None], ...]
) -> "tuple[str, XrayCase]":
    path, frame = at[0]
    name = f"{number:04d}-{path.stem}" + ("" if frame is None else f"-{frame}")
    if not isinstance(of, CaseArguments):
        return name, of.at(at)
    framed = any(frame is not None for _, frame in at)
    one = replace(
        of,
        xray=tuple(path for path, _ in at),
        frame=tuple(str(frame or 0) for _, frame in at) if framed else (),
    )
    return name, one.read()


def _frames(path: Path, frames: tuple[int | None, ...]) -> list[tuple[Path, int | None]]:
    if not path.exists():
        raise SequenceError(f"no such file or folder: {path}; expected a folder of images, or a file with --frame")
    if not path.is_dir():
        return [(path, frame) for frame in frames]
    files = [file for file in path.iterdir() if file.is_file() and file.suffix.lower() in _ENDINGS]
    files = sorted((file for file in files if not file.name.startswith(".")), key=_in_order)
    if not files:
        raise SequenceError(f"{path}: no images in this folder; expected DICOM, TIFF, PNG or NIfTI files")
    return [(file, frame) for file in files for frame in frames]


def _in_order(path: Path) -> list[tuple[int, str]]:
    """Numbers in names count as numbers: frame 9 comes before frame 10."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", path.name)]
