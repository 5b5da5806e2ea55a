"""The page as HTML text: what it shows is collected here and put into ``page.html.j2`` by jinja, which escapes it."""

import base64
import gzip
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.files import write_whole
from bench.report.page.data import script_json
from bench.report.page.figure import PageFigure
from bench.report.page.provenance import Group
from bench.report.page.rows import PageRows
from bench.report.page.tables import Printed, WinsCell, Written

FIGURE_SCRIPTS = ("theme.js", "methods.js", "plots.js")
"""What draws figures and switches between light and dark."""
_SCRIPTS = (*FIGURE_SCRIPTS, "rows.js", "cases.js", "main.js")
_PACKAGES = ("bench.report.page", "bench.report.board")
_PLOTLY = "vendor/plotly-cartesian.min.js.gz"


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a page shows; texts are escaped as they are put in.

    Attributes:
        title: Of the protocol.
        subtitle: What was run.
        sentences: What was found.
        warnings: What a reader must know before any number.
        facts: Names and numbers.
        methods: Labels, in the run's order, which colours and dashes follow.
        ranking: Or None of a run without scores.
        wins: Matrix of wins, or none with one method.
        figures: Interactive.
        rows: The table of rows, or None.
        cases: JSON of the case browser, or None where no case has pictures.
        cases_note: Which cases it holds.
        tables: That reports wrote.
        not_comparable: Why published values are not comparable.
        groups: Provenance.
        protocol: Its text.
    """

    title: str
    subtitle: str
    methods: Sequence[str]
    sentences: Sequence[str] = ()
    warnings: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    ranking: Printed | None = None
    wins: Sequence[tuple[str, Sequence[WinsCell | None]]] = ()
    figures: Sequence[PageFigure] = ()
    rows: PageRows | None = None
    cases: str | None = None
    cases_note: str = ""
    tables: Sequence[Written] = ()
    not_comparable: str = ""
    groups: Sequence[Group] = ()
    protocol: str = ""
    progress: Sequence[Sequence[str]] = field(default=())


def write_page(path: Path, page: Page) -> Path:
    """Write the page, whole or not at all."""

    def fill(place: Path) -> None:
        with place.open("w", encoding="utf-8") as file:
            file.writelines(page_text(page))

    return write_whole(path, fill)


def page_text(page: Page) -> Iterator[str]:
    """The HTML text, piece by piece."""
    own = own_scripts(_SCRIPTS)
    scripts = [plotly(), own] if page.figures or page.rows else [own]
    return (
        environment()
        .get_template("page.html.j2")
        .generate(
            page=page,
            style=Markup(part("page.css")),
            scripts=[Markup(each) for each in scripts],
            policy=policy(scripts),
            figures_json=Markup(figures_json(page.figures)),
            methods_json=Markup(script_json(list(page.methods))),
            rows_json=None if page.rows is None else Markup(page.rows.json),
            cases_json=None if page.cases is None else Markup(page.cases),
        )
    )


def figures_json(figures: Iterable[PageFigure]) -> str:
    """What the scripts draw."""
    return script_json([_as_json(each) for each in figures])


def _as_json(figure: PageFigure) -> dict[str, Any]:
    return {key: value for key, value in asdict(figure).items() if key in ("key", "variants")}


def policy(scripts: Iterable[str], *, own_files: bool = False) -> str:
    """Nothing but the page's own scripts, by their hashes, its own styles, and pictures inside it.

    plotly puts rules of style into the page as it draws, which no hash could name.

    Args:
        scripts: Texts inside the page.
        own_files: Also scripts beside the page.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in scripts
    )
    beside = "'self' " if own_files else ""
    return (
        f"default-src 'none'; script-src {beside}{hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def environment() -> Environment:
    """Of all templates; what they are given is escaped."""
    loader = ChoiceLoader([PackageLoader(each, "") for each in _PACKAGES])
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def own_scripts(names: Iterable[str]) -> str:
    """Some scripts of the page as one."""
    return "\n".join(part(each) for each in names)


@cache
def plotly() -> str:
    """The library that draws the figures."""
    packed = resources.files("bench.report.page").joinpath(_PLOTLY).read_bytes()
    return gzip.decompress(packed).decode("utf-8")


def part(name: str) -> str:
    """A file of the page."""
    return resources.files("bench.report.page").joinpath(name).read_text(encoding="utf-8")
