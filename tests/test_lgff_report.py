"""LGFF-Reg's tables and figures, from a small run of their protocols."""

import csv
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import FluorobenchError
from bench.protocol import Protocol
from bench.protocol.load import read_protocol
from bench.registry import load
from bench.run.environment import describe_environment
from bench.run.execute import Execution
from bench.run.journal import Journal
from bench.score.finished import ScoredRun, open_run

PATIENT = "phantom-v5-200000"


def run_of(name: str, folder: Path, keep: dict[str, dict[str, Any]], **target: Any) -> ScoredRun:
    """Two cases of a coarse patient, by the methods whose labels are kept, with those settings."""
    data = {"settings": {"size": 48, "spacing_mm": 5.0, "only": PATIENT, "cache_dir": str(folder / "cache")}}
    chosen = read_protocol(name, "smoke", {"data": data, "start": {"per_patient": 2}})
    methods = [each for each in chosen.methods if each.label in keep]
    altered = [each.model_copy(update={"settings": keep[each.label]}) for each in methods]
    changes = {"methods": tuple(altered), "target": chosen.target.model_copy(update=target)}
    protocol: Protocol = chosen.model_copy(update=changes)
    execution = Execution(protocol)
    list(execution.prepare())
    journal = Journal.open(folder / "runs", protocol, describe_environment(), fresh=True)
    list(execution.register(journal))
    return open_run(journal.folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ScoredRun:
    folder = tmp_path_factory.mktemp("lgff")
    return run_of("lgff-sim", folder, {"Nominal": {}, "LGFF-Reg": {"weights": str(folder / "none")}})


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open() as file:
        return {next(iter(row.values())): row for row in csv.DictReader(file)}


def test_table_4_stands_beside_the_published_one_and_says_who_had_no_weights(run: ScoredRun) -> None:
    found = {path.name: path for path in load("reports", "lgff_table4")().write(run)}
    rows = rows_of(found["lgff_table4.csv"])
    assert list(rows) == ["Nominal", "LGFF-Reg"]
    assert (rows["LGFF-Reg"]["no_pose"], rows["LGFF-Reg"]["lgff_mtre_mm_mean"]) == ("skipped", "")
    assert (rows["LGFF-Reg"]["published_lgff_mtre_mm"], rows["LGFF-Reg"]["published_lgff_mae"]) == ("1.4", "0.008")
    nominal = run.scores[np.array(run.scores["label"] == "Nominal")]
    assert float(rows["Nominal"]["lgff_mtre_mm_mean"]) == pytest.approx(nominal["lgff_mtre_mm"].mean())
    audited = rows_of(found["lgff_table4_audited.csv"])["Nominal"]
    assert float(audited["tz_error_mm_mean"]) == pytest.approx(nominal["tz_error_mm"].mean())
    assert "not tested" in found["lgff_table4_order.csv"].read_text()


def test_an_answer_at_the_nominal_pose_is_as_far_off_as_the_truth_was_drawn(run: ScoredRun) -> None:
    for row in run.journal.truths():
        theta = run.case(row.case_id).problem.frame.parameters(np.array(row.truth))
        scored = run.scores[np.array((run.scores["label"] == "Nominal") & (run.scores["case_id"] == row.case_id))]
        wanted = (np.radians(np.abs(theta[:3]).sum()) + np.abs(theta[3:]).sum() / 100) / 6
        assert float(scored["lgff_mae"].iloc[0]) == pytest.approx(wanted)


@pytest.mark.parametrize("number", [4, 5, 6])
def test_figures_are_written(run: ScoredRun, number: int) -> None:
    paths = load("reports", f"lgff_figure{number}")().write(run)
    assert [path.suffix for path in paths] == [".pdf", ".png"]
    assert all(path.stat().st_size > 2000 for path in paths)


def test_the_strip_ends_with_the_image_of_the_case(run: ScoredRun) -> None:
    from importlib import import_module

    figure: Any = import_module("bench.reports.lgff_figure4")
    problems = {each.case_id: each for each in run.journal.problems()}
    case_id = next(iter(problems))
    drawn = figure.Degradation.from_record(problems[case_id].views[0].drawn)
    strip = figure._strip(run, case_id, run.protocol.target.low_dose, drawn)
    image = np.asarray(run.case(case_id).problem.views[0].image)
    clean = figure.render(run.case(case_id).problem, run.case(case_id).truth)
    np.testing.assert_allclose((image - clean.min()) / np.ptp(clean), strip[-1], atol=1e-4)
    assert all(np.abs(a - b).max() > 0.01 for a, b in pairwise(strip))


def test_the_strip_needs_low_dose_images(tmp_path: Path) -> None:
    plain = run_of("lgff-sim", tmp_path, {"Nominal": {}}, low_dose=None)
    with pytest.raises(FluorobenchError, match="lgff_figure4 shows low-dose images"):
        load("reports", "lgff_figure4")().write(plain)
