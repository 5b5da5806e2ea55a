"""The root of fluorobench's own errors: what was expected, what came, what to do, in one line."""


class FluorobenchError(Exception):
    """A mistake in the input, not in the program.

    The command line prints the message as one line and exits with status 2; any other exception is a bug
    and keeps its traceback.
    """
