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

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.files import write_whole
from bench.report.page.data import script_json
from bench.report.page.figure import PageFigure
from bench.report.page.provenance import Group
from bench.report.page.rows import PageRows
from bench.report.page.tables import Printed, WinsCell, Written

_SCRIPTS = ("theme.js", "methods.js", "plots.js", "rows.js", "cases.js", "main.js")
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

    def fill(part: Path) -> None:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(page_text(page))

    return write_whole(path, fill)


def page_text(page: Page) -> Iterator[str]:
    """The HTML text, piece by piece."""
    scripts = [_plotly(), _own_scripts()] if page.figures or page.rows else [_own_scripts()]
    return (
        _environment()
        .get_template("page.html.j2")
        .generate(
            page=page,
            style=Markup(_text("page.css")),
            scripts=[Markup(each) for each in scripts],
            policy=_policy(scripts),
            figures_json=Markup(script_json([_as_json(each) for each in page.figures])),
            methods_json=Markup(script_json(list(page.methods))),
            rows_json=None if page.rows is None else Markup(page.rows.json),
            cases_json=None if page.cases is None else Markup(page.cases),
        )
    )


def _as_json(figure: PageFigure) -> dict[str, Any]:
    return {key: value for key, value in asdict(figure).items() if key in ("key", "variants")}


def _policy(scripts: Iterable[str]) -> str:
    """Nothing but the page's own scripts, by their hashes, its own styles, and pictures inside it.

    plotly puts rules of style into the page as it draws, which no hash could name.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )


@cache
def _environment() -> Environment:
    loader = PackageLoader("bench.report.page", "")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _own_scripts() -> str:
    return "\n".join(_text(each) for each in _SCRIPTS)


@cache
def _plotly() -> str:
    packed = resources.files("bench.report.page").joinpath(_PLOTLY).read_bytes()
    return gzip.decompress(packed).decode("utf-8")


def _text(part: str) -> str:
    return resources.files("bench.report.page").joinpath(part).read_text(encoding="utf-8")
