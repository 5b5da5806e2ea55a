"""A row that begins with another row's method goes on from its answers: the same poses, the cost of both."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.cases.records import EstimateRecord
from bench.contract import Outcome
from bench.protocol import Protocol
from bench.run.first_stage import first_stage

from .toy_run import execute, on_the_path, protocol

CALLS = "open({path!r}, 'a').write('x')"
BODIES = {
    "far": "{calls}; t = problem.frame.parameters(problem.start) + problem.seed % 7; "
    "return Estimate(problem.frame.pose(t), Outcome.CONVERGED, seconds={{'look': 1.0}}, drr_evaluations=3)",
    "lost": "return Estimate(problem.frame.pose([9, 9, 9, 9, 9, 9]), Outcome.DIVERGED)",
    "bad": "raise ValueError('no luck')",
    "near": "t = problem.frame.parameters(problem.start) / 2; "
    "return Estimate(problem.frame.pose(t), Outcome.BUDGET, seconds={{'turn': 2.0}}, drr_evaluations=4)",
}


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Path]:
    counted = tmp_path / "calls"
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    bodies = {name: (body.format(calls=CALLS.format(path=str(counted))), "None") for name, body in BODIES.items()}
    with on_the_path(plugins, bodies):
        yield counted


def chained(*stages: str, before: tuple[str, ...] = ()) -> Protocol:
    row: dict[str, Any] = {"label": "Both", "plugin": "chain", "settings": {"stages": [{"plugin": s} for s in stages]}}
    return protocol(methods=[*({"label": f"M-{name}", "plugin": name} for name in before), row])


def rows(chosen: Protocol, folder: Path) -> dict[str, list[EstimateRecord]]:
    found: dict[str, list[EstimateRecord]] = {}
    for each in execute(chosen, folder).estimates():
        found.setdefault(each.label, []).append(each)
    return found


def test_the_answers_are_those_of_the_chain_and_the_first_stage_ran_once(calls: Path, tmp_path: Path) -> None:
    alone = rows(chained("far", "near"), tmp_path / "alone")["Both"]
    assert len(calls.read_text()) == len(alone) == 4
    both = rows(chained("far", "near", before=("far",)), tmp_path / "both")
    assert len(calls.read_text()) == 8
    for whole, first, rest in zip(alone, both["M-far"], both["Both"], strict=True):
        assert (rest.case_id, rest.pose, rest.outcome) == (whole.case_id, whole.pose, Outcome.BUDGET)
        assert rest.seconds_by_phase == whole.seconds_by_phase == {"1_far_look": 1.0, "2_near_turn": 2.0}
        assert rest.drr_evaluations_stated == whole.drr_evaluations_stated == 7
        assert (rest.seconds or 0) > (first.seconds or 0) > 0
        assert (rest.processor_seconds or 0) >= (first.processor_seconds or 0)


def test_a_first_stage_that_diverged_passes_on_the_start(calls: Path, tmp_path: Path) -> None:
    alone = rows(chained("lost", "near"), tmp_path / "alone")["Both"]
    both = rows(chained("lost", "near", before=("lost",)), tmp_path / "both")["Both"]
    assert [each.pose for each in both] == [each.pose for each in alone]


def test_a_first_stage_without_a_pose_is_the_rows_failure(calls: Path, tmp_path: Path) -> None:
    both = rows(chained("bad", "near", before=("bad",)), tmp_path / "both")["Both"]
    assert {(each.label, each.outcome, each.pose) for each in both} == {("Both", Outcome.RAISED, None)}
    assert all("no luck" in (each.error or "") for each in both)


def test_only_an_equal_and_earlier_row_is_shared(calls: Path) -> None:
    late = chained("far", "near")
    late = late.model_copy(update={"methods": (*late.methods, *protocol("far").methods)})
    assert first_stage(late.methods[0], late.methods) is None
    other = chained("far", "near", before=("near",))
    assert first_stage(other.methods[-1], other.methods) is None


def test_sopi_opt_of_the_shipped_protocol_shares_sopi() -> None:
    from bench.protocol import read_protocol

    methods = read_protocol("sopi-sim", "quick").methods
    (row,) = (each for each in methods if each.label == "SOPI+opt")
    shared = first_stage(row, methods)
    assert shared is not None
    assert shared.plugin == "sopi"
    assert [each["plugin"] for each in shared.rest.settings["stages"]] == ["opt_gc"]
