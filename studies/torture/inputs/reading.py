"""The process that reads damaged inputs, one after the other, within limits.

It answers every request with an outcome. What a reader would execute is noticed by an audit hook, and by the file
that the hostile texts of ``mutations`` would make.
"""

import inspect
import json
import os
import resource
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

GIB = 1 << 30
_CANARY = "EXECUTED"
# Readers of rare formats run in a Python of their own; libraries ask for the machine's name and its fonts.
_HELPERS = (sys.executable, "uname", "fc-list")
# Texts of others are never run; nothing but a file below the scratch folder is written.
_FORBIDDEN = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "pickle.find_class",
    "socket.connect",
    "ctypes.dlopen",
)


class Watch:
    """Notices what a reader must not do."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.seen, self.armed = str(scratch), list[str](), False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        if event == "pickle.find_class" and _of_numba():
            return  # our own compiled kernels, which numba keeps so
        if event in _FORBIDDEN:
            self.seen.append(f"{event} {str(arguments)[:80]}")
        elif event == "subprocess.Popen" and arguments[0] not in _HELPERS:
            self.seen.append(f"started {arguments[0]}")
        elif event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
            path = os.path.abspath(str(arguments[0]))  # noqa: PTH100
            if not path.startswith((self.scratch, os.devnull)):
                self.seen.append(f"wrote {path}")


def _of_numba() -> bool:
    """Whether numba is what is being executed."""
    frame = inspect.currentframe()
    while frame is not None and f"{os.sep}numba{os.sep}" not in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is not None


def peak_bytes() -> int:
    """The most memory since it was last asked."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = int(text.split("VmHWM:")[1].split()[0]) * 1024
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return peak


def attempt(form: Any, entry: Path, watch: Watch) -> tuple[str, str]:
    """The outcome of reading an entry, and the message."""
    errors: Any = import_module("bench.errors")
    told: Any = import_module("bench.cli.execute")
    texts: Any = import_module("bench.text")  # as the terminal prints it
    try:
        form.read(entry)
    except errors.FluorobenchError as error:
        text = texts.shortened(texts.printable(str(error)))
        return ("refused in several lines" if "\n" in text or len(text) > 2000 else "refused"), text
    except OSError as error:
        line = told.of_the_disk(error)
        return ("traceback", _last(error)) if line is None else ("refused", line)
    except RecursionError as error:
        return "refused", f"an input is nested too deeply: {_last(error)}"
    except MemoryError as error:
        return "memory", _last(error)
    except Exception as error:
        return ("unsound" if type(error).__name__ == "UnsoundError" else "traceback"), _last(error)
    return "read", ""


def _last(error: BaseException) -> str:
    frames = [f"{Path(each.filename).name}:{each.lineno}" for each in traceback.extract_tb(error.__traceback__)[-4:]]
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]} ({' < '.join(reversed(frames))})"


def main() -> None:
    """Read requests ``[name of the form, entry]`` from one descriptor, write outcomes to another."""
    requests, answers, scratch = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    os.chdir(scratch)
    sys.dont_write_bytecode = True
    forms = {each.name: each for each in import_module("studies.torture.inputs.campaign").FORMS}
    watch = Watch(scratch)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (GIB, GIB))
    resource.setrlimit(resource.RLIMIT_DATA, (4 * GIB, 4 * GIB))
    with os.fdopen(requests) as given, os.fdopen(answers, "w") as out:
        for line in given:
            name, entry = json.loads(line)
            peak_bytes()
            before = peak_bytes()
            watch.seen.clear()
            watch.armed = True
            outcome, text = attempt(forms[name], Path(entry), watch)
            watch.armed = False
            grown = peak_bytes() - before
            if (scratch / _CANARY).exists() or watch.seen:
                outcome, text = "executed", f"{watch.seen[:1]} {text}"
            elif grown > GIB:
                outcome, text = "memory", f"{grown >> 20} MiB; {text}"
            out.write(json.dumps([outcome, text]) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
