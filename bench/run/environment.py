"""Environment of a run: machine, versions, code, and the time of the reference kernel."""

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib import import_module, metadata
from pathlib import Path

from pydantic import Field

from bench import registry
from bench.cases.records import Record
from bench.run.meter import threads
from bench.run.reference_kernel import reference_kernel_seconds
from bench.run.sources import DECIDING, engine_files

_PACKAGES = (
    *("fluorobench", "torch", "numpy", "numba", "scipy", "cmaes", "SimpleITK", "pydicom", "nibabel", "pandas"),
    *("opencv-python-headless", "mahotas", "monai", "safetensors", "h5py"),
)
# Of the files of a run; raised when their records change so that older ones cannot be read.
LAYOUT = 3


class Environment(Record):
    """Data for judging times, and for a resumed run to recognise its code and weights.

    ``threads``: That a method's process may use (``bench.run.meter.threads``): a library splits its sums by them, so
    another number gives other last bits. None where none is stated.
    ``weights``: Checksums of the weights files that the rows read (``bench.run.parts.weights_used``).
    ``layout``: Of the run's files (``LAYOUT``); 1 where none is stated.
    """

    machine: str
    processor: str
    cores: int
    system: str
    python: str
    versions: dict[str, str]
    commit: str | None
    code_hash: str
    reference_kernel_seconds: float
    threads: int | None = None
    weights: dict[str, str] = Field(default_factory=dict[str, str])
    layout: int = 1


def describe_environment(method_threads: int | None = None) -> Environment:
    """Collect versions and machine, and time the reference kernel (about 0.2 s).

    Args:
        method_threads: That a method's process may use; None = as many as this one.
    """
    return Environment(
        machine=platform.machine(),
        processor=processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=platform.platform(),
        python=platform.python_version(),
        versions=_versions(),
        commit=_commit(),
        code_hash=code_hash(),
        reference_kernel_seconds=reference_kernel_seconds(),
        threads=threads() if method_threads is None else method_threads,
        layout=LAYOUT,
    )


def code_hash() -> str:
    """Fingerprint of everything that affects all rows: the engine, the versions of libraries and the processor.

    What affects single rows, such as a method's source, is theirs (``bench.run.recipe``).
    """
    digest = hashlib.sha256(repr((_versions(), processor(), platform.machine())).encode())
    for path in engine_files():
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def program_hash() -> str:
    """Fingerprint of the program's files, all plug-ins and libraries' versions, for processes that work together."""
    package = Path(__file__).parents[1]
    folders = {str(package): package}
    for kind in registry.KINDS:
        folders |= {folder: Path(folder) for folder in import_module(f"bench.{kind}").__path__}
    digest = hashlib.sha256(repr(_versions()).encode())
    for folder in folders.values():
        for path in sorted(folder.rglob("*")):
            if path.suffix in DECIDING and path.is_file():
                digest.update(str(path.relative_to(folder)).encode())
                digest.update(path.read_bytes())
    digest.update(repr(registry.installed()).encode())
    return digest.hexdigest()[:12]


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in _PACKAGES}


@cache
def processor() -> str:
    """Name of the processor's type."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def _commit() -> str | None:
    """The checkout's commit, with a plus where files differ from it; None outside a checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.stdout.strip()
