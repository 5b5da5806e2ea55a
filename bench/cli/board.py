"""``fluorobench board``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from bench.cli.console import output, print_table


@dataclass(frozen=True)
class Board:
    """Merge finished runs of the same cases into a static page: ranking, submissions, history of every method.

    Runs are verified first. Of several rows under one label the newest are ranked. Runs whose cases differ are refused.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of finished runs."""

    out: Path
    """Folder of the board: new, empty, or that of an earlier board, which is replaced."""

    def __call__(self) -> None:
        """Verify, merge, write."""
        from bench.report.board.build import require_free, write_board
        from bench.report.board.entries import board_entries

        require_free(self.out)
        entries = board_entries(self.runs)
        page = write_board(entries, self.out)[0]
        newest = [(each.label, f"{each.of.finished:%Y-%m-%d %H:%M}", each.of.name) for each in entries.newest]
        print_table("Ranked submissions", ("method", "run ended (UTC)", "run"), newest)
        output.print(f"{sum(map(len, entries.histories.values()))} submissions of {len(entries.labels)} methods")
        output.print(f"board: {page}", soft_wrap=True, markup=False)
