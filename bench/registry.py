"""Find plug-ins by file name: the modules of ``methods/``, ``similarities/``, ``datasets/`` and ``reports/``.

Installed packages declare theirs as entry points of the groups ``fluorobench.methods`` and so on: the plug-in's name,
and its module.
"""

import difflib
import inspect
import os
import pkgutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from bench.contract import Card, Miniature
from bench.errors import FluorobenchError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Kind: TypeAlias = Literal["methods", "similarities", "datasets", "reports"]
KINDS: tuple[Kind, ...] = ("methods", "similarities", "datasets", "reports")
SINGULAR: Mapping[Kind, str] = {
    "methods": "method",
    "similarities": "similarity",
    "datasets": "dataset",
    "reports": "report",
}


# Names that an error suggests; up to how many it lists where none is near.
_FEW, _MANY = 3, 12


class UnknownNameError(FluorobenchError):
    """An unknown name of a plug-in, preset or setting."""


class PluginError(FluorobenchError):
    """A plug-in that lacks a declaration that its kind requires."""


class SettingsError(FluorobenchError):
    """Invalid settings of a plug-in."""


# The user's plug-in folders, separated as in PATH; each may hold methods/, similarities/, datasets/ and reports/.
PLUGINS_VARIABLE = "FLUOROBENCH_PLUGINS"


def search_path(package_file: str) -> list[str]:
    """Folders searched for plug-ins of a package: its own, in a checkout the one at the root, then the user's."""
    kind = Path(package_file).parent.name
    users = [folder for folder in os.environ.get(PLUGINS_VARIABLE, "").split(os.pathsep) if folder]
    return [*map(str, shipped_folders(kind)), *(str(Path(folder).resolve() / kind) for folder in users)]


def shipped_folders(kind: str) -> list[Path]:
    """Folders of the plug-ins that come with fluorobench: inside the package, and in a checkout at its root."""
    package = Path(__file__).parent
    checkout = [package.parent / kind] if (package.parent / "pyproject.toml").is_file() else []
    return [package / kind, *checkout]


def add_folder(folder: Path) -> None:
    """Add a folder of plug-ins for this process and for the processes that it starts.

    Args:
        folder: Holds ``methods/``, ``datasets/`` or ``reports/``, as a folder that ``FLUOROBENCH_PLUGINS`` names.
    """
    given = [each for each in os.environ.get(PLUGINS_VARIABLE, "").split(os.pathsep) if each]
    if str(folder) in given:
        return
    os.environ[PLUGINS_VARIABLE] = os.pathsep.join([*given, str(folder)])
    for kind in KINDS:
        package = import_module(f"bench.{kind}")
        package.__path__ = search_path(str(package.__file__))


