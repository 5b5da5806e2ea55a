"""Settings given on the command line as field=value."""

import tomllib
from typing import Any, get_type_hints

from bench.errors import FluorobenchError
from bench.text import parse_toml


class SettingError(FluorobenchError):
    """An argument that is not a valid setting."""


def setting(text: str) -> tuple[str, Any]:
    """A ``field=value`` pair; the value as TOML reads it, else as text.

    Raises:
        SettingError: No equals sign.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingError(f"a setting reads field=value; got {text!r}")
    try:
        return name, parse_toml(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value


def typed(owner: type, name: str, value: Any) -> Any:
    """A setting's value as its field's type has it, such as a tuple for a list.

    Args:
        owner: Dataclass with that field.
        name: Of the field.
        value: As ``setting`` read it.

    Raises:
        SettingError: Another type, a value that is not allowed, or a field that a command line cannot set.
    """
    from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError

    try:
        return TypeAdapter(get_type_hints(owner)[name]).validate_python(value)
    except PydanticSchemaGenerationError:
        raise SettingError(f"setting {name!r} cannot be given on a command line; leave it out") from None
    except ValidationError as error:
        raise SettingError(f"setting {name!r}: {error.errors()[0]['msg']}; got {value!r}") from None
