"""Text from outside: a user's files from any operating system, and messages that a terminal may not obey."""

import codecs
import json
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

from bench.errors import FluorobenchError, describe_error

_MAX_BYTES = 1 << 24
# Byte order marks, the longer of two that begin alike first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class TextError(FluorobenchError):
    """A file that is too large for a text, or none of the expected kind."""


def read_text(path: Path, *, largest: int = _MAX_BYTES) -> str:
    """The text of a file: UTF-8, or the encoding that its byte order mark states; without the mark.

    Args:
        path: Of the file.
        largest: Bytes that it may have.

    Raises:
        OSError: The file cannot be read.
        UnicodeDecodeError: It is not a text file.
        TextError: It is larger than any calibration or table.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise TextError(f"{path}: expected a text file; it is a device or pipe; name a file")
    if path.stat().st_size > largest:
        raise TextError(f"{path}: expected a text file; it has {path.stat().st_size} bytes; name another")
    raw = path.read_bytes()
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    return raw.decode(encoding)


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        tomllib.TOMLDecodeError: It is none, is nested too deeply, or has a number of thousands of digits.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError("it is nested too deeply") from None
    except (ValueError, OverflowError) as error:
        raise tomllib.TOMLDecodeError(str(error).partition(";")[0]) from None


def read_toml(path: Path, error: type[FluorobenchError] = TextError) -> dict[str, Any]:
    """The tables of a TOML file.

    Args:
        path: Of the file.
        error: Raised where it cannot be read.
    """
    try:
        return parse_toml(read_text(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as found:
        raise error(f"{path}: not a readable TOML file: {describe_error(found)}") from None


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It is none, is nested too deeply, or has a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def printable(text: str) -> str:
    """A text without the characters that a terminal would obey or cannot show; line breaks and tabs stay."""
    return "".join(each for each in text if each in "\n\t" or not unicodedata.category(each).startswith("C"))


def shortened(text: str, length: int = 2000) -> str:
    """A text without its middle where it is too long: a message begins with the place and ends with the remedy."""
    half = length // 2 - 10
    return text if len(text) <= length else f"{text[:half]} [...] {text[-half:]}"


def one_line(text: str, length: int | None = None) -> str:
    """A text as one line that every terminal, table and file can hold.

    Line breaks and tabs become spaces; control characters, direction marks and halves of characters (surrogates) go.

    Args:
        text: Of anyone.
        length: Characters to keep; None = all.
    """
    spaced = " ".join(text.split())
    shown = printable(spaced)
    return shown if length is None or len(shown) <= length else f"{shown[: length - 3]}..."
