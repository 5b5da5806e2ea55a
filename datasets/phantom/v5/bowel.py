"""Small bowel and colon of version 5."""

from ..v4.bowel import bowel

__all__ = ["bowel"]
