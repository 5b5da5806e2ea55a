"""Run a command: errors of input and disk are one line and exit status 2."""

import atexit
import codecs
import errno
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from bench.cli.console import messages, show_warnings
from bench.errors import FluorobenchError, describe_error
from bench.text import one_line, shortened

# Of a shell: 128 + SIGINT.
INTERRUPTED = 130
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def of_the_disk(error: OSError) -> str | None:
    """An error of the disk and what to do, in one line.

    None where the error names no file: a failed connection, pipe or process is not an error of the disk.
    """
    if error.errno in _FULL:
        return f"nothing more can be written ({describe_error(error)}); make room, then give the same command again"
    if error.filename is None:
        return None
    return (
        f"{error.filename} cannot be used ({(error.strerror or 'no reason given').lower()}); expected a "
        "place that can be written to: name another with --out"
    )


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM came: what an interrupt ends in order, it ends too."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _TerminatedError


def _full_behind(error: BaseException | None) -> OSError | None:
    """The full disk that a library met before it failed in another way."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return error
        error = error.__cause__ or error.__context__
    return None


def _not_encoded(error: UnicodeEncodeError) -> str | None:
    """A text that cannot be written down and what to do, in one line; None where neither a name nor the output is why.

    Bytes of a name that are not UTF-8 are read as halves of characters (surrogates).
    """
    refused = error.object[error.start : error.end]
    if any("\ud800" <= each <= "\udfff" for each in refused):
        name = one_line(error.object.encode("utf-8", "replace").decode(), 200)
        return f"{name}: a name that is not UTF-8 cannot be written down; rename the file or folder"
    if _codec(error.encoding) != _codec(sys.stdout.encoding):
        return None
    return (
        f"the output's encoding, {error.encoding}, has no {refused[:1]!a}; set the environment variable "
        "PYTHONIOENCODING to utf-8"
    )


def _codec(name: str) -> str:
    return codecs.lookup(name).name


def _raised_in(error: BaseException) -> str:
    """Where it was raised, for a report of a bug that looks like bad input."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def execute(command: Callable[[], None], program: str) -> None:
    """Run a parsed command and end the process with a status.

    Args:
        command: What ``tyro`` made of the command line.
        program: Name of the program, before every message.
    """
    show_warnings(program)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        command()
    except FluorobenchError as error:
        messages.print(f"{program}: {shortened(str(error))}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except OSError as error:
        refused = of_the_disk(error)
        if refused is None:
            raise
        messages.print(f"{program}: {refused}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except UnicodeEncodeError as error:
        refused = _not_encoded(error)
        if refused is None:
            raise
        messages.print(f"{program}: {refused}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except (RecursionError, MemoryError) as error:
        what = "an input is nested too deeply" if isinstance(error, RecursionError) else "there is not enough memory"
        messages.print(f"{program}: {what}{_raised_in(error)}; give a smaller one", style="red", markup=False)
        sys.exit(2)
    except Exception as error:
        if (full := _full_behind(error)) is None:
            raise
        messages.print(f"{program}: {of_the_disk(full)}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except _TerminatedError:
        messages.print(f"{program}: terminated; the same command (without --fresh) continues from here")
        sys.exit(128 + signal.SIGTERM)
    except KeyboardInterrupt:
        messages.print(f"{program}: interrupted; the same command (without --fresh) continues from here")
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, before)
        # What Python does at its end is done to its end: an impatient second Ctrl-C would print a traceback.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
