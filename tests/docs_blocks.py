"""The fenced blocks of README.md and docs/, and what a test must do with each.

A block's language says how it is tested; a comment before the block, ``<!-- test: KIND [WORD ...] -->``, says more:

* ``python``: runs; blocks of a page share their names and a temporary folder.
* ``toml``: needs a kind: ``overlay PROTOCOL`` (laid over that protocol), ``protocol`` (a whole one), ``case`` (a case
  file), ``cts`` (a list of CTs), ``labels`` (a label scheme) or ``project`` (a part of pyproject.toml).
* ``bash``: the command line's own parser reads it, and its names and files must exist; with the kind ``run`` it is
  executed in the page's folder.
* ``yaml``: the commands of its ``run:`` lines are checked as ``bash`` is.
* ``text`` and ``csv``: output; nothing to test.
* A block that only includes a file (``--8<-- "docs/examples/NAME"``): the file must exist and have a test of its own.
* ``same PATH``: the block must equal that file. ``file PATH [KIND ...]``: the block is also written there, relative to
  the page's folder. ``skip REASON``: nothing is done; the reason is printed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LANGUAGES = ("python", "toml", "bash", "yaml", "text", "csv")
OUTPUT = ("text", "csv")
_FENCE = re.compile(r"^( *)```+ *(\S*) *$")
_MARKER = re.compile(r"^ *<!-- test: (.*?) -->$")
_INCLUDE = re.compile(r'^--8<-- "(.+)"$')


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        page: The Markdown file.
        line: Where its fence opens, from 1.
        language: After the fence.
        text: Its lines, without the fence's indentation.
        marker: Words of the comment before it.
    """

    page: Path
    line: int
    language: str
    text: str
    marker: tuple[str, ...]

    @property
    def name(self) -> str:
        """For the test's report."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """Where the block is to be written, relative to the page's folder."""
        return self.marker[1] if self.marker[:1] == ("file",) else None

    @property
    def kind(self) -> str:
        """The marker's kind, behind ``file PATH`` where there is that."""
        return next(iter(self._words), "")

    @property
    def words(self) -> tuple[str, ...]:
        """What stands behind the kind."""
        return self._words[1:]

    @property
    def _words(self) -> tuple[str, ...]:
        return self.marker[2:] if self.file is not None else self.marker

    @property
    def included(self) -> Path | None:
        """The file that the block includes, where it does nothing else."""
        found = _INCLUDE.match(self.text.strip())
        return ROOT / found[1] if found else None


def pages() -> list[Path]:
    """README.md, CHANGELOG.md, every page of docs/ and the README of every study."""
    studies = sorted((ROOT / "studies").glob("*/README.md"))
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")), *studies]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, from top to bottom."""
    return list(_blocks(page, page.read_text(encoding="utf-8").splitlines()))


def _blocks(page: Path, lines: list[str]) -> Iterator[Block]:
    marker: tuple[str, ...] = ()
    rows = iter(enumerate(lines, start=1))
    for number, line in rows:
        if found := _MARKER.match(line):
            marker = tuple(found[1].split())
        elif opened := _FENCE.match(line):
            yield Block(page, number, opened[2], _body(rows, opened[1]), marker)
            marker = ()
        elif line.strip():
            marker = ()


def _body(rows: Iterator[tuple[int, str]], indentation: str) -> str:
    """Lines up to the closing fence."""
    body: list[str] = []
    for _, line in rows:
        if line.strip().startswith("```"):
            break
        body.append(line.removeprefix(indentation))
    return "\n".join(body) + "\n"


def commands(text: str) -> list[str]:
    """The command lines of a shell block: continued lines joined, comments and empty lines dropped."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line.removeprefix("$ ") for line in lines if line]


def yaml_commands(text: str) -> list[str]:
    """The commands of the ``run:`` lines of a YAML file."""
    return [found[1] for line in text.splitlines() if (found := re.match(r"^[ -]*run: (.+)$", line))]
