"""The study of a wrist's real X-rays with the radius outlined by hand, as every network that plays in it is trained.

``bench/protocols/lgff-xray.toml`` holds the outlines and plays the same; a test compares them.
"""

from dataclasses import fields
from functools import cache
from typing import Any

from bench.geometry import Camera
from bench.learn.acquired import AcquiredScene
from bench.learn.errors import TrainingError
from bench.learn.masked import MaskedPopulation, MaskedScene
from bench.learn.wrist_study import wrist_population, wrist_scene

CAMERAS = (1, 2)
FRAMES = ("0002", "0099")

LOWEST_ROW = 389.6
"""Of the binned X-ray: whoever drew the protocol's outlines stopped there in all of them, so that it tells nothing."""


def masked_window(size: int = 128) -> Camera:
    """A square of 110 mm about the frame's centre: the outlined 70 mm of the radius wherever the law puts them.

    Args:
        size: Pixels along an edge.
    """
    focal = 1200.0 * size / 128
    return Camera.centred(sdd_mm=1500.0, height=size, width=size, spacing_mm=1500.0 / focal)


def masked_population() -> MaskedPopulation:
    """The segmented radius; nothing is read before it is asked for."""
    plain = wrist_population()
    return MaskedPopulation(dataset=plain.dataset, settings=plain.settings)


@cache
def masked_scene(camera: int) -> MaskedScene:
    """The set-ups of one camera's two X-rays; reads the data.

    Args:
        camera: 1 or 2.

    Raises:
        TrainingError: Another number.
    """
    if camera not in CAMERAS:
        raise TrainingError(f"the wrist was X-rayed by cameras 1 and 2; got wrist_camera={camera}")
    plain = wrist_scene(images=[f"{frame} view {camera}" for frame in FRAMES])
    shared: dict[str, Any] = {each.name: getattr(plain, each.name) for each in fields(AcquiredScene)}
    shared["camera"] = masked_window()
    return MaskedScene(**shared, lowest_row=LOWEST_ROW)
