"""The source files that a row depends on besides the engine: its plug-ins, and everything local that they import.

Imports are read from the source text, those inside functions too, and followed through local files: modules beside a
plug-in, its package, folders of ``PYTHONPATH``. Of other installed packages the version counts. A plug-in that a text
in these files names, such as ``registry.load("methods", "opt_gc")``, counts as imported.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any, cast

from bench import registry
from bench.files import sha256_of

# Files that a row may depend on: code, and what code reads.
DECIDING = frozenset({".py", ".so", ".toml", ".csv", ".json", ".npy", ".npz", ".safetensors"})
# Rooms of ``bench`` that come after a row is made; what a plug-in imports of them counts all the same.
LATER = frozenset({"exchange", "score", "report", "start", "cli", "protocols", "published", *registry.KINDS})
_PACKAGE = Path(__file__).parents[1]
_INSTALLED = {"site-packages", "dist-packages"}


def sources(kind: registry.Kind, plugins: Iterable[str], settings: object = None) -> dict[str, str]:
    """Checksums of local files, and versions of packages, that plug-ins depend on.

    Args:
        kind: Of plug-in.
        plugins: Their names.
        settings: Of the row; names of plug-ins among their texts count, too.

    Returns:
        By module, or module and file name; without the engine, which ``bench.run.environment.code_hash`` stands for.
    """
    modules = [registry.module_name(kind, name) for name in plugins]
    found = _Found({each.partition(".")[0] for each in modules} - {"bench"})
    for name in (*modules, *_named(_texts(settings))):
        found.add(name)
    return dict(sorted(found.known.items()))


def engine_files() -> Iterator[Path]:
    """Files that every row depends on: ``bench`` without what comes after a row, and the similarities it comes with."""
    for folder in (_PACKAGE, *registry.shipped_folders("similarities")):
        for path in sorted(folder.rglob("*")):
            later = folder == _PACKAGE and path.relative_to(folder).parts[0] in LATER
            if path.suffix in DECIDING and path.is_file() and not later:
                yield path


@dataclass(slots=True)
class _Found:
    """Modules that were met; ``owners`` are packages that plug-ins were installed with, whose files count."""

    owners: set[str]
    known: dict[str, str] = field(default_factory=dict[str, str])
    seen: set[str] = field(default_factory=set[str])

    def add(self, name: str) -> None:
        """A module, and what it imports."""
        if name in self.seen:
            return
        self.seen.add(name)
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            return
        place = _place(name)
        if place is None:
            return
        if top not in self.owners and _INSTALLED & set(place.parts):
            self._version(top)
        elif not _is_engine(place):
            self._local(name, place)

    def _version(self, top: str) -> None:
        with suppress(metadata.PackageNotFoundError):
            self.known[top] = metadata.version(top)

    def _local(self, name: str, place: Path) -> None:
        self.known[name] = sha256_of(place)
        whole = place.name == "__init__.py" and name.startswith("bench.")
        for path in sorted((place.parent.rglob if whole else place.parent.glob)("*")):
            if path.suffix in DECIDING and path != place and (whole or path.suffix not in (".py", ".so")):
                self.known[f"{name}/{path.relative_to(place.parent)}"] = sha256_of(path)
        if place.suffix == ".py":
            imports, texts = _read(place, place.stat().st_mtime_ns, name, place.name == "__init__.py")
            for each in (*imports, *_named(texts)):
                self.add(each)


def _place(name: str) -> Path | None:
    """The file of a module; None of what is built in, or is no module."""
    origin = getattr(_spec(name), "origin", None)
    return Path(origin) if isinstance(origin, str) and Path(origin).is_file() else None


def _spec(name: str) -> ModuleSpec | None:
    """Where a module lies, as far as can be found without importing its packages."""
    parent = name.rpartition(".")[0]
    path = _places_in(parent) if parent else None
    found = PathFinder.find_spec(name, path) if path is not None or not parent else None
    if found is not None:
        return found
    with suppress(Exception):  # finders of packages that are installed in place; of code that they run, too
        return find_spec(name)
    return None


def _is_engine(place: Path) -> bool:
    return place.is_relative_to(_PACKAGE) and place.relative_to(_PACKAGE).parts[0] not in LATER


def _places_in(package: str) -> Any:
    """Where the modules of a package lie; None of what is no package."""
    loaded = sys.modules.get(package)
    return (
        getattr(_spec(package), "submodule_search_locations", None)
        if loaded is None
        else loaded.__dict__.get("__path__")
    )


@lru_cache(maxsize=1000)
def _read(place: Path, changed: int, name: str, is_package: bool) -> tuple[frozenset[str], frozenset[str]]:
    """Names that a file imports, whether modules or not, and its texts; none where it cannot be read."""
    try:
        tree = ast.parse(place.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return frozenset(), frozenset()
    package = name if is_package else name.rpartition(".")[0]
    imports, texts = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(each for alias in node.names for each in _with_parents(alias.name))
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            if base:
                imports.update(_with_parents(base))
                imports.update(f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
    return frozenset(imports), frozenset(texts)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    with suppress(ImportError):
        return resolve_name("." * node.level + (node.module or ""), package)
    return ""


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


def _named(texts: Iterable[str]) -> list[str]:
    """Modules of the methods and similarities that texts name."""
    chosen, found = set(texts), list[str]()
    for kind in ("methods", "similarities"):
        for name in sorted(chosen & set(registry.names(kind))):
            with suppress(registry.PluginError):
                found.append(registry.module_name(kind, name))
    return found


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in cast("Mapping[str, Any]", value).values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in cast("Iterable[Any]", value):
            yield from _texts(each)
