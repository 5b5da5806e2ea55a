"""Artefacts that need a second run are told which one, and take none of other patients by themselves."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.cli.report import write_report
from bench.errors import FluorobenchError
from bench.registry import load
from bench.score.finished import open_run
from bench.score.statistics import text_column

from .toy_run import execute, on_the_path, protocol


def test_figure5_is_told_its_partner_and_takes_no_run_of_other_patients(tmp_path: Path) -> None:
    with on_the_path(tmp_path, {}):
        other = execute(protocol("initial", name="sopi-sim"), tmp_path / "runs")
    figure5 = load("reports", "sopi_figure5")
    own = open_run(other.folder)
    folder = tmp_path / "runs" / "sopi-xray-quick-0"
    run = SimpleNamespace(scores=own.scores.assign(patient_hash="another CT"), folder=folder)
    left, _, source = figure5()._sides(run)
    assert left is None
    assert "of these patients; name one with report --partner RUN" in source
    left, _, source = figure5(partner=other.folder)._sides(run)
    assert left.cases == 4
    assert source.startswith(f"run {other.folder.name} OF OTHER PATIENTS, ")
    alone = SimpleNamespace(scores=own.scores, folder=folder)
    hashes = dict(zip(*(text_column(own.scores, name) for name in ("patient_id", "patient_hash")), strict=True))
    assert len(set(hashes.values())) == 2
    found = figure5()._other(alone)
    assert found is not None
    assert found.folder.resolve() == other.folder.resolve()


def test_a_partner_that_nothing_reads_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with on_the_path(tmp_path, {}):
        journal = execute(protocol("initial", artefacts={"names": ["ranking"]}), tmp_path / "runs")
        with pytest.raises(FluorobenchError, match="none of its artefacts takes a second run; leave --partner out"):
            write_report(open_run(journal.folder), partner=journal.folder)
        with pytest.raises(FluorobenchError, match="is not a run's folder"):
            write_report(open_run(journal.folder), partner=tmp_path)
    assert not (journal.folder / "tables").exists()
