"""``fluorobench run``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from bench.cli.console import messages, output, progress_bar


@dataclass(frozen=True)
class Run:
    """Run a protocol: every method on identical cases; ends with the tables.

    The same command goes on where an interrupted run stopped.
    """

    protocol: Annotated[str, tyro.conf.Positional]
    """A protocol's name (see ``fluorobench list``) or the path of a .toml file."""

    profile: str = "quick"
    """How much of it: smoke, quick or full."""

    volume: Path | None = None
    """Your own CT instead of the protocol's patients: any file SimpleITK reads, or a DICOM folder."""

    labels: Path | None = None
    """Label map on the CT's grid."""

    label_scheme: str | None = None
    """Numbering of the labels: verse, totalsegmentator, phantom, or the path of a TOML file."""

    region: str | None = None
    """Part of the CT: lumbar (L1-L5, needs labels), a label's name, or whole."""

    start_law: str | None = None
    """Another start law of the protocol."""

    starts: int | None = None
    """Starts a patient, instead of the profile's."""

    only: tuple[str, ...] = ()
    """Labels of the methods to run; all if not given."""

    out: Path = Path("runs")
    """Where runs are kept."""

    fresh: bool = False
    """Throw away what an earlier run of the same protocol left."""

    def __call__(self) -> None:
        """Run, score, report."""
        from bench.cli.report import write_report
        from bench.protocol import load_protocol
        from bench.run.environment import describe_environment
        from bench.run.execute import Execution
        from bench.run.journal import Journal
        from bench.score.finished import open_run

        protocol = load_protocol(self.protocol, self.profile, self._overrides())
        protocol = _only(protocol, self.only)
        execution = Execution(protocol)
        journal = Journal.open(self.out, protocol, describe_environment(), fresh=self.fresh)
        if journal.complete:
            messages.print(f"already complete: {journal.folder} (use --fresh to run it again)")
        tasks: dict[str, Any] = {}
        with progress_bar() as bar:
            for step in execution.run(journal):
                if step.phase not in tasks:
                    tasks[step.phase] = bar.add_task(step.phase, total=step.total)
                bar.update(
                    tasks[step.phase], completed=step.done, total=step.total, description=f"{step.phase} {step.what}"
                )
        output.print(write_report(open_run(journal.folder)))

    def _overrides(self) -> dict[str, Any]:
        """The command line as tables of a protocol."""
        start = {"law": self.start_law, "per_patient": self.starts}
        over: dict[str, Any] = {"start": {key: value for key, value in start.items() if value is not None}}
        over["data"] = {} if self.region is None else {"region": self.region}
        if self.volume is not None:
            over["data"] |= {"dataset": "ct_file", "patients": 1, "settings": self._ct()}
        return over

    def _ct(self) -> dict[str, str]:
        paths = {"volume": self.volume, "labels": self.labels}
        settings = {key: str(path.resolve()) for key, path in paths.items() if path is not None}
        if self.label_scheme is not None:
            settings["label_scheme"] = self.label_scheme
        return settings


def _only(protocol: Any, labels: tuple[str, ...]) -> Any:
    """The protocol with some of its methods."""
    from bench import registry

    known = {method.label for method in protocol.methods}
    for label in labels:
        if label not in known:
            raise registry.unknown("method label", label, known)
    if not labels:
        return protocol
    kept = tuple(method for method in protocol.methods if method.label in labels)
    return protocol.model_copy(update={"methods": kept})
