"""The wrist of the study: the segmented radius, its X-rays' set-ups, and the windows that networks see.

Dataset, distributions and seed are those of the protocols ``wrist`` and ``lgff-xray``. The data lies in the folder that
the environment variable FLUOROBENCH_DATA names.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from bench.cases.scene import extended, protocol_scene
from bench.geometry import Camera
from bench.learn import TrainingError
from bench.protocol import Protocol
from bench.protocol.load import read_protocol
from bench.xray import LowDose
from studies.wrist.acquired import AcquiredPopulation, AcquiredScene, acquired_scene
from studies.wrist.masked import MaskedPopulation, MaskedScene

FOLDER = Path(__file__).parent
OUTLINED = FOLDER / "lgff-xray.toml"
"""The protocol of the outlined X-rays."""

CAMERAS = (1, 2)
FRAMES = ("0002", "0099")

LOWEST_ROW = 389.6
"""Row of the binned X-rays where all hand-drawn outlines end."""


@cache
def protocol() -> Protocol:
    """The protocol ``wrist``: its patient, seed and distributions are the study's."""
    return read_protocol("wrist", "quick")


def wrist_window(size: int = 128) -> Camera:
    """A square of 120 to 126 mm about the nominal centre, where the radius has its 80 mm.

    Args:
        size: Pixels along an edge.
    """
    focal = 1100.0 * size / 128
    return Camera.centred(sdd_mm=1500.0, height=size, width=size, spacing_mm=1500.0 / focal)


def masked_window(size: int = 128) -> Camera:
    """A square of 110 mm about the frame's centre: it holds the outlined 70 mm of the radius at every pose drawn.

    Args:
        size: Pixels along an edge.
    """
    focal = 1200.0 * size / 128
    return Camera.centred(sdd_mm=1500.0, height=size, width=size, spacing_mm=1500.0 / focal)


def wrist_population() -> AcquiredPopulation:
    """The segmented radius; its files are read at first use."""
    return AcquiredPopulation(**_dataset())


def masked_population() -> MaskedPopulation:
    """The segmented radius, for masked X-rays; its files are read at first use."""
    return MaskedPopulation(**_dataset())


def wrist_scene(size: int = 128, images: Sequence[str] = ()) -> AcquiredScene:
    """The set-ups of the four X-rays, or of those named; reads the data.

    Args:
        size: Pixels along an edge of the window.
        images: Such as ``0002 view 1``.
    """
    return _scene(size, tuple(images))


@cache
def masked_scene(camera: int) -> MaskedScene:
    """The set-ups of one camera's two X-rays; reads the data.

    Args:
        camera: 1 or 2.

    Raises:
        TrainingError: Another number.
    """
    if camera not in CAMERAS:
        raise TrainingError(f"the wrist was X-rayed by cameras 1 and 2; got camera={camera}")
    plain = wrist_scene(images=[f"{frame} view {camera}" for frame in FRAMES])
    return extended(MaskedScene, plain, camera=masked_window(), low_dose=LowDose(), lowest_row=LOWEST_ROW)


@cache
def _scene(size: int, images: tuple[str, ...]) -> AcquiredScene:
    wrist = protocol()
    return acquired_scene(
        wrist_population(),
        replace(protocol_scene(wrist), start=None),
        window=wrist_window(size),
        seed=wrist.seed,
        images=images,
    )


def _dataset() -> dict[str, Any]:
    """Dataset and settings of the protocol; second references are for reports alone."""
    data = protocol().data
    settings = {name: value for name, value in data.settings.items() if name != "other_references"}
    return {"dataset": data.dataset, "settings": settings}
