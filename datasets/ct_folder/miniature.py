"""Five small CTs with label maps, as a user may keep them in one folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.volume.miniature import bone_blocks
from bench.volume.write import write_image

_NAMES = ("a", "b", "c", "d", "e")


def miniature(folder: Path) -> Mapping[str, Any]:
    """Write the CTs; returns the settings that open them, one deformed variant of each."""
    hu, labels, affine = bone_blocks((20, 21, 22))
    for name in _NAMES:
        write_image(folder / f"{name}.nii.gz", hu, affine)
        write_image(folder / f"{name}_labels.nii.gz", labels, affine)
    return {
        "folder": str(folder),
        "label_scheme": "verse",
        "variants": 2,
        "grid_mm": 40.0,
        "amplitude_mm": 6.0,
        "validation": ["b"],
        "test": ["c"],
    }
