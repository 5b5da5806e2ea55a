"""Write docs/reference/commands.md: every command, argument and option, from the classes that the command line parses.

Usage: ``python docs/make_commands.py``. The classes are those that ``fluorobench --help`` is made from.
"""

import re
import typing
from collections.abc import Iterator
from pathlib import Path

import griffe

from bench.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).parent / "reference" / "commands.md"
HEAD = """# Commands

<!-- Written by docs/make_commands.py; do not edit. -->

`fluorobench COMMAND --help` prints the same text in the terminal. Wrong names are answered with the nearest right ones.
An error in the input is one line and exit status 2; `check` ends with exit status 1 when a row got worse, `register`
with 3 when a pose is not trusted.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The Markdown of the page."""
    package = griffe.load("bench", search_paths=[str(ROOT)])
    classes = [_class(package, command) for command in typing.get_args(COMMANDS)]
    return "\n".join([HEAD, *(line for each in classes for line in _section(each))]) + "\n"


def _class(package: griffe.Object | griffe.Alias, command: type) -> griffe.Class:
    found = package[f"{command.__module__}.{command.__qualname__}".removeprefix("bench.")]
    if not isinstance(found, griffe.Class):
        raise TypeError(f"{command} is not a class of the source tree")
    return found


def _section(command: griffe.Class) -> Iterator[str]:
    """Heading, description and table of one command."""
    yield f"## {command.name.lower()}\n"
    yield f"{_text(command)}\n"
    options = list(_options(command))
    if not options:
        return
    yield "| argument | default | meaning |"
    yield "|---|---|---|"
    yield from (_row(each) for each in options)
    yield ""


def _options(command: griffe.Class) -> Iterator[griffe.Attribute]:
    """Fields of the command: its own positional ones first, then its base classes', then its other own ones."""
    fields = [each for each in _fields(command) if _is_positional(each)]
    for base in command.resolved_bases:
        if isinstance(base, griffe.Class):
            fields.extend(_fields(base))
    yield from fields
    yield from (each for each in _fields(command) if not _is_positional(each))


def _fields(owner: griffe.Class) -> Iterator[griffe.Attribute]:
    for member in owner.members.values():
        if isinstance(member, griffe.Attribute) and member.annotation is not None and member.docstring:
            yield member


def _is_positional(option: griffe.Attribute) -> bool:
    return "Positional" in str(option.annotation)


def _row(option: griffe.Attribute) -> str:
    name, annotation = option.name.replace("_", "-"), str(option.annotation)
    if _is_positional(option):
        shown = f"`{name.upper()}`"
    elif annotation == "bool":
        shown = f"`--{name}`"
    else:
        shown = f"`--{name} {_values(annotation, name)}`"
    return f"| {shown} | {_default(option)} | {_text(option)} |"


def _values(annotation: str, name: str) -> str:
    """What follows an option: its choices, so many numbers, or a word in capitals."""
    plain = annotation.removesuffix(" | None")
    if plain.startswith("Literal["):
        return "{" + plain.removeprefix("Literal[").rstrip("]").replace("'", "").replace(", ", ",") + "}"
    repeated = "Append" in plain
    if plain == "Six" or plain.count("float") == 6:
        return "N N N N N N"
    if plain.count("float") == 3:
        return "N N N"
    word = "N" if plain in ("int", "float") else "PATH" if "Path" in plain else "TEXT"
    if "tuple[str, str]" in plain:
        return "TEXT TEXT"
    if "..." in plain:
        return word if repeated else f"{word} ..."
    return word


def _default(option: griffe.Attribute) -> str:
    value = None if option.value is None else str(option.value)
    if value is None:
        return "required"
    if value in ("None", "()", "False", "''"):
        return ""
    path = re.fullmatch(r"""Path\(['"](.*)['"]\)""", value)
    return f"`{path[1] if path else _constant(option, value)}`"


def _constant(option: griffe.Attribute, value: str) -> str:
    """A default as it is typed; one that names a constant of its module is printed as the constant's value."""
    member = option.module.members.get(value)
    if isinstance(member, griffe.Attribute) and member.value is not None:
        return str(member.value).strip("()").replace(",", "")
    return value.removeprefix("Split.").strip("()").replace(",", "").replace("'", "").replace('"', "")


def _text(documented: griffe.Object) -> str:
    """A docstring as Markdown on one line, or as paragraphs for a command."""
    if documented.docstring is None:
        return ""
    text = documented.docstring.value.replace("``", "`").replace("|", "\\|")
    if isinstance(documented, griffe.Class):
        return text
    return " ".join(text.split())


if __name__ == "__main__":
    main()
