"""``fluorobench list`` and ``fluorobench info``."""

from dataclasses import MISSING, Field, dataclass, fields
from typing import Annotated, Any

import tyro

from bench.cli.console import output, print_table


@dataclass(frozen=True)
class List:
    """List protocols, methods, datasets and reports."""

    def __call__(self) -> None:
        """Print their names and titles."""
        from bench import registry
        from bench.protocol import protocol_names

        print_table("protocols", ("name",), [(name,) for name in protocol_names()])
        for kind in registry.KINDS:
            print_table(
                kind, ("name", "title"), [(name, registry.card(kind, name).title) for name in registry.names(kind)]
            )


@dataclass(frozen=True)
class Info:
    """Print the card of a method, dataset or report, and its settings."""

    name: Annotated[str, tyro.conf.Positional]
    """Its name."""

    def __call__(self) -> None:
        """Print it."""
        from bench import registry

        owners: list[registry.Kind] = [kind for kind in registry.KINDS if self.name in registry.names(kind)]
        if not owners:
            raise registry.unknown(
                "plug-in", self.name, [name for kind in registry.KINDS for name in registry.names(kind)]
            )
        for kind in owners:
            card, cls = registry.card(kind, self.name), registry.load(kind, self.name)
            rows = [(each.name, _text(getattr(card, each.name))) for each in fields(card)]
            print_table(f"{kind}: {self.name}", ("card", ""), rows)
            defaults = cls.__dataclass_fields__.values()
            print_table("settings", ("name", "type", "default"), [(f.name, _type(f), _default(f)) for f in defaults])
            if kind == "methods" and registry.presets(self.name):
                presets = registry.presets(self.name).items()
                print_table("presets", ("name", "settings"), [(name, str(dict(values))) for name, values in presets])
        output.print()


def _type(field: "Field[Any]") -> str:
    return field.type.__name__ if isinstance(field.type, type) else str(field.type)


def _default(field: "Field[Any]") -> str:
    if field.default is not MISSING:
        return _text(field.default)
    return "must be given" if field.default_factory is MISSING else _text(field.default_factory())


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return "\n".join(str(each) for each in value) or "none"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return str(value)
