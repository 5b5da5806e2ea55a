"""The regression gate as a command: what it says of every registration, its files, its status, and what it freezes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from bench.cli.check import Check
from bench.report.gate import gate_json, gate_junit, gate_markdown
from bench.run.journal import Journal
from bench.score.baseline import Baseline, BaselineError, FrozenRow, FrozenRun, merged, read_baselines
from bench.score.freezing import freeze_runs
from bench.score.tolerances import METRICS, Tolerances
from bench.score.verdicts import Judgement, Kind, Verdict, judge, passed, require_comparison, summary

from .toy_run import ANSWER, execute, on_the_path, protocol

HOSTILE = '<b>|`x`\n\x00\x1b[2J\ud800 & "q"'


def row(label: str = "A", case: str = "p/0", mtre: float | None = 1.0, **over: Any) -> FrozenRow:
    given: dict[str, Any] = dict.fromkeys(METRICS, mtre)
    given |= {"success": mtre is not None and mtre < 3, "drr_evaluations": 5, "processor_ratio": 20.0}
    return FrozenRow(label=label, case_id=case, start=np.eye(4).tolist(), **(given | over))


def run_of(*rows: FrozenRow, processor: str = "P") -> FrozenRun:
    return FrozenRun(
        protocol="toy/full", processor=processor, threads=1, rows=list(rows), projector_error={"p/0": 0.05}
    )


def kinds(now: FrozenRun, *baselines: Baseline) -> dict[tuple[str, str], Kind]:
    return {(each.label, each.case_id): each.kind for each in judge(now, baselines).verdicts}


BEFORE = [row(), row(case="p/1", mtre=9.0), row("B", mtre=9.0), row("B", "p/1", 2.0), row("C"), row("C", "p/1")]


def test_every_registration_has_a_verdict() -> None:
    now = run_of(
        row(mtre=1.04),
        row(case="p/1", mtre=9.1),
        row("B", mtre=0.5),
        row("B", "p/1", mtre=4.0),
        row("C", mtre=1.5),
        row("D", mtre=7.0),
    )
    assert kinds(now, merged([run_of(*BEFORE)])) == {
        ("A", "p/0"): Kind.SAME,
        ("A", "p/1"): Kind.KNOWN_FAILURE,
        ("B", "p/0"): Kind.BETTER,
        ("B", "p/1"): Kind.LOST_SUCCESS,
        ("C", "p/0"): Kind.WORSE,
        ("D", "p/0"): Kind.NEW,
        ("C", "p/1"): Kind.MISSING,
    }


@pytest.mark.parametrize(
    ("now", "fails"),
    [
        (row(mtre=0.2), False),
        (row(mtre=1.2), True),
        (row(processor_ratio=5.0), False),
        (row(processor_ratio=31.0), True),
        (row(drr_evaluations=4), True),
        (row(mtre=None, outcome="raised an error", error="ValueError: no"), True),
    ],
)
def test_what_got_better_passes_and_what_got_worse_fails(now: FrozenRow, fails: bool) -> None:
    judged = [judge(run_of(now, row("B")), [merged([run_of(row(), row("B"))])])]
    assert passed(judged) is not fails
    assert summary(judged).startswith("FAILED" if fails else "nothing got worse")


def test_a_faster_method_is_told() -> None:
    judged = judge(run_of(row(processor_ratio=5.0)), [merged([run_of(row())])])
    assert [(each.kind, each.changes[0].now) for each in judged.others] == [(Kind.BETTER, "0.25 times")]


def test_a_new_method_without_any_pose_fails_with_its_reason() -> None:
    broken = [row("New", case, None, outcome="raised an error", error="KeyError: 'x'") for case in ("p/0", "p/1")]
    judged = judge(run_of(row(), *broken), [merged([run_of(row())])])
    assert not passed([judged])
    assert [(each.kind, each.reason) for each in judged.others] == [(Kind.NO_POSE, "raised an error: KeyError: 'x'")]
    half = run_of(row(), broken[0], row("New", "p/1"))
    assert passed([judge(half, [merged([run_of(row())])])])


def test_a_gate_that_compares_nothing_is_no_gate() -> None:
    elsewhere = judge(run_of(row(), processor="other"), [merged([run_of(row())])])
    assert [each.kind for each in elsewhere.registrations] == [Kind.NOT_COMPARED]
    with pytest.raises(BaselineError, match="--update"):
        require_comparison([elsewhere])
    require_comparison([elsewhere, judge(run_of(row()), [merged([run_of(row())])])])


def test_clean_repeats_widen_errors_and_times_and_the_rule_is_in_the_file(tmp_path: Path) -> None:
    repeats = [run_of(row(mtre=mtre, processor_ratio=time)) for mtre, time in ((1.0, 20.0), (1.2, 30.0), (1.1, 24.0))]
    freeze_runs(repeats, tmp_path / "b.json")
    (found,) = read_baselines(tmp_path / "b.json")
    assert (found.repeats, found.time_spread) == (3, {"A": 1.5})
    assert passed([judge(run_of(row(mtre=1.55, processor_ratio=55.0)), [found])])
    assert not passed([judge(run_of(row(mtre=1.7)), [found])])
    assert not passed([judge(run_of(row(processor_ratio=65.0)), [found])])
    text = json.loads((tmp_path / "b.json").read_text())
    assert text["tolerances"]["relative"] == 0.05
    text["tolerances"]["relative"] = 2.0
    (tmp_path / "b.json").write_text(json.dumps(text))
    assert passed([judge(run_of(row(mtre=1.7)), read_baselines(tmp_path / "b.json"))])
    freeze_runs(repeats, tmp_path / "b.json")
    assert read_baselines(tmp_path / "b.json")[0].tolerances.relative == 2.0, "a person's choice is kept"


def test_runs_that_would_share_a_file_are_not_frozen_together(tmp_path: Path) -> None:
    two = [run_of(row()), run_of(row()).model_copy(update={"threads": 2})]
    with pytest.raises(BaselineError, match="would share a file"):
        freeze_runs(two, tmp_path / "new")
    (path,) = freeze_runs(two[:1], tmp_path / "new")
    before = path.read_text()
    with pytest.raises(BaselineError, match=r"the baseline of toy/full with 1 thread\(s\), not of toy/full with 2"):
        freeze_runs(two[1:], tmp_path / "new")
    assert path.read_text() == before


def test_what_repeats_told_of_times_outlives_a_single_run(tmp_path: Path) -> None:
    freeze_runs([run_of(row(processor_ratio=time)) for time in (20.0, 30.0)], tmp_path / "b.json")
    freeze_runs([run_of(row())], tmp_path / "b.json")
    (found,) = read_baselines(tmp_path / "b.json")
    assert (found.repeats, found.time_spread) == (1, {"A": 1.5})


@pytest.mark.parametrize("tolerances", [{"relative": float("inf")}, {"spreads": -1.0}, {"floor": {}}, {"x": 1}])
def test_tolerances_that_let_everything_pass_are_refused(tmp_path: Path, tolerances: dict[str, Any]) -> None:
    whole = merged([run_of(row())]).model_dump(mode="json")
    (tmp_path / "b.json").write_text(json.dumps(whole | {"tolerances": tolerances}))
    with pytest.raises(BaselineError, match="tolerances"):
        read_baselines(tmp_path)


def test_freezing_is_all_or_nothing(tmp_path: Path) -> None:
    other = run_of(row()).model_copy(update={"protocol": "other/full"})
    with pytest.raises(BaselineError, match="name a folder"):
        freeze_runs([run_of(row()), other], tmp_path / "b.json")
    failed = other.model_copy(update={"rows": [row(), row(case="p/1", mtre=None, outcome="raised an error")]})
    with pytest.raises(BaselineError, match=r"1 of 2 .* \(raised an error\); mend it, or .*--allow-failures"):
        freeze_runs([run_of(row()), failed], tmp_path / "gate")
    never = other.model_copy(update={"rows": [row(mtre=None)]})
    with pytest.raises(BaselineError, match="no pose in any case"):
        freeze_runs([run_of(row()), never], tmp_path / "gate", allow_failures=True)
    assert list(tmp_path.iterdir()) == []
    written = freeze_runs([run_of(row()), failed], tmp_path / "gate", allow_failures=True)
    assert [path.name for path in written] == ["toy-P.json", "other-P.json"]


def judgements() -> list[Judgement]:
    judged = judge(run_of(row(mtre=4.0), row("B", mtre=9.0), row("N")), [merged([run_of(row(), row("B", mtre=9.1))])])
    hostile = Verdict(HOSTILE, HOSTILE, Kind.NO_POSE, (), HOSTILE)
    return [judged, Judgement(HOSTILE, HOSTILE, None, 0, (hostile,), ())]


def test_files_hold_every_verdict_whatever_names_contain() -> None:
    judged = judgements()
    told = json.loads(gate_json(judged))
    assert (told["passed"], told["summary"]) == (False, summary(judged))
    verdicts = [(each["label"], each["kind"], each["fails"]) for run in told["runs"] for each in run["verdicts"]]
    assert verdicts[:3] == [("A", "lost success", True), ("B", "known failure", False), ("N", "new", False)]
    assert {"what": "strict success", "before": "yes", "now": "no"} in told["runs"][0]["verdicts"][0]["changes"]
    root = ElementTree.fromstring(gate_junit(judged))
    counts = [{name: each.get(name) for name in ("tests", "failures", "skipped")} for each in (root, *root)]
    assert counts[0] == {"tests": "4", "failures": "2", "skipped": "1"}
    assert counts[1] == {"tests": "3", "failures": "1", "skipped": "1"}
    assert [case.get("name") for case in root.iter("testcase")][:2] == ["A: p/0", "B: p/0"]
    table = [line for line in gate_markdown(judged).splitlines() if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in table} == {7}
    assert "<b>" not in gate_markdown(judged)
    assert "\x1b" not in gate_markdown(judged)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Journal]]:
    folder = tmp_path_factory.mktemp("check")
    bodies = {"fine": (ANSWER, "None"), "broken": ("raise ValueError('no [bold]idea')", "None")}
    with on_the_path(folder, bodies):
        both = protocol("fine", "broken")
        yield {"fine": execute(protocol("fine"), folder / "a"), "both": execute(both, folder / "b")}


def check(place: Path, *folders: Path, **options: Any) -> int:
    """The status of the command."""
    try:
        Check(place, tuple(folders), **options)()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


def test_a_run_is_frozen_compared_and_a_broken_method_fails(
    runs: dict[str, Journal], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate, fine, both = tmp_path / "gate", runs["fine"].folder, runs["both"].folder
    with pytest.raises(BaselineError, match=r"no \[bold\]idea.*--allow-failures"):
        check(gate, both, update=True)
    assert not gate.exists()
    assert check(gate, fine, update=True) == 0
    assert check(gate, fine) == 0
    assert last_line(capsys) == "nothing got worse: 4 registrations of 1 run(s): 4 known failure"
    files = {name: tmp_path / f"out/gate.{name}" for name in ("json", "junit", "markdown")}
    assert check(gate, both, **files) == 1
    assert last_line(capsys).startswith(
        "FAILED: 8 registrations of 1 run(s): 4 known failure, 4 new; times, projector, methods:"
    )
    assert json.loads(files["json"].read_text())["passed"] is False
    failures = list(ElementTree.parse(files["junit"]).iter("failure"))
    assert [each.get("type") for each in failures] == ["no pose in any case"]
    assert "no \\[bold\\]idea" in files["markdown"].read_text()


def test_the_rule_is_stated_once() -> None:
    """What the page on gates says of the default tolerances is what they are."""
    page = (Path(__file__).parents[1] / "docs/how-to/ci-gate.md").read_text()
    default = Tolerances()
    assert f"{default.relative:.0%}".replace("%", " %") in page
    assert f"{default.floor['rotation_error_deg']:g} degrees" in page
    assert f"{default.floor['mtre_mm']:g} mm mTRE" in page
    assert f"factor of {default.time_ratio:g}" in page
