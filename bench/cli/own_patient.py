"""What to type after a training: for a CT of one's own the same CT, the same part of it, the same camera."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.learn import Trainable

_WITHOUT_DATA = ("sopi-sim", "lgff-sim")


def ct_words(paths: Mapping[str, Path | None], label_scheme: str | None, box: Sequence[float] | None) -> list[str]:
    """Words of a command line that name a CT of one's own; those not said are left out."""
    given = {**paths, "--label-scheme": label_scheme}
    words = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    return [*words, *(["--box", *(f"{each:g}" for each in box)] if box else [])]


def grid_words(series: str | None, voxel_spacing_mm: Sequence[float] | None) -> list[str]:
    """Words that say which series of a CT's folder is meant, and the spacing that its file does not state."""
    words = [] if series is None else ["--series", series]
    return [*words, *(["--voxel-spacing-mm", *(f"{each:g}" for each in voxel_spacing_mm)] if voxel_spacing_mm else [])]


def register_words(trainable: "Trainable", ct: Sequence[str], weights: Path) -> str:
    """The command that registers with weights of one's own, and the camera that they were trained for."""
    scene = trainable.scene
    region = [] if scene.region == "whole" else ["--region", scene.region]
    start = ["--start", scene.view.name, "--depth-mm", f"{scene.depth_mm:g}"]
    search = ["--search", *(f"{each:g}" for each in scene.search)]
    words = [
        "fluorobench", "register", "--method", trainable.name, "--set", f"weights={weights}", *ct, *region,
        "--content", scene.moving, "--margin-mm", f"{scene.margin_mm:g}", *start, *search, "--xray",
    ]  # fmt: skip
    return f"{shlex.join(words)} IMAGE"


def run_words(method: str, weights: Path) -> str:
    """The command that runs a protocol with other weights: the first with a row of the method, without data first."""
    from bench.protocol.load import summaries

    rows = {each.name: set(each.rows.values()) for each in summaries()}
    known = [*_WITHOUT_DATA, *(name for name in rows if name not in _WITHOUT_DATA)]
    having = (name for name in known if method in rows[name])
    return shlex.join(["fluorobench", "run", next(having, "PROTOCOL"), "--weights", str(weights)])


def camera_words(trainable: "Trainable") -> str:
    """What camera the images must have."""
    camera = trainable.scene.camera
    size = f"{camera.width} x {camera.height} pixels, f = {camera.K[0, 0]:.1f} pixels"
    if camera.sdd_mm is None:
        return size
    return f"{size} ({camera.sdd_mm / camera.K[0, 0]:.4g} mm at a source-detector distance of {camera.sdd_mm:g} mm)"
