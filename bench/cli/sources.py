"""The table of public data sets: where to download or request each, and its licence."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.cli.fetch import FetchError
from bench.errors import describe_validation
from bench.text import parse_toml

SOURCES = Path(__file__).with_name("sources.toml")


class SourceFile(BaseModel):
    """One file of a source; ``sha256`` only where it is published or known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^\w[\w.-]*$")
    url: str = Field(pattern=r"^https?://")
    size: str = "size not published"
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class Source(BaseModel):
    """A data set: its files, or none where they have to be requested on its page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    licence: str
    page: str = Field(pattern=r"^https?://")
    then: str
    files: tuple[SourceFile, ...] = ()


def read_sources(path: Path) -> dict[str, Source]:
    """Sources by name.

    Raises:
        FetchError: A table that cannot be read, or an invalid entry.
    """
    try:
        tables = parse_toml(path.read_text(encoding="utf-8"))
        return {name: Source.model_validate(table) for name, table in tables.items()}
    except OSError as error:
        raise FetchError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        raise FetchError(f"{path}: {describe_validation(error)}; got {error.errors()[0]['input']!r}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FetchError(f"{path}: no TOML table of sources: {' '.join(str(error).split())}") from None
