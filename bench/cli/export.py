"""``fluorobench export``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from bench.cli.console import output, print_line
from bench.cli.progress import show_steps
from bench.cli.run import CommandError
from bench.text import read_toml

if TYPE_CHECKING:
    from bench.run.journal import Journal


@dataclass(frozen=True)
class Export:
    """Write the problems of a protocol as plain files for a program in any language, without their truth.

    The truth stays in a finished run of the rows Initial and Nominal, which `fluorobench score` uses.
    """

    protocol: Annotated[str, tyro.conf.Positional]
    """Name of a protocol, path of a .toml file, or the folder of a finished run, whose problems are then exported."""

    out: Path
    """Folder of the problems."""

    profile: str = "quick"
    """Size: smoke, quick or full; a run has its own."""

    data: Path | None = None
    """TOML file merged into the protocol, such as a [data] table of your own CT or X-rays."""

    runs: Path = Path("runs")
    """Folder for runs; that with the truth is made here."""

    fresh: bool = False
    """Replace an earlier export, and make its run again."""

    def __call__(self) -> None:
        """Draw the cases, write them, print the next command."""
        from bench.exchange.export import export, require_free
        from bench.score.finished import open_run

        if self.runs.resolve().is_relative_to(self.out.resolve()):
            raise CommandError(f"--runs {self.runs} lies in --out {self.out}: the truth belongs outside; name another")
        require_free(self.out, replace=self.fresh)
        run = open_run(self._journal().folder)
        show_steps(export(run, self.out, replace=self.fresh))
        output.print(
            f"{len(run.journal.problems())} problems in {self.out}; the truth is not among them: {run.folder} has it\n"
            f"next: fluorobench score {self.out} --estimates answers.csv",
            markup=False,
            soft_wrap=True,
        )

    def _journal(self) -> "Journal":
        """A finished run of the problems."""
        from bench.exchange.export import with_controls_alone
        from bench.protocol import read_protocol
        from bench.protocol.load import check_plugins
        from bench.run.journal import Journal
        from bench.run.resume import run_or_resume

        if (Path(self.protocol) / "protocol.toml").is_file():
            if self.data is not None:
                raise CommandError(f"{self.protocol} is a run, whose data are settled; give --data with a protocol")
            return Journal.existing(Path(self.protocol))
        over = {} if self.data is None else read_toml(self.data)
        protocol = with_controls_alone(read_protocol(self.protocol, self.profile, over))
        check_plugins(protocol)
        return run_or_resume(protocol, self.runs, fresh=self.fresh, show=show_steps, report=print_line)
