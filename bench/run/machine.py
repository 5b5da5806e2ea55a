"""What a user's machine has for fluorobench, and the command that mends what it lacks."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch
from packaging.requirements import Requirement

from bench import registry
from bench.contract import Split
from bench.errors import FluorobenchError
from bench.files import cache_folder
from bench.run.meter import threads
from bench.text import one_line
from bench.volume.memory import free_bytes

_GIB = 2**30
_LITTLE_DISK, _LITTLE_MEMORY, _LARGE_CACHE = 1 * _GIB, 2 * _GIB, 5 * _GIB
_LARGEST = "ps -eo pid,rss,args --sort=-rss | head"
_ELSEWHERE = "fluorobench run PROTOCOL --out FOLDER with a folder elsewhere"
_CACHES = {".nbi", ".nbc"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: It.
        found: In words.
        remedy: A command or sentence that mends it; empty where nothing is to be mended.
    """

    what: str
    found: str
    remedy: str = ""


def examine(out: Path) -> Iterator[Finding]:
    """Look at versions, devices, threads, memory, disk, caches, data sets and extras.

    Args:
        out: Folder for runs.
    """
    yield Finding("version", f"fluorobench {metadata.version('fluorobench')}, Python {sys.version.split()[0]}")
    yield Finding("libraries", ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "numba", "numpy")))
    yield _requirements()
    yield _device()
    yield _threads()
    yield _memory()
    yield _disk(out)
    yield _kernels()
    yield from _caches()
    yield from _datasets()
    yield from _extras()


def _device() -> Finding:
    if torch.cuda.is_available():
        return Finding("device", f"GPU: {torch.cuda.get_device_name()}")
    if shutil.which("nvidia-smi") is None:
        return Finding("device", "CPU; there is no GPU of NVIDIA")
    plain = torch.__version__.partition("+")[0]
    return Finding(
        "device",
        f"CPU; torch {torch.__version__} cannot use the GPU that nvidia-smi belongs to",
        f"pip install --force-reinstall torch=={plain}",
    )


def _requirements() -> Finding:
    """Whether the libraries that are installed are those that the package asks for; extras apart."""
    wanted = [Requirement(line) for line in metadata.requires("fluorobench") or [] if "extra ==" not in line]
    wrong = [each for each in wanted if not _installed(each.name) or metadata.version(each.name) not in each.specifier]
    if not wrong:
        return Finding("requirements", f"{len(wanted)} libraries are as needed")
    found = ", ".join(
        f"{each.name} {metadata.version(each.name) if _installed(each.name) else 'missing'}" for each in wrong
    )
    words = " ".join(f"'{each.name}{each.specifier}'" for each in wrong)
    return Finding("requirements", f"not as needed: {found}", f"pip install {words}")


def _threads() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = f"{threads()} threads on {cores} cores"
    if threads() < cores:
        return Finding("threads", found, "unset OMP_NUM_THREADS NUMBA_NUM_THREADS")
    if threads() > cores:
        return Finding("threads", found, f"export OMP_NUM_THREADS={cores} NUMBA_NUM_THREADS={cores}")
    return Finding("threads", found)


def _memory() -> Finding:
    free = free_bytes()
    if free is None:
        return Finding("memory", "the system does not state it")
    remedy = "" if free > _LITTLE_MEMORY else f"a whole-body CT needs more; what to end: {_LARGEST}"
    return Finding("memory", f"{free / _GIB:.1f} GiB free", remedy)


def _disk(out: Path) -> Finding:
    place = next(each for each in (out.absolute(), *out.absolute().parents) if each.is_dir())
    free = shutil.disk_usage(place).free
    found = f"{free / _GIB:.1f} GiB free in {place}"
    if not os.access(place, os.W_OK):
        return Finding("disk", f"{found}, which cannot be written to", _ELSEWHERE)
    return Finding("disk", found, "" if free > _LITTLE_DISK else f"du -sh {place}/*, or {_ELSEWHERE}")


def _kernels() -> Finding:
    named = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(named) if named else Path(__file__).parents[1]
    files = [path for path in folder.rglob("*") if path.suffix in _CACHES and path.is_file()]
    found = f"{sum(path.stat().st_size for path in files) / 2**20:.0f} MiB of compiled kernels in {folder}"
    writable = os.access(folder, os.W_OK) or _home_is_writable()
    return Finding("cache of kernels", found, "" if writable else "export NUMBA_CACHE_DIR=/tmp/numba")


def _caches() -> Iterator[Finding]:
    """Folders of the user's cache, such as patients that were generated."""
    try:
        root = cache_folder("")
    except FluorobenchError:
        yield Finding("cache", "there is no home folder", "export XDG_CACHE_HOME=/tmp/cache")
        return
    place = next(each for each in (root, *root.parents) if each.is_dir())
    if not os.access(place, os.W_OK):
        yield Finding("cache", f"{place} cannot be written to", "export XDG_CACHE_HOME=/tmp/cache")
    for folder in sorted(each for each in root.glob("*") if each.is_dir()) if os.access(place, os.R_OK) else ():
        size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
        remedy = f"rm -r {folder}" if size > _LARGE_CACHE else ""
        yield Finding(f"cache of {folder.name}", f"{size / 2**20:.0f} MiB in {folder}", remedy)


def _home_is_writable() -> bool:
    try:
        return os.access(Path.home(), os.W_OK)
    except RuntimeError:  # a user without a home
        return False


def _datasets() -> Iterator[Finding]:
    """Patients that are found without settings."""
    for name in registry.names("datasets"):
        try:
            count = len(registry.build("datasets", name, {}).patient_ids(Split.TEST))
        except registry.SettingsError:
            yield Finding(f"data {name}", "takes settings that name your files", f"fluorobench info {name}")
        except (FluorobenchError, OSError) as error:
            yield Finding(f"data {name}", one_line(str(error), 160), f"fluorobench info {name}")
        else:
            yield Finding(f"data {name}", f"{count} test patients")


def _extras() -> Iterator[Finding]:
    """Optional dependencies, by extra."""
    wanted = dict[str, list[str]]()
    for line in metadata.requires("fluorobench") or []:
        extra = re.search(r"extra == ['\"](\w+)['\"]", line)
        package = re.match(r"[\w.-]+", line)
        if extra and package:
            wanted.setdefault(extra[1], []).append(package[0])
    for group, names in wanted.items():
        missing = [name for name in dict.fromkeys(names) if not _installed(name)]
        found = f"missing: {', '.join(missing)}" if missing else "installed"
        yield Finding(f"extra {group}", found, f"pip install 'fluorobench[{group}]'" if missing else "")


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
