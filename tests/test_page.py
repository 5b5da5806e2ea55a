"""The page of a run as text: what it holds, that nothing of it is executed, and runs that are hardly any."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench import registry
from bench.cli.report import Report, write_report
from bench.contract import Outcome, Trace
from bench.errors import FluorobenchError
from bench.report.page import rows as page_rows_module
from bench.report.page.cost import cost_figure
from bench.report.page.data import column_json, script_json
from bench.report.page.rows import page_rows
from bench.run.journal import Journal
from bench.run.reply import Answered, Cost, answered, decode, encode
from bench.score.finished import ScoredRun, open_run

from .page_run import HOSTILE, labelled, near, nothing, start, toy_patients, write_run

LABELS = ("Near", HOSTILE, "Nothing")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("page")
    with toy_patients(place):
        yield place


@pytest.fixture(scope="module")
def run(folder: Path) -> ScoredRun:
    chosen = labelled(LABELS, artefacts={"names": ("sopi_table1", "paired_wins")})
    return open_run(write_run(folder, chosen, dict(zip(LABELS, (near, start, nothing), strict=True))).folder)


@pytest.fixture(scope="module")
def text(run: ScoredRun) -> str:
    write_report(run)
    return (run.folder / "report.html").read_text()


class _Elements(HTMLParser):
    """What a browser would find."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def block(text: str, name: str) -> Any:
    """A data block of the page."""
    found = re.search(rf'<script type="application/json" id="data-{name}">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_it_stands_by_itself_and_runs_only_its_own_scripts(text: str) -> None:
    elements = _Elements(text).found
    assert not [each for each in elements if each[0] in ("link", "iframe", "base", "object", "form")]
    for tag, attributes in elements:
        assert not [each for each in attributes if each.startswith("on")], tag
        for key in ("src", "href"):
            assert (attributes.get(key) or "#").startswith(("#", "data:")), (tag, attributes)
    (policy,) = [each["content"] for _, each in elements if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy.partition("style-src")[0]


def test_names_of_others_are_text(text: str) -> None:
    assert "<img src=x" not in text
    assert "\x1b" not in text
    assert "&lt;img src=x onerror=" in text
    assert block(text, "methods")[1] == HOSTILE
    assert max(map(len, block(text, "rows")[4]["names"])) <= 120


def test_it_holds_ranking_wins_tables_and_provenance(text: str, run: ScoredRun) -> None:
    assert "Near ranks first: it has the smaller error in 100 % of the comparisons with the 2 other methods" in text
    assert "Nothing: no pose in 4 of 4 cases; the first reason: it took too long" in text
    assert "Published beside measured" in text
    assert "not comparable as numbers: private CTs" in text
    assert run.journal.environment.code_hash in text
    assert "toy-0" in text


def test_cases_have_pictures_of_what_can_be_rendered(text: str) -> None:
    browser = block(text, "cases")
    assert browser["best"] == 0
    first = browser["cases"][3]["results"]["0"]
    assert first["trace"] == [[10, 20], [0.5, 0.25]]
    assert first["phases"] == {"search": 0.2}
    assert len(browser["cases"]) == 4
    poses = [sorted(each["results"]) for each in browser["cases"]]
    assert [poses[0], poses[2]] == [["0"], ["0", "1"]]
    assert all(each["target"].startswith("UklGR") for each in browser["cases"])  # RIFF, of WebP


def test_a_few_steps_of_a_search_are_kept_and_what_is_none_costs_no_answer() -> None:
    cost = Cost(seconds=1.0, processor_seconds=1.0, rendered=1, threads=1)
    given: dict[str, Any] = {"pose": np.eye(4), "outcome": Outcome.CONVERGED}
    long = Trace(tuple(range(1000)), tuple(1 / (1 + step) for step in range(1000)))
    found = decode(encode(3, answered(cost, trace=long, **given)), 3)
    assert isinstance(found, Answered)
    assert found.trace is not None
    assert len(found.trace) == 24
    assert (found.trace[0], found.trace[-1]) == ((0, 1.0), (999, 0.001))
    for trace in (None, "steps", Trace((), ()), Trace((1,), (float("nan"),)), Trace((1, 2), (1.0, 2.0, 3.0))):
        found = answered(cost, trace=trace, **given)
        assert isinstance(found, Answered)
        assert found.trace is None


def test_a_row_without_a_trace_keeps_the_checksum_that_it_had_before_there_were_traces(run: ScoredRun) -> None:
    row = next(each for each in run.journal.each_estimate() if each.trace is None)
    assert row.seal is not None
    assert row.intact
    assert not row.model_copy(update={"trace": [(1, 2.0)]}).intact


def test_rows_keep_what_is_no_number(text: str) -> None:
    columns = {each["key"]: each for each in block(text, "rows")}
    errors = columns["mtre_mm"]["values"]
    assert errors.count(None) == 5
    assert errors.count(float("inf")) == 1
    assert columns["processor_seconds"]["values"].count(None) == 3


def test_numbers_and_texts_in_data_blocks() -> None:
    assert column_json(np.array([1.23456, np.nan, np.inf, -np.inf])) == "[1.235,null,1e999,-1e999]"
    assert "<" not in script_json("</script>")
    assert json.loads(script_json("</script>\u2028")) == "</script>\u2028"


def test_methods_that_no_other_beats_in_both_are_joined() -> None:
    spent, errors = {"A": 1.0, "B": 2.0, "C": 3.0}, {"A": 5.0, "B": 7.0, "C": 2.0}
    rows = {
        label: pd.DataFrame(
            {
                "processor_seconds": [spent[label]],
                "mtre_mm": [errors[label]],
                "failure": ["success"],
                "patient_id": ["p"],
                "success_strict": [True],
            }
        )
        for label in spent
    }
    line = cost_figure(rows).variants[0].panels[0].traces[0]
    assert (line["x"], line["y"]) == ([1.0, 3.0], [5.0, 2.0])


def test_a_large_run_has_all_methods_on_a_part_of_its_cases(run: ScoredRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_rows_module, "MOST_ROWS", 7)
    last = "toy-1/001"
    found = page_rows(run.scores, run.labels, [last])
    assert (found.shown, found.total) == (9, 12)
    assert last in found.cases


def test_an_unfinished_run_has_a_page_of_its_progress_without_errors(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = labelled(LABELS, name="half")
    journal = write_run(folder, chosen, {"Near": near, HOSTILE: start}, of=3)
    Report(journal.folder)()
    text = (journal.folder / "report.html").read_text()
    assert "6 of 12 registrations are done" in text
    assert "6 of 12 registrations are done" in capsys.readouterr().err
    assert "<img src=x" not in text
    assert not re.search("mTRE|rotation_error", text.partition("<script")[0].partition("<main>")[2])
    assert not (journal.folder / "truth.jsonl").exists()


@pytest.mark.parametrize("answer", [near, nothing])
def test_one_method_on_one_case(folder: Path, answer: Any) -> None:
    chosen = labelled(
        ["Only"],
        name=f"only-{answer.__name__}",
        data={"dataset": "toys", "patients": 1, "region": "whole", "landmarks": 30},
        start={
            "distribution": "near",
            "per_patient": 1,
            "distributions": {"near": {"kind": "uniform", "about": "truth", "width": [5, 5, 5, 9, 9, 9]}},
        },
    )
    finished = open_run(write_run(folder, chosen, {"Only": answer}).folder)
    (path,) = registry.build("reports", "page", {}).write(finished)
    text = path.read_text()
    assert ("No method gave a pose in any case." in text) == (answer is nothing)
    assert ("its median mTRE is" in text) == (answer is near)


def test_a_run_whose_patients_are_gone_still_has_its_page(run: ScoredRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise FluorobenchError("the CT is not there")

    monkeypatch.setattr("bench.score.finished.open_dataset", gone)
    again = ScoredRun(Journal.existing(run.folder))
    (path,) = registry.build("reports", "page", {}).write(again)
    assert "No case is shown: the CT is not there" in path.read_text()
