"""The words of a verdict on an answer."""

from enum import StrEnum


class Trust(StrEnum):
    """How far an answer can be trusted; the value is what is printed and written."""

    TRUSTED = "trusted"
    DOUBTFUL = "doubtful"
    NOT_TRUSTED = "not trusted"
    NOT_CHECKED = "not checked"


USABLE = frozenset({Trust.TRUSTED, Trust.NOT_CHECKED})
