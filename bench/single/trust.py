"""The words of a verdict on an answer."""

from enum import StrEnum
from typing import Any


class Trust(StrEnum):
    """How far an answer can be trusted; the value is what is printed and written."""

    TRUSTED = "trusted"
    DOUBTFUL = "doubtful"
    NOT_TRUSTED = "not trusted"
    NOT_CHECKED = "not checked"


USABLE = frozenset({Trust.TRUSTED, Trust.NOT_CHECKED})

MEANING = {
    Trust.TRUSTED: "searches by two similarities ended at this pose, and X-ray and CT agree there.",
    Trust.DOUBTFUL: "look at the overlay before you use this pose.",
    Trust.NOT_TRUSTED: "do not use this pose.",
    Trust.NOT_CHECKED: "no second search was made; look at the overlay.",
}


def in_words(verdict: dict[str, Any]) -> list[str]:
    """What was checked and what the views leave open, a sentence each.

    Args:
        verdict: As ``register`` writes it.
    """
    lines, depth, check = list[str](), verdict["depth_interval_mm"], verdict["check"]
    if check is not None:
        apart = check["apart"]
        distance = f"{apart['mtre_mm']:.1f} mm" if depth is None else f"{apart['mrpd_mm']:.1f} mm across the beam"
        lines += [
            f"{check['searches']} more search{'' if check['searches'] == 1 else 'es'}: the best pose by another "
            f"similarity ({check['similarity']}) is {distance} and {apart['rotation_deg']:.1f} degrees away.",
            f"X-ray and CT agree by {check['fit']:.2f} at this pose (1 at most).",
        ]
    if (confidence := verdict.get("confidence")) is not None:
        lines.append(
            f"The method itself holds it {100 * confidence:.1f} % probable that the pose is less than 3 degrees and, "
            "depth aside, less than 3 mm off."
        )
    if depth is not None:
        lines.append(
            f"Depth is open: the centre of the content lies {depth[0]:.0f} to {depth[1]:.0f} mm from the source of the "
            "first view; a view from the side would tell where."
        )
    return lines
