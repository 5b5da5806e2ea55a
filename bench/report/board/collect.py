"""The content of a board's page: ranking, figures, submissions, cards and runs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench import registry
from bench.contract import Card
from bench.errors import FluorobenchError
from bench.report.board.entries import BoardRun, Entries, Submission, verdict
from bench.report.board.history import history_figure
from bench.report.marks import marked
from bench.report.page.cost import cost_figure
from bench.report.page.data import name
from bench.report.page.distribution import distribution_figure
from bench.report.page.figure import PageFigure
from bench.report.page.headline import beside_constant, facts, headline
from bench.report.page.provenance import Group, provenance
from bench.report.page.success import success_figure
from bench.report.page.tables import Printed, WinsCell, printed, wins_matrix
from bench.report.summary import rate_cell
from bench.report.tables import Table, TableRow
from bench.score.column import Cell, Column, Value
from bench.score.wins import ranked_wins
from bench.text import one_line

NOT_STATED = "not stated"
# Of a card's text.
_SENTENCE = 600
_SETTINGS = 2000


@dataclass(frozen=True, kw_only=True)
class Board:
    """What a board's page shows; texts are escaped as they are put in.

    Attributes:
        title: Of the protocol.
        subtitle: The cases.
        sentences: Who is first.
        warnings: What a reader must know before any number.
        facts: Names and numbers.
        methods: Labels, which colours and dashes follow.
        ranking: Of the newest submissions.
        wins: Matrix of wins; none with one method.
        figures: Interactive.
        submissions: Of every method, the newest first.
        cards: What each method says of itself.
        runs: Name and time of each run, and what it was run on; the newest first.
    """

    title: str
    subtitle: str
    sentences: Sequence[str]
    warnings: Sequence[str]
    facts: Sequence[tuple[str, str]]
    methods: Sequence[str]
    ranking: Printed
    wins: Sequence[tuple[str, Sequence[WinsCell | None]]]
    figures: Sequence[PageFigure]
    submissions: Printed
    cards: Sequence[Group]
    runs: Sequence[tuple[str, Sequence[Group]]]


@dataclass(frozen=True, slots=True)
class _Line:
    """A submission in the table; what changed since the one before is empty for the first."""

    submission: Submission
    ranked: bool
    changed: str


def board_of(entries: Entries) -> Board:
    """Everything that the page shows."""
    protocol, scores = entries.runs[-1].run.protocol, entries.scores
    ranked = ranked_wins(scores, entries.labels, "mtre_mm")
    methods = tuple(each.method for each in entries.newest)
    constant = beside_constant(protocol.model_copy(update={"methods": methods}), ranked)
    ranking: Any = registry.build("reports", "ranking", {})
    return Board(
        title=f"Board: {name(protocol.title)}",
        subtitle=f"{entries.description}.",
        sentences=[each for each in (headline(scores, ranked), constant) if each],
        warnings=list(_warnings(entries)),
        facts=_facts(entries),
        methods=[name(label) for label in entries.labels],
        ranking=printed(marked(ranking.table(entries), scores)),
        wins=wins_matrix(ranked) if len(ranked) > 1 else (),
        figures=_figures(entries),
        submissions=printed(submissions_table(entries)),
        cards=[_card(each) for each in entries.newest],
        runs=[(_run_title(each), provenance(each.run.journal)) for each in reversed(entries.runs)],
    )


def submissions_table(entries: Entries) -> Table[_Line]:
    """One row a submission."""
    lines = [line for each in entries.histories.values() for line in _lines(each)]
    return Table(
        columns=_COLUMNS,
        rows=tuple(TableRow(context=each, method=each.submission.label, ranked=False) for each in lines),
        caption="Submissions",
        notes=(
            "Of several submissions under one label the newest is ranked. Rows that a run took over from an earlier "
            "one are that one's. Failed: rotation of 3 deg or more, displacement of 3 mm or more, or no pose. mTRE and "
            "time: medians over all cases.",
            "Since the one before: by the tests of the tables on differences paired by case, p below 0.05 after Holm's "
            "adjustment; open where they show no difference.",
        ),
    )


def _lines(history: Sequence[Submission]) -> list[_Line]:
    """The newest first."""
    changed = ["", *(verdict(before, after) for before, after in pairwise(history))]
    newest = history[-1]
    found = [_Line(each, each is newest, told) for each, told in zip(history, changed, strict=True)]
    return list(reversed(found))


def _figures(entries: Entries) -> list[PageFigure]:
    rows = {each.label: each.rows for each in entries.newest}
    found = [history_figure(entries.histories), cost_figure(rows), success_figure(rows), distribution_figure(rows)]
    return [each for each in found if each.variants]


def _facts(entries: Entries) -> list[tuple[str, str]]:
    size = dict(facts(entries.scores, entries.labels))
    count = sum(map(len, entries.histories.values()))
    kept = [(each, size[each]) for each in ("Methods", "Patients", "Cases")]
    return [
        *kept,
        ("Submissions", f"{count:,}"),
        ("Runs", f"{len(entries.runs):,}"),
        ("Hash of the cases", entries.cases_hash[:12]),
    ]


def _warnings(entries: Entries) -> Iterator[str]:
    """What makes the times of ranked submissions incomparable."""
    for what, found in (
        ("types of processors", {_processor(each) for each in entries.newest}),
        ("numbers of threads", {", ".join(each.threads) for each in entries.newest}),
    ):
        known = sorted(found - {"", NOT_STATED})
        if len(known) > 1:
            yield one_line(f"Times are of different {what} ({'; '.join(known)}) and do not compare.", _SENTENCE)


def _processor(submission: Submission) -> str:
    return ", ".join(submission.processors) or NOT_STATED


def _run_title(run: BoardRun) -> str:
    return f"{name(run.name)}, ended {run.finished:%Y-%m-%d %H:%M} UTC"


def _card(submission: Submission) -> Group:
    method = submission.method
    facts = [("Plug-in", name(method.plugin)), *([("Preset", name(method.preset))] if method.preset else [])]
    if method.settings:
        settings = ", ".join(f"{key} = {value}" for key, value in method.settings.items())
        facts.append(("Settings", one_line(settings, _SETTINGS)))
    try:
        facts += _of_card(registry.card("methods", method.plugin))
    except (FluorobenchError, ImportError):
        facts.append(("Card", "plug-in not installed where the board was made"))
    return Group(name(method.label), facts, wide=True)


def _of_card(card: Card) -> Iterator[tuple[str, str]]:
    stated = (
        ("Title", card.title),
        ("Source", card.source),
        ("Citation", card.citation),
        ("Licence", card.licence),
        ("Uses the start", {True: "yes", False: "no", None: "as its settings say"}[card.uses_start]),
        ("Given the whole CT", "yes" if card.uses_whole_ct else ""),
        ("Deviations", " ".join(card.deviations)),
        ("Trained and tuned", "; ".join(_trained(card))),
    )
    for fact, text in stated:
        if text:
            yield fact, one_line(text, _SETTINGS)


def _trained(card: Card) -> Iterator[str]:
    for each in card.provenance:
        yield f"{each.what} on {len(each.patients)} patients of {each.dataset} ({each.split})"


def _column(
    heading: str,
    compute: Callable[[_Line], Value | Cell],
    *,
    key: str = "",
    decimals: int = 2,
    further: tuple[str, ...] = (),
    template: str = "{}",
) -> Column[_Line]:
    return Column(
        heading=heading,
        name=key or heading.lower().replace(" ", "_"),
        compute=compute,
        decimals=decimals,
        further=further,
        template=template,
    )


def _failed(line: _Line) -> Cell:
    return rate_cell(line.submission.summary.failure_rate())


def _time(line: _Line) -> Value:
    return line.submission.summary.measured_median("processor_seconds")


def _version(line: _Line) -> str:
    return line.submission.of.environment.versions.get("fluorobench", NOT_STATED)


_COLUMNS: tuple[Column[_Line], ...] = (
    _column("Method", lambda line: line.submission.label),
    _column("Ended (UTC)", lambda line: f"{line.submission.of.finished:%Y-%m-%d %H:%M}", key="ended"),
    _column("Ranked", lambda line: "yes" if line.ranked else "earlier"),
    _column(
        "Failed (%)",
        _failed,
        key="failure_strict_percent",
        decimals=0,
        further=("failure_strict_low", "failure_strict_high"),
        template="{} [{}, {}]",
    ),
    _column("mTRE (mm)", lambda line: line.submission.summary.median("mtre_mm"), key="mtre_mm_median"),
    _column("Time (s)", _time, key="processor_seconds_median"),
    _column("Since the one before", lambda line: line.changed, key="changed"),
    _column("Processor", lambda line: _processor(line.submission)),
    _column("Threads", lambda line: ", ".join(line.submission.threads) or NOT_STATED),
    _column("Version", _version),
    _column("Commit", lambda line: line.submission.of.environment.commit or NOT_STATED),
    _column("Recipe", lambda line: ", ".join(line.submission.recipes) or NOT_STATED),
    _column("Run", lambda line: name(line.submission.of.name)),
)
