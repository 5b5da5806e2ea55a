"""Commands that use trained weights: on the CT of the training, with the same region and camera."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.learn import Trainable

_WITHOUT_DATA = ("sopi-sim", "lgff-sim")


def ct_options(paths: Mapping[str, Path | None], label_scheme: str | None, box: Sequence[float] | None) -> list[str]:
    """Command-line arguments that name the user's CT; options that were not given are left out."""
    given = {**paths, "--label-scheme": label_scheme}
    arguments = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    return [*arguments, *(["--box", *(f"{each:g}" for each in box)] if box else [])]


def grid_options(series: str | None, voxel_spacing_mm: Sequence[float] | None) -> list[str]:
    """Command-line arguments for the series of a DICOM folder and for a voxel spacing that a file does not state."""
    arguments = [] if series is None else ["--series", series]
    return [
        *arguments,
        *(["--voxel-spacing-mm", *(f"{each:g}" for each in voxel_spacing_mm)] if voxel_spacing_mm else []),
    ]


def register_command(trainable: "Trainable", ct: Sequence[str], weights: Path) -> str:
    """The command that registers with the user's weights, with the set-up that they were trained for."""
    scene = trainable.scene
    region = [] if scene.region == "whole" else ["--region", scene.region]
    start = ["--start", scene.view.name, "--depth-mm", f"{scene.depth_mm:g}"]
    search = ["--search", *(f"{each:g}" for each in scene.search)]
    arguments = [
        "fluorobench", "register", "--method", trainable.name, "--set", f"weights={weights}", *ct, *region,
        "--content", scene.moving, "--margin-mm", f"{scene.margin_mm:g}", *start, *search, "--xray",
    ]  # fmt: skip
    return f"{shlex.join(arguments)} IMAGE"


def run_command(method: str, weights: Path) -> str:
    """The command that runs a protocol with other weights: the first with the method, those that need no data first."""
    from bench.protocol.load import summaries

    rows = {each.name: set(each.rows.values()) for each in summaries()}
    known = [*_WITHOUT_DATA, *(name for name in rows if name not in _WITHOUT_DATA)]
    having = (name for name in known if method in rows[name])
    return shlex.join(["fluorobench", "run", next(having, "PROTOCOL"), "--weights", str(weights)])


def required_camera(trainable: "Trainable") -> str:
    """The camera that images must have, as text."""
    camera = trainable.scene.camera
    size = f"{camera.width} x {camera.height} pixels, f = {camera.K[0, 0]:.1f} pixels"
    if camera.sdd_mm is None:
        return size
    return f"{size} ({camera.sdd_mm / camera.K[0, 0]:.4g} mm at a source-detector distance of {camera.sdd_mm:g} mm)"
