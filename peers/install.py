"""Make an environment for each peer in ``.peers/NAME``; a peer that does not install is reported and left out.

``requirements.txt`` is installed as usual, ``without-dependencies.txt`` (where there is one) without what it asks for.
An environment of the same files is kept.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent / ".peers"
CONSTRAINTS = HERE.parent / "constraints.txt"
_FILES = ("requirements.txt", "without-dependencies.txt")
# Those whose requirements hold no torch would get a CUDA build of another version.
_TORCH = frozenset({"diffdrr", "nanodrr", "xvr"})


def names() -> list[str]:
    """All peers."""
    return sorted(path.parent.name for path in HERE.glob("*/requirements.txt"))


def _stamp(name: str) -> str:
    files = [HERE / name / file for file in _FILES]
    content = [file.read_bytes() for file in files if file.exists()]
    return hashlib.sha256(b"\0".join([*content, CONSTRAINTS.read_bytes()])).hexdigest()


def _commands(name: str, folder: Path) -> list[list[str]]:
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    constrained = [*pip, "--constraint", str(CONSTRAINTS)]
    torch = [[*constrained, "torch"]] if name in _TORCH else []
    alone = HERE / name / "without-dependencies.txt"
    bare = [[*pip, "--no-deps", "--requirement", str(alone)]] if alone.exists() else []
    wanted = [[*constrained, "--requirement", str(HERE / name / "requirements.txt")]]
    return [[sys.executable, "-m", "venv", str(folder)], *torch, *wanted, *bare]


def install(name: str) -> str:
    """Make the environment of a peer; returns what became of it."""
    folder = PEERS / name
    stamp = folder / ".installed"
    if stamp.exists() and stamp.read_text() == _stamp(name):
        return "kept"
    shutil.rmtree(folder, ignore_errors=True)
    for command in _commands(name, folder):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
            return f"does not install: {' '.join(last)}"
    stamp.write_text(_stamp(name))
    return "installed"


def main() -> None:
    """Install all peers, or those named."""
    for name in sys.argv[1:] or names():
        print(f"{name}: {install(name)}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
