"""Runs that somebody altered and sealed again: their files contradict one another, which is told in one line."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.cases.records import EstimateRecord
from bench.errors import FluorobenchError
from bench.exchange.export import export
from bench.files import sha256_of
from bench.run.seals import SEALED, SEALS
from bench.score.finished import open_run

from .toy_export import Exported, exported

Row = dict[str, Any]


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    with exported(tmp_path_factory.mktemp("altered")) as made:
        yield made


def altered(toys: Exported, name: str, change: Callable[[Row], object], to: Path) -> Path:
    """A copy of the run with a change of the first line of a file, and seals that fit."""
    folder = Path(shutil.copytree(toys.truth.folder, to / "run"))
    first, *others = (folder / name).read_text().splitlines()
    row = json.loads(first)
    change(row)
    text = json.dumps(row)
    if name == "estimates.jsonl" and row["label"] == "Other":
        text = EstimateRecord.model_validate(row).sealed().model_dump_json()
    (folder / name).write_text("\n".join([text, *others]) + "\n")
    (folder / SEALS).write_text(json.dumps({each: sha256_of(folder / each) for each in SEALED}))
    return folder


def export_and_score(folder: Path, out: Path) -> None:
    run = open_run(folder)
    for _ in export(run, out):
        pass
    run.write_scores()


CHANGES: list[tuple[str, Callable[[Row], object]]] = [
    ("truth.jsonl", lambda row: row.update(case_id="another")),
    ("truth.jsonl", lambda row: row["truth"].append([0.0, 0.0, 0.0, 1.0])),
    ("truth.jsonl", lambda row: row["truth"][1].pop()),
    ("problems.jsonl", lambda row: row["start"][0].pop()),
    ("problems.jsonl", lambda row: row.update(centre=[1.0])),
    ("problems.jsonl", lambda row: row["views"][0].update(K=[[1.0]])),
    ("patients.jsonl", lambda row: row["landmarks"][0]["points"][0].pop()),
    ("estimates.jsonl", lambda row: row["pose"].pop()),
    ("estimates.jsonl", lambda row: row.update(label="Other")),
]


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_files_that_contradict_one_another_are_refused(
    name: str, change: Callable[[Row], object], toys: Exported, tmp_path: Path
) -> None:
    folder = altered(toys, name, change, tmp_path)
    with pytest.raises(FluorobenchError) as refused:
        export_and_score(folder, tmp_path / "problems")
    assert "\n" not in str(refused.value)
    assert not (folder / "scores.parquet").exists()
