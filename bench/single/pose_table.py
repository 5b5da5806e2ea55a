"""Poses of registrations as a CSV table: one line a frame, units in the column names."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

_MATRIX = [f"rig_from_world_{row}{column}" for row in range(4) for column in range(4)]


def pose_table(found: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """CSV text of named registrations.

    Args:
        found: Name of the frame, and its result as of ``bench.single.answer.described``.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    parameters = list(found[0][1]["theta_from_start"]) if found else []
    heading = [
        "frame",
        "method",
        "outcome",
        *parameters,
        "at_bounds",
        "least_content_seen",
        "verdict",
        "seconds",
        *_MATRIX,
    ]
    writer.writerow(heading)
    for name, each in found:
        theta = [f"{value:.6f}" for value in each["theta_from_start"].values()]
        matrix = [repr(value) for value in np.array(each["rig_from_world"]).ravel().tolist()]
        row = [name, each["method"], each["outcome"], *theta, " ".join(each["at_bounds"])]
        writer.writerow(
            [*row, f"{min(each['content_seen']):.4f}", each["verdict"]["trust"], f"{each['seconds']:.3f}", *matrix]
        )
    return buffer.getvalue()
