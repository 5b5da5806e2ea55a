"""Settings given on the command line as field=value."""

import tomllib
from typing import Any

from bench.errors import FluorobenchError


class SettingError(FluorobenchError):
    """A word that is no setting."""


def setting(text: str) -> tuple[str, Any]:
    """A ``field=value`` pair; the value as TOML reads it, else as text.

    Raises:
        SettingError: No equals sign.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingError(f"a setting reads field=value; got {text!r}")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value
