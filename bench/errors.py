"""The root of fluorobench's own errors: what was expected, what was found, what to do, in one line."""


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


class FluorobenchWarning(UserWarning):
    """A problem of the input that does not stop the command; the command line prints it as one line."""
