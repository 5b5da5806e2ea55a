"""Names that any file system takes."""

import hashlib
import re


def slug(label: str) -> str:
    """A file name for any label: plain labels stay readable, changed ones get a hash so that two never collide."""
    plain = re.sub(r"[^A-Za-z0-9+.-]+", "-", label).strip("-.")
    return plain if plain == label else f"{plain or 'label'}-{hashlib.sha256(label.encode()).hexdigest()[:6]}"
