"""Frames of an image file as a command line names them: ``3``, ``0,4`` or ``10:20``."""

import re
from collections.abc import Sequence

from bench.errors import FluorobenchError

_MAX_FRAMES = 1000


class FrameError(FluorobenchError):
    """Text that is not a list of frames."""


def parse_frames(text: str) -> tuple[int, ...]:
    """The frames that a text names, from 0.

    Args:
        text: A number, several separated by commas, or ``first:end`` and ``first:end:step``, without the end.

    Raises:
        FrameError: Another text, no frame, or one named twice.
    """
    frames = [frame for part in text.split(",") for frame in _part(part.strip(), text)]
    if not frames or len(frames) > _MAX_FRAMES or len(set(frames)) < len(frames):
        raise FrameError(
            f"--frame {text}: expected 1 to {_MAX_FRAMES} frames, each once; got {len(frames)}; name others"
        )
    return tuple(frames)


def frames_of_each(texts: Sequence[str], images: int) -> list[tuple[int | None, ...]]:
    """The frames of each image: those of its own ``--frame``, or of the only one; None = the file has one frame.

    Raises:
        FrameError: Neither one text, nor one for each image.
    """
    if len(texts) not in (0, 1, images):
        raise FrameError(f"expected one --frame for all images, or one for each; got {len(texts)} for {images} images")
    if not texts:
        return [(None,)] * images
    return [parse_frames(text) for text in (texts if len(texts) == images else [texts[0]] * images)]


def _part(part: str, text: str) -> Sequence[int]:
    if re.fullmatch(r"\d+", part):
        return [int(part)]
    found = re.fullmatch(r"(\d+):(\d+)(?::(\d+))?", part)
    if found is None or int(found[3] or 1) < 1:
        raise FrameError(f"--frame {text}: expected 3, 0,4, 10:20 (without 20) or 10:20:2; got {part!r}")
    return range(int(found[1]), int(found[2]), int(found[3] or 1))
