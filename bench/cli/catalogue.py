"""``fluorobench list`` and ``fluorobench info``."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from bench.cli.console import messages, output, print_table
from bench.cli.run import CommandError
from bench.contract import Split
from bench.errors import FluorobenchError

if TYPE_CHECKING:
    from bench.cli.compare import Comparison
    from bench.cli.sheet import ContactSheet
    from bench.protocol.load import Summary


@dataclass(frozen=True)
class List:
    """List protocols, methods, datasets and reports."""

    def __call__(self) -> None:
        """Print their names and titles."""
        from bench import registry
        from bench.protocol.load import summaries

        protocols = [(each.name, each.title, ", ".join(each.profiles)) for each in summaries()]
        print_table("protocols", ("name", "title", "profiles"), protocols)
        for kind in registry.KINDS:
            print_table(
                kind, ("name", "title"), [(name, registry.card(kind, name).title) for name in registry.names(kind)]
            )


@dataclass(frozen=True)
class Info:
    """Print a card (method by plug-in or row, dataset, report, protocol); or compare a dataset with a CT or draw it."""

    name: Annotated[str, tyro.conf.Positional]
    """Its name, or the label of a row of a table; or the path of an X-ray image, to see what calibration it holds."""

    compare: Path | None = None
    """A real CT: write a report on how near the dataset's patients come to it (a file or a DICOM folder)."""

    labels: Path | None = None
    """Label map on the CT's grid that holds L1 to L5."""

    label_scheme: str | None = None
    """Its numbering: verse, totalsegmentator, phantom, or the path of a TOML file."""

    box: tuple[float, float, float, float, float, float] | None = None
    """For a CT without labels: the box round L1 to L5, low x y z, high x y z, world LPS mm."""

    sheet: Path | None = None
    """A PNG to draw: a contact sheet of the dataset's first patients (24, or --patients), AP, lateral and slices."""

    patients: int | None = None
    """How many of the dataset's patients; the protocol's number if not given."""

    pool: int | None = None
    """How many are looked at to find those most like the CT; eight for each if not given, 0 matches nobody."""

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
        from bench.cli.cards import Presets, print_plugin, print_protocol
        from bench.protocol.load import summaries

        if self.compare is not None and self.sheet is not None:
            raise CommandError("--compare and --sheet are two commands; give one of them")
        if self.compare is not None:
            self._comparison(self.compare).report()
            return
        if self.labels or self.label_scheme or self.box or self.pool is not None:
            raise CommandError("--labels, --label-scheme, --box and --pool belong to a comparison; add --compare CT")
        if self.sheet is not None:
            self._contact_sheet(self.sheet).draw()
            return
        if self.patients is not None:
            raise CommandError("--patients belongs to a comparison or a contact sheet; add --compare CT or --sheet PNG")
        if Path(self.name).is_file():
            _print_image(self.name)
            return
        by_name = {each.name: each for each in summaries()}
        name = _plugin_of_row(self.name, by_name.values())
        owners: list[registry.Kind] = [kind for kind in registry.KINDS if name in registry.names(kind)]
        if not owners and name in by_name:
            print_protocol(by_name[name])
            return
        if not owners:
            raise _no_such_name(name, by_name)
        for kind in owners:
            presets: Presets = registry.presets(name) if kind == "methods" else {}
            print_plugin(f"{kind}: {name}", registry.card(kind, name), registry.load(kind, name), presets)

    def _dataset(self) -> str:
        """The name, which must be a dataset's."""
        from bench import registry

        if self.name not in registry.names("datasets"):
            raise registry.unknown("dataset", self.name, registry.names("datasets"))
        return self.name

    @property
    def _settings(self) -> dict[str, Any]:
        return {} if self.generator is None else {"version": self.generator}

    def _contact_sheet(self, path: Path) -> "ContactSheet":
        """The command line as a contact sheet."""
        from bench.cli.sheet import PATIENTS, ContactSheet

        return ContactSheet(
            dataset=self._dataset(),
            settings=self._settings,
            split=self.split,
            patients=PATIENTS if self.patients is None else self.patients,
            path=path,
            fresh=self.fresh,
        )

    def _comparison(self, ct: Path) -> "Comparison":
        """The command line as a comparison."""
        from bench.cli.compare import Comparison

        return Comparison(
            dataset=self._dataset(),
            settings=self._settings,
            ct=ct,
            labels=self.labels,
            label_scheme=self.label_scheme,
            box=self.box,
            patients=self.patients,
            pool=self.pool,
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


def _plugin_of_row(name: str, protocols: "Iterable[Summary]") -> str:
    """The plug-in behind the label of a row, which is what tables print; other names stay."""
    found = {each.name: each.rows[name] for each in protocols if name in each.rows}
    if not found:
        return name
    plugin = next(iter(found.values()))
    messages.print(f"{name} is a row of {', '.join(found)}; its plug-in is {plugin}", markup=False, soft_wrap=True)
    return plugin


def _no_such_name(name: str, protocols: Iterable[str]) -> FluorobenchError:
    from bench import registry

    if Path(name).suffix or len(Path(name).parts) > 1:
        return CommandError(f"no such file: {name}; expected an X-ray image, or a name that `fluorobench list` prints")
    known = [*protocols, *(each for kind in registry.KINDS for each in registry.names(kind))]
    return CommandError(f"{registry.unknown('plug-in or protocol', name, known)} (`fluorobench list` prints all)")
