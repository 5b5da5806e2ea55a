"""TOML files given on the command line."""

import tomllib
from pathlib import Path
from typing import Any

from bench.errors import FluorobenchError, describe_error
from bench.text import parse_toml, read_text


class TableError(FluorobenchError):
    """A file that is no TOML."""


def read_tables(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        TableError: It cannot be read.
    """
    try:
        return parse_toml(read_text(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TableError(f"{path}: not a readable TOML file: {describe_error(error)}") from None
