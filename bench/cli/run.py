"""``fluorobench run``."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from bench.cli.added import with_added
from bench.cli.console import messages, print_line
from bench.cli.debug import debug_case
from bench.cli.progress import show_steps
from bench.cli.several_cts import cts_of, starts_each
from bench.errors import FluorobenchError
from bench.text import one_line, read_toml

if TYPE_CHECKING:
    from bench.protocol import Protocol


class CommandError(FluorobenchError):
    """Arguments of a command line that contradict each other."""


@dataclass(frozen=True)
class Run:
    """Run protocols: every method on identical cases; ends with the tables.

    Several are run one after the other; then their tables are printed, in the order given. The same command continues
    an interrupted run.
    """

    protocols: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Names of protocols (see ``fluorobench list``), paths of .toml files, or folders of runs."""

    profile: str = "quick"
    """Size of the run: smoke, quick or full."""

    volume: Path | None = None
    """Your own CT instead of the protocol's patients: a file of Hounsfield units or a folder of DICOM slices."""

    labels: Path | None = None
    """Label map on the CT's grid."""

    label_scheme: str | None = None
    """Numbering of the labels: verse, totalsegmentator, totalsegmentator_v1, phantom, or the path of a TOML file."""

    series: str | None = None
    """DICOM series UID, where the folder of the CT holds several."""

    voxel_spacing_mm: tuple[float, float, float] | None = None
    """Voxel spacing (columns, rows, slices) of a CT file that does not state where its voxels lie, as a TIFF stack."""

    region: str | None = None
    """Part of the CT: lumbar (L1-L5, needs labels), the name of a label, or whole."""

    box: tuple[float, float, float, float, float, float] | None = None
    """Part of the CT that methods are given: lower x y z, upper x y z, LPS mm (implies --region whole)."""

    weights: tuple[Path, ...] = ()
    """Folders of your own weights (train --weights); the rows of their methods use them."""

    data: Path | None = None
    """Several CTs of your own, a folder or a TOML file with [[ct]] tables; or a TOML file merged into the protocol."""

    start_distribution: str | None = None
    """Name of another start distribution of the protocol."""

    starts: int | None = None
    """Number of starts per patient; by default that of the profile, for your own CTs all cases of the profile."""

    only: tuple[str, ...] = ()
    """Labels of the methods to run; all if not given."""

    add: Annotated[tuple[tuple[str, ...], ...], tyro.conf.UseAppendAction] = ()
    """A further row: a method, then settings as field=value, label=NAME or preset=NAME. Other rows are kept."""

    out: Path = Path("runs")
    """Folder for runs."""

    workers: int | None = None
    """Methods that run at the same time, each with one patient; with --executor slurm the number of jobs."""

    executor: str | None = None
    """Where they run: dask://HOST:PORT, dask-local:N (worker processes) or slurm; this process if not given."""

    threads: int | None = None
    """Threads of each method; by default this machine's cores shared by its workers, and 1 on other machines."""

    fresh: bool = False
    """Discard an earlier run of the same protocol, and take no rows of other runs."""

    debug: str | None = None
    """Run one case, named here, in this process without limits: breakpoints work, and nothing is written."""

    strict: bool = False
    """End with status 1 where a registration failed, or a method skipped all cases."""

    def __call__(self) -> None:
        """Run, score, report."""
        from bench.cli.report import write_report
        from bench.contract import Case
        from bench.run.placement import Placement
        from bench.run.resume import run_or_resume
        from bench.score.finished import open_run

        if not self.protocols:
            raise CommandError(
                "expected the name of a protocol (before --add); got none: `fluorobench list` prints them"
            )
        placement = Placement(self.executor, self.workers, self.threads)
        # All are read before any is run: a mistake in the last one shows at once.
        loaded = [with_added(self._load(name), self.add) for name in self.protocols]
        chosen = _only(loaded, self.only)
        if self.debug is not None:
            if not debug_case([self._with_weights(each) for each in chosen], self.debug) and self.strict:
                sys.exit(1)
            return
        run = partial(run_or_resume, fresh=self.fresh, show=show_steps, report=print_line, placement=placement)
        finished: list[tuple[Path, dict[str, Case]]] = []
        for protocol in map(self._with_weights, chosen):
            built = dict[str, Case]()
            finished.append((run(protocol, self.out, keep=built.update).folder, built))
        sound = [write_report(open_run(folder, built)) for folder, built in finished]
        if self.strict and not all(sound):
            sys.exit(1)

    def _load(self, name: str) -> "Protocol":
        from bench.protocol import load_protocol

        if (Path(name) / "protocol.toml").is_file():
            return self._of_run(Path(name))
        self._tell_of_borrowed_name(name)
        return load_protocol(name, self.profile, self._overrides(self._starts(name)))

    def _of_run(self, folder: Path) -> "Protocol":
        """The protocol of a run, which states everything."""
        from bench.protocol.load import check_plugins
        from bench.run.journal import Journal

        over = self._overrides(self.starts)
        if self.data is not None or any(over.values()):
            raise CommandError(
                f"{folder} states data and starts already; leave these options out, or name its protocol"
            )
        protocol = Journal.existing(folder).protocol
        check_plugins(protocol)
        return protocol

    def _with_weights(self, protocol: "Protocol") -> "Protocol":
        from bench.run.own_weights import with_weights

        return with_weights(protocol, self.weights)

    def _tell_of_borrowed_name(self, protocol: str) -> None:
        from bench.protocol.load import borrowed_name

        if (name := borrowed_name(protocol)) is not None:
            messages.print(
                f"{protocol} differs from the protocol {name} that comes with fluorobench and still calls itself "
                f"{name}, as its tables will: give it a name of its own",
                markup=False,
                soft_wrap=True,
            )

    def _starts(self, protocol: str) -> int | None:
        """Starts per patient: as given; for the user's own CTs as many cases as the profile has, or a few more."""
        from bench.protocol import read_protocol

        listed = self._listed()
        if self.starts is not None or (self.volume is None and listed is None):
            return self.starts
        stated = read_protocol(protocol, self.profile)
        cases = stated.data.patients * stated.start.per_patient
        return cases if listed is None else starts_each(cases, listed["patients"])

    def _overrides(self, starts: int | None) -> dict[str, Any]:
        """The command line as tables of a protocol."""
        over: dict[str, Any] = {"start": {}, "data": {}, **self._data()}
        start = {"distribution": self.start_distribution, "per_patient": starts}
        over["start"] |= {key: value for key, value in start.items() if value is not None}
        region = "whole" if self.region is None and self.box is not None else self.region
        box = None if self.box is None else (self.box[:3], self.box[3:])
        part = {"region": region, "box": box}
        over["data"] |= {key: value for key, value in part.items() if value is not None}
        scheme = None if self._listed() is not None else self.label_scheme
        if self.volume is None and any((self.labels, scheme, self.box, self.series, self.voxel_spacing_mm)):
            raise CommandError(
                "--labels, --label-scheme, --box, --series and --voxel-spacing-mm belong to a CT of your own; name it "
                "with --volume"
            )
        if self.volume is not None:
            over["data"] |= {"dataset": "ct_file", "patients": 1, "settings": self._ct()}
        return over

    def _data(self) -> dict[str, Any]:
        """The tables of ``--data``."""
        if self.data is None:
            return {}
        if self.volume is not None:
            raise CommandError("--data and --volume both name the patients; give one of them")
        listed = self._listed()
        tables = read_toml(self.data) if listed is None else {"data": listed}
        for name in ("data", "start"):  # the command line adds to these
            if not isinstance(tables.get(name, {}), dict):
                found = one_line(repr(tables[name]), 200)
                raise CommandError(f"{self.data}: expected a table [{name}]; got {name} = {found}")
        return tables

    def _listed(self) -> dict[str, Any] | None:
        """The table [data] of several CTs; None without them."""
        return None if self.data is None else cts_of(self.data, self.label_scheme if self.data.is_dir() else None)

    def _ct(self) -> dict[str, Any]:
        paths = {"volume": self.volume, "labels": self.labels}
        settings: dict[str, Any] = {key: str(path.resolve()) for key, path in paths.items() if path is not None}
        given = {"label_scheme": self.label_scheme, "series": self.series, "voxel_spacing_mm": self.voxel_spacing_mm}
        settings |= {key: value for key, value in given.items() if value is not None}
        return settings


def _only(protocols: Sequence["Protocol"], labels: tuple[str, ...]) -> list["Protocol"]:
    """The protocols with some of their methods."""
    from bench import registry

    known = [method.label for protocol in protocols for method in protocol.methods]
    for label in labels:
        if label not in known:
            raise registry.unknown("method label", label, known)
    return [_with_rows(protocol, labels) for protocol in protocols] if labels else list(protocols)


def _with_rows(protocol: "Protocol", labels: tuple[str, ...]) -> "Protocol":
    kept = tuple(method for method in protocol.methods if method.label in labels)
    if not kept:
        raise CommandError(f"{protocol.name} has none of the rows {', '.join(labels)}; leave it out or name one of its")
    return protocol.model_copy(update={"methods": kept})