def unknown(what: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for an unknown name: suggests similar names; where there are none, lists all names if they are few."""
    names = {_plain(each): each for each in sorted(known)}
    near = [names[each] for each in difflib.get_close_matches(_plain(name), names, n=_FEW)]
    if near:
        hint = f"did you mean {_either(near)}?"
    elif len(names) <= _MANY:
        hint = f"known: {', '.join(names.values()) or 'none'}"
    else:
        nearest = difflib.get_close_matches(_plain(name), names, n=_FEW, cutoff=0.0)
        hint = f"the nearest of {len(names)} are {_either([names[each] for each in nearest])}"
    return UnknownNameError(f"no {what} named {name!r}; {hint}")


def _plain(name: str) -> str:
    """The name compared without regard to capitals and hyphens."""
    return name.casefold().replace("-", "_")


def _either(some: Sequence[str]) -> str:
    *first, last = map(repr, some)
    return f"{', '.join(first)} or {last}" if first else last


def names(kind: Kind) -> list[str]:
    """Names of the plug-ins of a kind, without importing them."""
    return sorted(_in_folders(kind) | _installed(kind).keys())


def module(kind: Kind, name: str) -> ModuleType:
    """Import the module of one plug-in.

    Raises:
        UnknownNameError: There is none of that name.
        PluginError: An installed package declares it wrongly, or under a name that is taken.
    """
    return import_module(module_name(kind, name))


def module_name(kind: Kind, name: str) -> str:
    """The name that the module of one plug-in is imported by; raises as ``module`` does."""
    declared, inside = _installed(kind).get(name), name in _in_folders(kind)
    if declared is None and not inside:
        error = unknown(SINGULAR[kind], name, names(kind))
        raise UnknownNameError(f"{error} (your own: {kind}/{name}.py in a folder named by {PLUGINS_VARIABLE})")
    if declared is None:
        return f"bench.{kind}.{name}"
    if inside:
        place = getattr(find_spec(f"bench.{kind}.{name}"), "origin", None)
        raise PluginError(f"two plug-ins are named {name!r}: {_said(declared)}, and {place}; rename one of them")
    if declared.attr or not name.isidentifier():
        raise PluginError(f"{_said(declared)}: expected an entry point such as my_method = 'my_package.my_method'")
    return declared.module


def installed() -> list[str]:
    """The plug-ins that installed packages declare, with their versions."""
    found = (each for kind in KINDS for each in _installed(kind).values())
    return sorted(f"{_said(each)} {'' if each.dist is None else each.dist.version}" for each in found)


def _in_folders(kind: Kind) -> set[str]:
    package = import_module(f"bench.{kind}")
    return {found.name for found in pkgutil.iter_modules(package.__path__)}


def _installed(kind: Kind) -> Mapping[str, EntryPoint]:
    """Entry points of installed packages, by name."""
    return _declared_on(tuple(sys.path), kind)


@cache
def _declared_on(path: tuple[str, ...], kind: Kind) -> Mapping[str, EntryPoint]:
    """Reading the metadata of all packages takes some 50 ms."""
    return {each.name: each for each in entry_points(group=f"fluorobench.{kind}")}


def _said(declared: EntryPoint) -> str:
    distribution = declared.dist.name if declared.dist is not None else "an installed package"
    return f"{distribution}'s {declared.group}: {declared.name} = {declared.value!r}"


def load(kind: Kind, name: str) -> Any:
    """The class a plug-in declares as ``plugin``.

    Raises:
        PluginError: It declares none.
    """
    return _declared(kind, name, "plugin")


def card(kind: Kind, name: str) -> Card:
    """The card a plug-in declares.

    Raises:
        PluginError: It declares none.
    """
    found = _declared(kind, name, "card")
    if not isinstance(found, Card):
        raise PluginError(f"{kind}/{name}: 'card' must be a bench.contract.Card; got {type(found).__name__}")
    return found


def _declared(kind: Kind, name: str, what: str) -> Any:
    found = getattr(module(kind, name), what, None)
    if found is None:
        raise PluginError(f"{kind}/{name} declares no {what!r}: a plug-in module declares 'plugin' and 'card'")
    return found


def presets(name: str) -> Mapping[str, Mapping[str, Any]]:
    """Named settings of a method, such as a paper's."""
    found: Mapping[str, Mapping[str, Any]] = getattr(module("methods", name), "presets", {})
    return found


def miniature(name: str) -> Miniature:
    """The function of a dataset that writes a tiny synthetic copy of its files and returns the settings to open it.

    Raises:
        PluginError: The dataset declares none.
    """
    found: Miniature | None = getattr(module("datasets", name), "miniature", None)
    if found is None:
        raise PluginError(
            f"datasets/{name} declares no 'miniature': a function miniature(folder: Path) that writes a tiny synthetic "
            "copy of the published files into an empty folder and returns the settings that open it; conformance tests "
            "load one of its patients"
        )
    return found


def uses(name: str) -> tuple[str, ...]:
    """Methods that a method is built on."""
    found: tuple[str, ...] = getattr(module("methods", name), "uses", ())
    return found


def build(kind: Kind, name: str, settings: Mapping[str, Any], preset: str | None = None) -> Any:
    """Build a plug-in: its defaults, then the preset, then the settings; types are checked.

    Raises:
        UnknownNameError: No such plug-in, preset or setting.
        SettingsError: A setting has the wrong type or value.
    """
    from pydantic import ValidationError

    cls = load(kind, name)
    chosen = dict(settings)
    if preset is not None:
        known = presets(name)
        if preset not in known:
            raise unknown(f"preset of {name}", preset, known)
        chosen = {**known[preset], **chosen}
    for key in chosen:
        if key not in constructor_arguments(cls):
            raise _unknown_setting(kind, name, key)
    try:
        return _adapter(cls).validate_python(chosen)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"setting {where!r} of {name}: {first['msg']}; got {first['input']!r}") from None


def _unknown_setting(kind: Kind, name: str, key: str) -> UnknownNameError:
    removed: Mapping[str, str] = getattr(module(kind, name), "removed", {})
    if key in removed:
        return UnknownNameError(f"{name} has no setting {key!r} any more: {removed[key]}")
    return unknown(f"setting of {name}", key, [each.name for each in fields(load(kind, name))])


def constructor_arguments(cls: type) -> Sequence[str]:
    """What a class may be built with; ``__dataclass_fields__`` would also list its class variables."""
    return tuple(inspect.signature(cls).parameters)


@cache
def _adapter(cls: type) -> "TypeAdapter[Any]":
    """What checks settings; kept, since a search builds its similarity for every level."""
    from pydantic import TypeAdapter

    return TypeAdapter(cls)
