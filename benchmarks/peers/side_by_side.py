"""Every projector that is installed, interleaved in one process: processor time, wall time, error, and ratios.

``make bench-perf`` runs it in an environment of its own (``.venv-peers``); it writes docs/performance.md and a figure.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import plastimatch  # noqa: E402
import table  # noqa: E402
from projectors import PROJECTORS, Images, Projector, Render  # noqa: E402
from scene import Scene  # noqa: E402

import bench  # noqa: E402  (sets thread policies before torch and numba come in)
from bench.drr import project, project_siddon  # noqa: E402

SIZES = ((128, 128), (128, 256), (256, 256))
_REFERENCE_POSES = 1


@dataclass
class Row:
    """Measurements of one projector on one scene, per image."""

    label: str
    kind: str
    model: str
    error: float = float("nan")
    cpu_ms: list[float] = field(default_factory=lambda: list[float]())
    wall_ms: list[float] = field(default_factory=lambda: list[float]())


def relative_error(found: Images, wanted: Images) -> float:
    """Relative L2 distance."""
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def timed(call: Callable[[], object], poses: int) -> tuple[float, float]:
    """Processor and wall milliseconds per image."""
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    return 1e3 * (time.process_time() - cpu) / poses, 1e3 * (time.perf_counter() - wall) / poses


def errors(scene: Scene, calls: Sequence[tuple[Projector, Render]]) -> dict[str, float]:
    """Each projector's error against its own image model, on the first pose."""
    first = scene.camera_from_world[:_REFERENCE_POSES]
    wanted = {
        "trilinear": project(scene.volume, first, scene.camera, kernel="reference").numpy()[:, 0],
        "siddon": project_siddon(scene.volume, first, scene.camera),
    }
    return {
        each.label: relative_error(np.asarray(call())[:_REFERENCE_POSES], wanted[each.model]) for each, call in calls
    }


def measure(scene: Scene, rounds: int) -> list[Row]:
    """One round renders with every projector, so that other load on the machine affects all alike."""
    calls = [(each, each.build(scene)) for each in PROJECTORS if each.installed]
    found = errors(scene, calls)
    rows = {each.label: Row(each.label, each.kind, each.model, found[each.label]) for each, _ in calls}
    if plastimatch.installed():
        rows[plastimatch.LABEL] = Row(plastimatch.LABEL, "image", "siddon")
    for number in range(rounds):
        sys.stderr.write(f"  {scene.name}: round {number + 1} of {rounds}\n")
        for each, call in calls:
            cpu, wall = timed(call, scene.poses)
            rows[each.label].cpu_ms.append(cpu)
            rows[each.label].wall_ms.append(wall)
        if plastimatch.installed():
            cpu, wall = plastimatch.times(scene)
            rows[plastimatch.LABEL].cpu_ms.append(1e3 * cpu)
            rows[plastimatch.LABEL].wall_ms.append(1e3 * wall)
    return list(rows.values())


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--largest", type=int, default=256, help="largest volume, voxels along an edge")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    words = parser.parse_args()
    missing = sorted({each.needs for each in PROJECTORS if not each.installed})
    if missing:
        sys.stderr.write(f"not installed here: {', '.join(missing)}\n")
    results: dict[str, list[Row]] = {}
    for voxels, pixels in SIZES:
        if voxels <= words.largest:
            scene = Scene(voxels, pixels)
            results[scene.name] = measure(scene, words.rounds)
    sys.stdout.write(table.write(results, words.out, median=median))


if __name__ == "__main__":
    _ = bench
    main()
