"""Three subjects of one small CT each, laid out as VerSe is published by subject."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.volume.miniature import bone_blocks
from bench.volume.write import write_image

_PARTS = {
    "dataset-verse19training": "sub-verse004",
    "dataset-verse19validation": "sub-verse005",
    "dataset-verse20test": "sub-verse500",
}
_LUMBAR = (20, 21, 22)


def miniature(folder: Path) -> Mapping[str, Any]:
    """Write CTs, masks and centroid files of one subject a split; returns the settings that open them."""
    for part, subject in _PARTS.items():
        _write_subject(folder / part, subject)
    return {"folder": str(folder)}


def _write_subject(part: Path, subject: str) -> None:
    hu, labels, affine = bone_blocks(_LUMBAR)
    beside = part / "derivatives" / subject
    write_image(part / "rawdata" / subject / f"{subject}_ct.nii.gz", hu, affine)
    write_image(beside / f"{subject}_seg-vert_msk.nii.gz", labels, affine)
    entries: list[dict[str, Any]] = [{"direction": ["L", "P", "S"]}]
    for number in _LUMBAR:
        middle = np.argwhere(labels == number).mean(axis=0)
        entries.append({"label": number, **dict(zip("XYZ", middle.tolist(), strict=True))})
    (beside / f"{subject}_seg-subreg_ctd.json").write_text(json.dumps(entries), encoding="utf-8")
