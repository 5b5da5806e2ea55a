"""The miniature of ``xray_case`` under typed names: plug-in modules are loaded by name and have no types."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.geometry import Camera, Matrix
from bench.volume import Volume

_miniature: Any = import_module("bench.datasets.xray_case.miniature")

CAMERA: Camera = _miniature.CAMERA
QUARTER: Matrix = _miniature.QUARTER
SDD: float = _miniature.SDD_MM
SIZE: int = _miniature.SIZE
SPACING: float = _miniature.SPACING_MM
bone: Callable[[], Volume] = _miniature.bone
true_pose: Callable[[], Matrix] = _miniature.true_pose
calibration: Callable[..., str] = _miniature.calibration
write_case: Callable[..., Path] = _miniature.write_case
xray: Callable[[Matrix], NDArray[np.uint16]] = _miniature.xray
