"""Protocol files that extend another one.

``extends = "sopi-sim"`` names a protocol that comes with fluorobench or a path, relative to the file. The rules:

* Tables are laid over the base's key by key, profiles included; lists and values replace the base's.
* A distribution that states its ``kind`` replaces the base's whole; so do settings of a dataset that is not the
  base's, and settings that name another ``folder`` or ``file``: the base's spacings and references are of its data.
* ``without = ["target.photons", "profile.smoke"]`` removes tables and values of the base first.
* A row of ``[[methods]]`` replaces the base's row of that label where it stands; a row with a new label is appended.
* ``rows = ["Initial", "Opt-GC"]`` then keeps these labels alone, in this order.
* A row with ``profiles = ["full"]`` is one of these profiles alone; ``profiles = []`` makes it one of all again.
* ``name`` and ``title`` are the file's own: tables of two protocols must not share them.
"""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

from bench.errors import FluorobenchError
from bench.registry import unknown
from bench.text import read_toml

Tables: TypeAlias = dict[str, Any]
# Settings by which datasets name their files.
_PLACES = ("folder", "file", "case", "volume")

PROTOCOLS = Path(__file__).parents[1] / "protocols"
# Of a checkout; an installed package has none.
_STUDIES = Path(__file__).parents[2] / "studies"


class ProtocolError(FluorobenchError):
    """An invalid protocol file."""


def protocol_names() -> list[str]:
    """Names of the protocols that come with fluorobench."""
    return sorted(path.stem for path in PROTOCOLS.glob("*.toml"))


def find_protocol(name_or_path: str, *, beside: Path | None = None) -> Path:
    """The file of a protocol.

    Args:
        name_or_path: ``sopi-sim``, or a path that ends in ``.toml``.
        beside: Folder that a relative path starts from; None = the working directory.

    Raises:
        UnknownNameError: No such name.
        ProtocolError: No such file, or the protocol of a study.
    """
    if name_or_path.endswith(".toml"):
        path = (beside or Path()) / name_or_path
        if not path.is_file():
            raise ProtocolError(f"no protocol file at {path}; give a name ({', '.join(protocol_names())}) or a path")
        return path
    if name_or_path not in protocol_names():
        study = next(_STUDIES.glob(f"*/{name_or_path}.toml"), None)
        if study is not None:
            readme = Path(*study.parts[-3:-1]) / "README.md"
            raise ProtocolError(f"{name_or_path} is a study's protocol; {readme} states the command that runs it")
        raise unknown("protocol", name_or_path, protocol_names())
    return PROTOCOLS / f"{name_or_path}.toml"


def read_tables(path: Path) -> Tables:
    """The tables of a protocol file, laid over those that it extends.

    Raises:
        UnknownNameError: A base, or a label of ``rows``, that does not exist.
        ProtocolError: A file that is not TOML, extends itself, or removes what its base does not have.
    """
    return _resolved(path, ())


def overlay(base: Mapping[str, Any], over: Mapping[str, Any]) -> Tables:
    """Lay tables of a protocol over others; see the module's rules."""
    merged = _overlay(base, over)
    under, data = base.get("data"), over.get("data")
    if isinstance(under, dict) and isinstance(data, dict):
        before, after = cast(Tables, under), cast(Tables, data)
        if after.get("dataset", before.get("dataset")) != before.get("dataset") or _other_files(before, after):
            merged["data"]["settings"] = after.get("settings", {})
    return merged


def _resolved(path: Path, above: tuple[Path, ...]) -> Tables:
    chain = (*above, path.resolve())
    if len(set(chain)) < len(chain):
        names = " extends ".join(each.name for each in chain)
        raise ProtocolError(f"{path}: {names}: a protocol cannot extend itself; remove one of these `extends`")
    tables = read_toml(path, ProtocolError)
    extends, without, rows = (tables.pop(key, None) for key in ("extends", "without", "rows"))
    if extends is not None:
        tables = _over_base(path, tables, _named(path, extends), _texts(path, "without", without), chain)
    elif without is not None:
        raise ProtocolError(f"{path}: without removes parts of a base; name the base with `extends`")
    if rows is not None:
        tables["methods"] = _chosen(path, _texts(path, "rows", rows), _rows(path, tables))
    return tables


