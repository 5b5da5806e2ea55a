"""``fluorobench list`` and ``fluorobench info``."""

from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from bench.cli.console import output, print_table
from bench.cli.run import CommandError
from bench.contract import Split

if TYPE_CHECKING:
    from bench.cli.compare import Comparison


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
    """Print the card of a method, dataset or report, and its settings; or compare a dataset with a real CT."""

    name: Annotated[str, tyro.conf.Positional]
    """Its name; or the path of an X-ray image, to see what calibration it holds."""

    compare: Path | None = None
    """A real CT: write a report on how near the dataset's patients come to it (a file or a DICOM folder)."""

    labels: Path | None = None
    """Label map on the CT's grid that holds L1 to L5."""

    label_scheme: str | None = None
    """Its numbering: verse, totalsegmentator, phantom, or the path of a TOML file."""

    box: tuple[float, float, float, float, float, float] | None = None
    """For a CT without labels: the box round L1 to L5, low x y z, high x y z, world LPS mm."""

    patients: int | None = None
    """How many of the dataset's patients; the protocol's number if not given."""

    split: Split = Split.TEST
    """Which of the dataset's splits."""

    generator: int | None = None
    """Version of the dataset's generator, where it has several; its default if not given."""

    quick: bool = False
    """Fewer patients and starts: minutes instead of about a quarter of an hour."""

    out: Path = Path("runs")
    """Where the report and its runs are kept."""

    fresh: bool = False
    """Throw away what an earlier comparison of the same kind left."""

    def __call__(self) -> None:
        """Print it, or compare."""
        from bench import registry
        from bench.protocol import protocol_names

        if self.compare is not None:
            self._comparison(self.compare).report()
            return
        if self.labels or self.label_scheme or self.box or self.patients is not None:
            raise CommandError(
                "--labels, --label-scheme, --box and --patients belong to a comparison; add --compare CT"
            )
        if Path(self.name).is_file():
            _print_image(self.name)
            return
        owners: list[registry.Kind] = [kind for kind in registry.KINDS if self.name in registry.names(kind)]
        if not owners and self.name in protocol_names():
            raise CommandError(f"{self.name!r} is a protocol, which has no card; read bench/protocols/{self.name}.toml")
        if not owners:
            raise registry.unknown(
                "plug-in", self.name, [name for kind in registry.KINDS for name in registry.names(kind)]
            )
        for kind in owners:
            card, cls = registry.card(kind, self.name), registry.load(kind, self.name)
            rows = [(each.name, _text(getattr(card, each.name))) for each in fields(card)]
            print_table(f"{kind}: {self.name}", ("card", ""), rows)
            defaults = fields(cls)
            print_table("settings", ("name", "type", "default"), [(f.name, _type(f), _default(f)) for f in defaults])
            if kind == "methods" and registry.presets(self.name):
                presets = registry.presets(self.name).items()
                print_table("presets", ("name", "settings"), [(name, str(dict(values))) for name, values in presets])
        output.print()

    def _comparison(self, ct: Path) -> "Comparison":
        """The command line as a comparison."""
        from bench import registry
        from bench.cli.compare import Comparison

        if self.name not in registry.names("datasets"):
            raise registry.unknown("dataset", self.name, registry.names("datasets"))
        return Comparison(
            dataset=self.name,
            settings={} if self.generator is None else {"version": self.generator},
            ct=ct,
            labels=self.labels,
            label_scheme=self.label_scheme,
            box=self.box,
            patients=self.patients,
            split=self.split,
            profile="quick" if self.quick else "full",
            out=self.out,
            fresh=self.fresh,
        )


def _print_image(path: str) -> None:
    """What calibration an image holds, and what is to be said by hand."""
    from bench.xray.describe import describe_xray

    found = describe_xray(path)
    print_table(f"X-ray: {path}", ("field", "value"), found.fields)
    print_table("calibration", ("what", "found"), found.calibration)
    output.print("missing: " + ("; ".join(found.missing) or "nothing"), markup=False, soft_wrap=True)


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
