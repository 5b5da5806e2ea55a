"""The whole CT as what moves: who is given it, and what it is good for."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.cases.build import BuiltCase, build_case
from bench.cases.prepare import load_patient, open_dataset, patient_ids
from bench.contract import Case, Estimate, Outcome
from bench.geometry import rotation_angle_deg
from bench.protocol import read_protocol
from bench.protocol.model import BudgetTable, MethodTable
from bench.registry import build
from bench.report.marks import marked
from bench.report.tables import Table, TableRow
from bench.run.isolation import IsolatedMethod
from bench.run.reply import Done, Failed, Reply
from bench.score.caveats import GIVEN, with_caveats
from bench.score.rows import score_rows
from bench.volume import Volume

from .test_caveats import method_column, playing
from .test_score import PATIENTS, PROBLEMS, TRUTHS, truth_told
from .toy_case import make_case
from .toy_run import on_the_path

SAID = "raise ValueError('whole' if problem.volume.whole is not None else 'part')"


@pytest.fixture(scope="module", autouse=True)
def methods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two methods that say what they were given; one of them asks for the whole CT."""
    folder = tmp_path_factory.mktemp("plugins")
    with on_the_path(folder, {"asks": (SAID, "None"), "asks_not": (SAID, "None")}):
        asking = folder / "methods" / "asks.py"
        asking.write_text(asking.read_text().replace('licence="none"', 'licence="none", uses_whole_ct=True'))
        yield folder


def said(choice: MethodTable) -> Reply:
    problem = make_case().problem
    with IsolatedMethod(choice, BudgetTable()) as method:
        assert isinstance(method.prepare(problem.volume, problem.views), Done)
        return method.register(problem)


@pytest.mark.parametrize(
    ("choice", "given"),
    [
        (MethodTable(label="a", plugin="asks"), "whole"),
        (MethodTable(label="a", plugin="asks_not"), "part"),
        (MethodTable(label="a", plugin="chain", settings={"stages": [{"plugin": "asks"}]}), "whole"),
        (MethodTable(label="a", plugin="chain", settings={"stages": [{"plugin": "asks_not"}]}), "part"),
    ],
)
def test_the_whole_ct_goes_to_the_methods_that_ask_for_it(choice: MethodTable, given: str) -> None:
    reply = said(choice)
    assert isinstance(reply, Failed)
    assert given in (reply.reason or "")


@pytest.fixture(scope="module")
def case() -> BuiltCase:
    """A small case of ``mismatch``."""
    data = {"settings": {"size": 64, "spacing_mm": 4.0}, "patients": 1}
    protocol = read_protocol("mismatch", "quick", {"data": data})
    dataset = open_dataset(protocol)
    return build_case(protocol, load_patient(protocol, dataset, patient_ids(protocol, dataset)[0]), 0)


def registered(plugin: str, case: Case) -> Estimate:
    method, problem = build("methods", plugin, {}), case.problem
    assert method.skip(problem) is None
    answer: Estimate = method.register(problem, method.prepare(problem.volume, problem.views))
    return answer


def displacement_mm(case: Case, estimate: Estimate) -> float:
    centre = np.append(case.problem.centre, 1)
    return float(np.linalg.norm((estimate.pose @ centre - case.truth @ centre)[:3]))


def test_a_case_knows_the_whole_ct_beside_its_part(case: BuiltCase) -> None:
    part = case.case.problem.volume
    assert part.whole is not None
    assert part.whole.hu.size > part.hu.size
    assert part.whole.mask is None
    assert replace(part, whole=None).fingerprint() == part.fingerprint()


def test_soft_tissue_that_the_x_ray_shows_makes_the_pose_exact(case: BuiltCase) -> None:
    """Voxels of 4 mm: bone alone ends some millimetres off in depth."""
    whole, bone = registered("opt_whole_ct", case.case), registered("opt_hybrid", case.case)
    assert whole.outcome is Outcome.CONVERGED
    assert rotation_angle_deg(whole.pose, case.case.truth) < 0.3
    assert displacement_mm(case.case, whole) < 1.5
    assert displacement_mm(case.case, whole) < displacement_mm(case.case, bone)


def test_without_the_whole_ct_it_says_so() -> None:
    case = make_case()
    volume: Volume = replace(case.problem.volume, whole=None)
    reason = build("methods", "opt_whole_ct", {}).skip(replace(case.problem, volume=volume))
    assert reason == "only the moving content is known, not the CT that it was cut from"


@pytest.mark.parametrize(("plugin", "noted"), [("opt_whole_ct", True), ("opt_hybrid", False)])
def test_tables_say_who_was_given_the_whole_ct(plugin: str, noted: bool) -> None:
    rows: pd.DataFrame = score_rows(PATIENTS, PROBLEMS, truth_told(), TRUTHS)
    told = with_caveats(rows, playing(plugin), PATIENTS)
    assert (told[GIVEN] == ("the whole CT" if noted else "")).all()
    rows_of_table = (TableRow(context="Truth", method="Truth"),)
    notes = marked(Table(columns=(method_column(),), rows=rows_of_table, caption="t"), told).notes
    assert ("Given more than the moving content: Truth (the whole CT)." in notes) is noted
