"""The root of fluorobench's own errors: what was expected, what was found, what to do, in one line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class FluorobenchError(Exception):
    """An error in the input, not in the program.

    The command line prints the message as one line and exits with status 2; any other exception is a bug
    and keeps its traceback.
    """


def describe_error(error: BaseException) -> str:
    """The reason as one line of plain English, without error numbers or names of Python's exceptions."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, UnicodeDecodeError):
        return "it is not a text file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return " ".join(str(error).split())


def describe_validation(error: "ValidationError") -> str:
    """The first fault that pydantic found, with its place, as one line."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place + ': ' if place else ''}{str(first['msg']).removeprefix('Value error, ')}"


class FluorobenchWarning(UserWarning):
    """A problem of the input that does not stop the command; the command line prints it as one line."""