def _over_base(path: Path, tables: Tables, extends: str, without: Sequence[str], chain: tuple[Path, ...]) -> Tables:
    base = _resolved(find_protocol(extends, beside=path.parent), chain)
    for own in ("name", "title"):
        base.pop(own, None)
    for place in without:
        _remove(path, base, place)
    methods = _joined(_rows(path, base), _rows(path, tables))
    return {**overlay(base, tables), "methods": methods}


def _named(path: Path, extends: object) -> str:
    if not isinstance(extends, str):
        raise ProtocolError(f"{path}: extends: expected the name or path of one protocol; got {extends!r}"[:200])
    return extends


def _texts(path: Path, key: str, value: object) -> list[str]:
    texts = _entries(value)
    if texts is None or not all(isinstance(each, str) for each in texts):
        raise ProtocolError(f"{path}: {key}: expected a list of texts; got {value!r}"[:200])
    return [str(each) for each in texts]


def _entries(value: object) -> list[Any] | None:
    """The entries of a list, none where nothing is stated; None of anything else."""
    if value is None:
        return []
    return list(cast("Sequence[Any]", value)) if isinstance(value, list) else None


def _remove(path: Path, base: Tables, place: str) -> None:
    *parents, last = place.split(".")
    table: Any = base
    for name in parents:
        table = cast(Tables, table).get(name) if isinstance(table, dict) else None
    if not isinstance(table, dict) or last not in table:
        raise ProtocolError(f"{path}: without: its base has no {place}; expected places such as target.photons")
    del table[last]


def _rows(path: Path, tables: Tables) -> list[Tables]:
    rows = _entries(tables.get("methods"))
    if rows is None or not all(_is_labelled(row) for row in rows):
        raise ProtocolError(
            f"{path}: methods: expected rows [[methods]] with a label (text) each; got {tables['methods']!r}"[:200]
        )
    return rows


def _is_labelled(row: object) -> bool:
    return isinstance(row, dict) and isinstance(cast("Tables", row).get("label"), str)


def rows_of_profile(path: Path, tables: Tables, profile: str, *, known: Container[str]) -> list[Tables]:
    """The rows of one profile: those that name no ``profiles``, or this one among them; the key itself is removed.

    Raises:
        ProtocolError: ``profiles`` is no list of the file's profiles.
    """
    rows = [(row, _profiles(path, row, known)) for row in _rows(path, tables)]
    return [
        {key: value for key, value in row.items() if key != "profiles"}
        for row, profiles in rows
        if not profiles or profile in profiles
    ]


def _profiles(path: Path, row: Tables, known: Container[str]) -> list[str]:
    names = _texts(path, f"profiles of {row['label']}", row.get("profiles"))
    for name in names:
        if name not in known:
            raise ProtocolError(f"{path}: profiles of {row['label']}: there is no [profile.{name}]")
    return names


def _joined(base: Sequence[Tables], own: Sequence[Tables]) -> list[Tables]:
    """The base's rows, each replaced where an own one has its label, and then the other own ones."""
    own_by_label = {row["label"]: row for row in own}
    labels = {row["label"] for row in base}
    return [own_by_label.get(row["label"], row) for row in base] + [row for row in own if row["label"] not in labels]


def _chosen(path: Path, labels: Sequence[str], rows: Sequence[Tables]) -> list[Tables]:
    by_label = {str(row["label"]): row for row in rows}
    for label in labels:
        if label not in by_label:
            raise ProtocolError(f"{path}: rows: {unknown('method label', label, by_label)}")
    return [by_label[label] for label in labels]


def _other_files(before: Tables, after: Tables) -> bool:
    """Whether settings name another place of the same dataset's files."""
    under, over = (tables.get("settings", {}) for tables in (before, after))
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return False
    known, stated = cast(Tables, under), cast(Tables, over)
    return any(name in stated and stated[name] != known.get(name, stated[name]) for name in _PLACES)


def _overlay(base: Mapping[str, Any], over: Mapping[str, Any]) -> Tables:
    merged = dict(base)
    for key, value in over.items():
        under: Any = merged.get(key)
        if isinstance(under, dict) and isinstance(value, dict) and "kind" not in value:
            merged[key] = _overlay(cast(Tables, under), cast(Tables, value))
        else:
            merged[key] = value
    return merged
