"""Damage that leaves a file well formed: other values in JSON and TOML, other tags in DICOM, other arrays in HDF5."""

import json
import tomllib
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import numpy as np
import tomli_w

from studies.torture.inputs.mutations import BYTES, damaged

Damage: TypeAlias = Callable[[Path, Random], None]


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


_PLAIN: Sequence[Any] = (
    *(True, 0, 1, -1, 2, 96.5, 1e30, 1e308, -1e-300, 10**30, 2**63, 2**31, float("nan"), float("inf")),
    *("", "x", "nan", "1", "\x1b[2J\x07", "/etc/passwd", "../../x", "$HOME", "$NOTHING", "~nobody/x", "/dev/zero"),
    *("a\x00b", "\u202e", "x" * 10**5),
)


def _value(random: Random) -> Any:
    """Something that stands in no valid file."""
    made: Sequence[Any] = (
        *([], {}, [[]], [1, 2], [[1.0] * 4] * 4, [*([[1.0] * 4] * 3), ["a"] * 4], {"a": 1}, {"kind": "other"}),
        *([0] * 10**4, _nested(60), _nested(800)),
    )
    return random.choice(_PLAIN if random.random() < 0.7 else made)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values of nested mappings and lists."""
    keys: Sequence[Any] = ()
    if isinstance(value, dict):
        keys = list(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    elif isinstance(value, list):
        keys = range(len(value))  # pyright: ignore[reportUnknownArgumentType]
    return [place for key in keys for place in ((*path, key), *_places(value[key], (*path, key)))]


def altered(value: Any, random: Random) -> Any:
    """The value with one part replaced, removed, repeated or renamed; it is changed in place."""
    places = _places(value)
    if not places or random.random() < 0.03:
        return _value(random)
    *path, key = random.choice(places)
    owner = value
    for step in path:
        owner = owner[step]
    match random.randrange(8):
        case 0:
            del owner[key]
        case 1 if isinstance(owner, list):
            owner.append(owner[key])  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        case 2 if isinstance(owner, dict):
            owner[random.choice(("unheard", "", "a.b", "\x1b[0m", f"{key} "))] = owner.pop(key)  # pyright: ignore[reportUnknownMemberType]
        case 3 if isinstance(owner[key], int | float):
            owner[key] = random.choice((-owner[key], owner[key] * 10, owner[key] + 0.5, str(owner[key]), [owner[key]]))
        case _:
            owner[key] = _value(random)
    return value


def damage_bytes(path: Path, random: Random) -> None:
    """Any file."""
    path.write_bytes(damaged(path.read_bytes(), random))


def damage_binary(path: Path, random: Random) -> None:
    """A file without words."""
    path.write_bytes(damaged(path.read_bytes(), random, BYTES))


def damage_json(path: Path, random: Random) -> None:
    """A JSON file, or one of JSON lines."""
    text = path.read_text(encoding="utf-8")
    if random.random() < 0.3:
        damage_bytes(path, random)
    elif path.suffix == ".jsonl":
        lines = text.split("\n")
        number = random.randrange(max(1, len(lines) - 1))
        lines[number] = json.dumps(altered(json.loads(lines[number]), random))
        path.write_text("\n".join(lines), encoding="utf-8")
    else:
        path.write_text(json.dumps(altered(json.loads(text), random)), encoding="utf-8")


def damage_toml(path: Path, random: Random) -> None:
    """A TOML file."""
    if random.random() < 0.3:
        damage_bytes(path, random)
        return
    tables = altered(tomllib.loads(path.read_text(encoding="utf-8")), random)
    try:
        path.write_bytes(tomli_w.dumps(tables).encode("utf-8", "surrogatepass"))
    except (TypeError, AttributeError, ValueError, RecursionError):  # no table any more
        damage_bytes(path, random)


def damage_dicom(path: Path, random: Random) -> None:
    """A DICOM file: another value of an element, or none; or its bytes."""
    if random.random() < 0.4:
        damage_bytes(path, random)
        return
    pydicom: Any = import_module("pydicom")
    made = pydicom.dcmread(path, force=True)
    elements = [*made.file_meta, *made]
    chosen = random.choice(elements)
    owner = made.file_meta if chosen.tag.group == 2 else made
    texts = (
        "",
        "0",
        "-1",
        "1e30",
        "nan",
        "1\\2",
        "1\\2\\3\\4\\5\\6\\7",
        "x" * 300,
        "\x1b[2J",
        "9" * 15,
        "1.5",
        "NO",
        "YES",
    )
    try:
        if random.random() < 0.35:
            del owner[chosen.tag]
        else:
            value = random.choice(texts)
            numbers = chosen.VR in ("US", "SS", "UL", "SL", "FL", "FD")
            owner[chosen.tag].value = random.choice((0, 1, 7, 65535)) if numbers else value
        made.save_as(path)
    except Exception:  # a value that cannot be written
        damage_bytes(path, random)


_ARRAYS: Sequence[Any] = (
    *(np.float64("nan"), np.array([]), "text", b"\x00\xff", np.int8(-1), np.zeros((1, 1, 1)), np.full((3, 3), np.inf)),
    *(1e30, np.zeros((0, 3)), 96.5, np.array([1 + 2j]), np.array([True]), np.full((4, 4), np.nan), 2**62),
)


def damage_hdf5(path: Path, random: Random) -> None:
    """An HDF5 file: another array, a promised huge one, a link, or none; or its bytes."""
    if random.random() < 0.35:
        damage_binary(path, random)
        return
    h5py: Any = import_module("h5py")
    with h5py.File(path, "r+") as file:
        names = list[str]()
        file.visit(names.append)
        name = random.choice(names)
        dtype = getattr(file[name], "dtype", np.float32)
        shape = getattr(file[name], "shape", ())
        del file[name]
        match random.randrange(8):
            case 0:
                pass
            case 1:
                file.create_dataset(name, shape=(20000, 20000, 20000), dtype="f4", chunks=(64, 64, 64))
            case 2:
                file[name] = h5py.ExternalLink("/etc/passwd", "x")
            case 3:
                file[name] = h5py.SoftLink(f"/{name}")
            case 4 if np.issubdtype(dtype, np.number):
                file[name] = np.full(shape, random.choice((0, 1e30, -1, np.nan, np.inf)))
            case 5:
                file.create_group(name)
            case _:
                file[name] = random.choice(_ARRAYS)
