"""How many images this process has rendered, counted where every kernel passes; the word of no method is needed."""

from threading import Lock

_LOCK = Lock()
_rendered = 0


def add(images: int) -> None:
    """Count images that are about to be rendered."""
    global _rendered
    with _LOCK:
        _rendered += images


def rendered() -> int:
    """Images rendered by this process so far, one a pose and view; derivative images and channels are not counted."""
    return _rendered
