"""Biplane X-rays and a segmented bone in the layout of Autoscoper: undistorted TIFFs, calibration text, a TIFF volume.

::

    folder/Calibration/*.txt         one a camera, in the order of their names
    folder/XMA_UND/CAMERA/*.NNNN.tif one folder a camera, in the same order; NNNN is the frame
    folder/Models/*.tif              the bone, a 16-bit stack of slices
    folder/reference.json            optional: {"frames": {"NNNN": {"R": 3x3, "t_mm": 3}}}, calibration from volume

Frames. The rig is the first camera. The volume's world has its axes along the stack's columns, rows and slices (not
known to be LPS) and its origin in the middle of the grid: voxel (i, j, k) lies at ((i, j, k) - size / 2) * spacing.

Attenuation. The stored numbers are not HU; HU = number - 1000, so that attenuation is proportional to the number and
zero where the segmentation left nothing. Its scale is arbitrary: similarities that ignore gain are needed.
"""

from bench.contract import Card

from .dataset import Autoscoper
from .miniature import miniature

__all__ = ["card", "miniature", "plugin"]

plugin = Autoscoper
card = Card(
    title="Biplane X-rays and a segmented bone in Autoscoper's folders",
    source="Autoscoper, sample data (wrist, cropped radius): github.com/BrownBiomechanics/Autoscoper, sample_data",
    citation="Akhbari et al., Journal of Biomechanics 2019 (the wrist sample's data)",
    licence="BSD-style, Brown University (the wrist sample); otherwise that of the folder's data",
    deviations=(
        "Reference poses are a biplane registration of ours: call a small distance agreement, not accuracy.",
        "The volume's numbers are not HU: HU = number - 1000, so that attenuation is proportional to the number.",
        "The world of the volume follows the stack's axes; it is not known to be LPS.",
        "Marker beads in the X-rays are not rigidly fixed to the bone and are no ground truth.",
        "No SDD: distances on the detector do not exist.",
        "Every split answers with the same patient, so nothing may be trained or tuned on it and then tested.",
    ),
)
