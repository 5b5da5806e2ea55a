"""The files of a board: a page, the library that draws its figures, and the numbers; written whole or not at all."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from markupsafe import Markup

from bench.files import fresh_folder
from bench.report.board.collect import Board, board_of, submissions_table
from bench.report.board.entries import BoardError, Entries
from bench.report.page.build import FIGURE_SCRIPTS, environment, figures_json, own_scripts, part, plotly, policy
from bench.report.page.data import script_json

PAGE, LIBRARY, TABLE, INDEX = "index.html", "plotly.js", "submissions.csv", "board.json"
FORMAT = "fluorobench board 1"


def require_free(out: Path) -> None:
    """Raise ``BoardError`` where a file is, or a folder that is neither empty nor a board."""
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not _is_board(out)):
        raise BoardError(f"{out} is there already and is no board; name another folder, or empty it")


def write_board(entries: Entries, out: Path) -> list[Path]:
    """Write a board in place of an earlier one there.

    Raises:
        BoardError: Something else is there.
    """
    require_free(out)
    board = board_of(entries)
    texts = {
        PAGE: board_text(board),
        LIBRARY: plotly(),
        TABLE: submissions_table(entries).csv(),
        INDEX: json.dumps(_index(entries), indent=1, allow_nan=False) + "\n",
    }
    with fresh_folder(out) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    return [out / name for name in texts]


def board_text(board: Board) -> str:
    """The HTML text; it asks for ``LIBRARY`` beside it and for nothing else."""
    script = own_scripts((*FIGURE_SCRIPTS, "main.js"))
    return (
        environment()
        .get_template("board.html.j2")
        .render(
            board=board,
            style=Markup(part("page.css")),
            policy=policy([script], own_files=True),
            figures_json=Markup(figures_json(board.figures)),
            methods_json=Markup(script_json(list(board.methods))),
            library=LIBRARY,
            script=Markup(script),
        )
    )


def _index(entries: Entries) -> dict[str, Any]:
    """What a program needs to know of the board."""
    protocol = entries.runs[-1].run.protocol
    return {
        "format": FORMAT,
        "protocol": protocol.name,
        "profile": protocol.profile,
        "cases": entries.cases_hash,
        "runs": [{"name": each.name, "finished": each.finished.isoformat()} for each in entries.runs],
    }


def _is_board(folder: Path) -> bool:
    found: object = None
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads((folder / INDEX).read_bytes())
    return isinstance(found, dict) and cast("Mapping[str, object]", found).get("format") == FORMAT
