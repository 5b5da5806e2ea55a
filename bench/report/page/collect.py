"""A finished run, or what there is of a run, as a page."""

from collections.abc import Sequence
from typing import Any

from bench import registry
from bench.contract import FinishedRun
from bench.report.marks import marked
from bench.report.page.build import Page
from bench.report.page.cases import chosen_cases, page_cases
from bench.report.page.data import name
from bench.report.page.headline import beside_constant, facts, headline
from bench.report.page.plots import page_figures
from bench.report.page.provenance import provenance
from bench.report.page.rows import page_rows
from bench.report.page.tables import printed, wins_matrix, written_tables
from bench.report.published import NOT_COMPARABLE
from bench.run.journal import Journal
from bench.score.statistics import why_no_pose
from bench.score.wins import ranked_wins
from bench.text import one_line

_SCORES = "scores.parquet"
# Of a warning.
_SENTENCE = 400


def page_of(run: FinishedRun) -> Page:
    """The page of a finished run."""
    journal = Journal.existing(run.folder)
    protocol = journal.protocol
    ranked = ranked_wins(run.scores, run.labels, "mtre_mm")
    order = [each.label for each in ranked]
    rows = page_rows(run.scores, run.labels, chosen_cases(run, order))
    cases = page_cases(run, rows.cases, order)
    ranking: Any = registry.build("reports", "ranking", {})
    return Page(
        title=name(protocol.title),
        subtitle=f"{run.description}.",
        sentences=[each for each in (headline(run.scores, ranked), beside_constant(protocol, ranked)) if each],
        warnings=_warnings(run),
        facts=facts(run.scores, run.labels),
        methods=[name(label) for label in run.labels],
        ranking=printed(marked(ranking.table(run), run.scores)),
        wins=wins_matrix(ranked) if len(ranked) > 1 else (),
        figures=page_figures(run),
        rows=rows,
        cases=cases.json,
        cases_note=one_line(cases.note, _SENTENCE),
        tables=written_tables(run.folder / "tables", _scored_at(run)),
        not_comparable=NOT_COMPARABLE,
        groups=provenance(journal),
        protocol=(run.folder / "protocol.toml").read_text(encoding="utf-8"),
    )


def _warnings(run: FinishedRun) -> Sequence[str]:
    """Why methods have no pose at all."""
    reasons = (why_no_pose(run.scores, label) for label in run.labels)
    return [one_line(each, _SENTENCE) for each in reasons if each]


def _scored_at(run: FinishedRun) -> float:
    """When the rows were written: tables that are older are not of them."""
    path = run.folder / _SCORES
    return path.stat().st_mtime if path.is_file() else 0.0
