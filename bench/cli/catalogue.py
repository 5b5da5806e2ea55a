"""``fluorobench list`` and ``fluorobench info``."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from bench.cli.console import messages, output, print_table
from bench.cli.run import CommandError
from bench.contract import Split
from bench.errors import FluorobenchError

if TYPE_CHECKING:
    from bench.cli.sheet import ContactSheet
    from bench.protocol.load import Summary


# What ``info`` prints all columns of the score rows for.
METRICS = "metrics"


@dataclass(frozen=True)
class List:
    """List protocols, methods, similarities, datasets and reports."""

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
    """Print the card of a plug-in, of a row of a table or of a protocol; or draw patients of a dataset."""

    name: Annotated[str, tyro.conf.Positional]
    """Name of a plug-in, row or protocol, `metrics`, or path of an X-ray image, CT or weights to see what it states."""

    frame: int | None = None
    """Of an X-ray file of several frames, from 0."""

    series: str | None = None
    """DICOM series UID, where a CT's folder holds several."""

    labels: Path | None = None
    """Label map on a CT's grid: its numbers or levels are printed, too."""

    label_scheme: str | None = None
    """Numbering of the labels; without it the schemes that fit are printed."""

    sheet: Path | None = None
    """Draw a contact sheet (PNG) of the first patients of the dataset: AP, lateral, axial, sagittal."""

    patients: int | None = None
    """Number of patients on the contact sheet; 24 if not given."""

    split: Split = Split.TEST
    """Split of the dataset."""

    fresh: bool = False
    """Overwrite an existing contact sheet."""

    def __call__(self) -> None:
        """Print it, or draw the contact sheet."""
        from bench import registry
        from bench.cli.cards import Presets, print_plugin, print_protocol, print_weights, weights_cards
        from bench.protocol.load import summaries

        if self.sheet is not None:
            self._contact_sheet(self.sheet).draw()
            return
        if self.patients is not None:
            raise CommandError("--patients belongs to a contact sheet; add --sheet PNG")
        if self.name == METRICS:
            _print_metrics()
            return
        if cards := weights_cards(Path(self.name)):
            for path in cards:
                print_weights(path)
            return
        if Path(self.name).is_file() or Path(self.name).is_dir():
            self._print_file(Path(self.name))
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
            print_plugin(
                f"{kind}: {name}",
                registry.card(kind, name),
                registry.load(kind, name),
                presets,
                starts=kind == "methods",
            )

    def _print_file(self, path: Path) -> None:
        """What the file of a CT or an X-ray image states, and which values must be given by the user."""
        from bench.volume.describe import describe_volume, is_volume
        from bench.xray.describe import describe_xray

        if path.suffix == ".toml":
            raise CommandError(
                f"{path}: a TOML file; expected a CT, an X-ray image or weights: name a file that it names, or give it "
                "to the command that it was made for (register --case, run)"
            )
        # A stack of slices may be a run of X-rays as well: who names a frame means that.
        volume = self.frame is None and is_volume(path)
        found = (
            describe_volume(path, self.series, labels=self.labels, label_scheme=self.label_scheme)
            if volume
            else describe_xray(str(path), frame=self.frame)
        )
        print_table(f"{'CT' if volume else 'X-ray'}: {path}", ("field", "value"), found.fields)
        if found.calibration:
            print_table("geometry" if volume else "calibration", ("what", "found", "how"), found.calibration)
        output.print("missing: " + ("; ".join(found.missing) or "nothing"), markup=False, soft_wrap=True)

    def _dataset(self) -> str:
        """The name, which must be a dataset's."""
        from bench import registry

        if self.name not in registry.names("datasets"):
            raise registry.unknown("dataset", self.name, registry.names("datasets"))
        return self.name

    def _contact_sheet(self, path: Path) -> "ContactSheet":
        """The command line as a contact sheet."""
        from bench.cli.sheet import PATIENTS, ContactSheet

        return ContactSheet(
            dataset=self._dataset(),
            split=self.split,
            patients=PATIENTS if self.patients is None else self.patients,
            path=path,
            fresh=self.fresh,
        )


def _print_metrics() -> None:
    """The columns of the score rows, section by section."""
    from bench.score.metrics_page import SECTIONS

    for title, _, columns in SECTIONS:
        cells = [(each.name, each.unit, each.definition) for each in columns]
        print_table(title, ("column", "unit", "definition"), cells)


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
        return CommandError(
            f"no such file: {name}; expected an X-ray image, a CT, or a name that `fluorobench list` prints"
        )
    known = [*protocols, *(each for kind in registry.KINDS for each in registry.names(kind))]
    return CommandError(f"{registry.unknown('plug-in or protocol', name, known)} (`fluorobench list` prints all)")
