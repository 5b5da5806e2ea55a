"""Other tools' conventions: one module a tool, each to and from our camera and pose.

Every module has a frozen dataclass that holds what the tool holds, in the tool's own names, units and signs, and two
functions: ``from_<tool>`` gives a ``ToolView`` (our camera and pose, and how the tool's image array must be flipped
to be seen from the source, as ours are stored); ``to_<tool>`` goes back. Ours: world is LPS in mm, the camera
OpenCV's, the centre of pixel (0, 0) at (0, 0).

Round trips hold to 1e-9, except within 1e-7 rad of a tool's own gimbal lock, where SciPy's Euler angles are that coarse
(and warn).

| module | tool |
|---|---|
| `sopi` | SOPI's six parameters and its normalised rtvec |
| `prost` | ProST's renderer and its normalised angle-axis vector |
| `diffdrr` | DiffDRR, xvr |
| `nanodrr` | nanodrr |
| `deepfluoro` | the DeepFluoro data set |
| `rtk` | RTK's circular geometry, IEC 61217 |
| `astra` | ASTRA's `cone_vec` |
| `autoscoper` | Autoscoper's and XMALab's calibration text |
| `dicom` | DICOM positioner angles; lossy |
"""

from bench.geometry.converters.view import ConversionError as ConversionError
from bench.geometry.converters.view import ToolView as ToolView
