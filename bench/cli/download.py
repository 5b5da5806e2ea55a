"""``fluorobench download``: the only command that downloads data."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from bench.cli.console import messages, output, print_table
from bench.files import at_home

if TYPE_CHECKING:
    from bench.cli.fetch import Fetched
    from bench.cli.sources import Source, SourceFile


@dataclass(frozen=True)
class Download:
    """Fetch a public data set, or print where to request it; without a name, list the data sets."""

    name: Annotated[str | None, tyro.conf.Positional] = None
    """Name of the data set."""

    to: Path | None = None
    """Destination folder; created if needed."""

    only: tuple[str, ...] = ()
    """Names of single files; all if not given."""

    sources: Path | None = None
    """Your own table of sources, in the format of bench/cli/sources.toml."""

    def __call__(self) -> None:
        """Fetch it."""
        from bench.cli.fetch import FetchError
        from bench.cli.sources import SOURCES, read_sources
        from bench.registry import unknown

        known = read_sources(self.sources or SOURCES)
        if self.name is None:
            print_table("downloads", ("name", "title", "licence"), [(n, s.title, s.licence) for n, s in known.items()])
            return
        if self.name not in known:
            raise unknown("download", self.name, known)
        if self.to is None:
            raise FetchError(f"expected a destination folder: fluorobench download {self.name} --to FOLDER")
        self._get(known[self.name], at_home(self.to))

    def _get(self, source: "Source", folder: Path) -> None:
        from bench.cli.fetch import FetchError

        _say(f"{source.title}\nlicence: {source.licence}\npage: {source.page}")
        chosen = self._chosen(source)
        if not chosen:
            _say(f"cannot be downloaded by this command: request it on that page.\nthen: in {folder}, {source.then}")
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FetchError(f"{folder}: no folder can be made there: {error.strerror or error}") from None
        for file in chosen:
            _say(_line(_with_bar(file, folder)))
        _say(f"then: in {folder}, {source.then}")

    def _chosen(self, source: "Source") -> "tuple[SourceFile, ...]":
        from bench.registry import unknown

        names = [file.name for file in source.files]
        for name in self.only:
            if name not in names:
                raise unknown(f"file of {self.name}", name, names)
        return tuple(file for file in source.files if not self.only or file.name in self.only)


def _with_bar(file: "SourceFile", folder: Path) -> "Fetched":
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from bench.cli.fetch import fetch

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TextColumn("left:"), TimeRemainingColumn(), console=messages, transient=True) as bar:
        task = bar.add_task(f"{file.name} ({file.size})", total=None)
        return fetch(
            file.url,
            folder / file.name,
            sha256=file.sha256,
            report=lambda done, total: bar.update(task, completed=done, total=total),
        )


def _line(fetched: "Fetched") -> str:
    came = "fetched" if fetched.fresh else "was there already"
    recorded = f"; recorded in {fetched.path.name}.sha256" if fetched.fresh else ""
    against = fetched.agrees_with
    checked = f"not verified: no checksum is published{recorded}" if against is None else f"as {against}"
    return f"{fetched.path}: {came}; sha256 {fetched.sha256} ({checked})"


def _say(text: str) -> None:
    output.print(text, markup=False, soft_wrap=True)
