"""What other programs write or pass on: tables of answers, answers of a program, exported problems, runs to export."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from bench.cases.records import EstimateRecord
from bench.files import sha256_of
from bench.protocol import load_protocol
from bench.run.seals import SEALED, SEALS
from studies.torture.inputs.forms import Form, UnsoundError, require_finite
from studies.torture.inputs.structures import damage_bytes, damage_json, damage_toml
from studies.torture.places import TOY

_MATRIX = [f"rig_from_world_{row}{column}" for row in range(4) for column in range(4)]

_CASE = "problems/cases/blocks-0/000"


def _exported(folder: Path) -> None:
    """A finished run of the rows that read no image, and its problems."""
    from bench.exchange.export import export, with_controls_alone
    from bench.run.resume import run_or_resume
    from bench.score.finished import open_run

    protocol = with_controls_alone(load_protocol(str(TOY), "smoke"))
    journal = run_or_resume(protocol, folder / "runs", fresh=True, show=_go, report=lambda _: None)
    (folder / "runs" / "latest").unlink(missing_ok=True)
    _go(export(open_run(journal.folder), folder / "problems"))


def _go(steps: Iterator[Any]) -> None:
    for _ in steps:
        pass


def _answers(folder: Path) -> None:
    """The starts as answers, as programs of several countries write them."""
    _exported(folder)
    starts = (folder / "problems" / "start.csv").read_text(encoding="utf-8")
    rows = [line.split(",") for line in starts.splitlines()[1:]]
    cells = [(row[0], row[2].split(), row[3].split()) for row in rows]
    matrices = [(case, [*r[:3], t[0], *r[3:6], t[1], *r[6:], t[2], "0", "0", "0", "1"]) for case, r, t in cells]
    tables = {
        "commas": starts,
        "semicolons": "\n".join(line.replace(",", ";").replace(".", ",") for line in starts.splitlines()) + "\n",
        "tabs": starts.replace(",", "\t"),
        "pose": "".join(["case,label,pose,error\n", *(f'{case},P,"[{",".join(m)}]",\n' for case, m in matrices)]),
        "columns": "".join(
            [f"case,label,{','.join(_MATRIX)}\n", *(f"{case},C,{','.join(m)}\n" for case, m in matrices)]
        ),
        "failures": "".join(["case,label,R,t,error\n", *(f"{case},F,,,lost\n" for case, _ in matrices)]),
        "marked": "\ufeff# made by hand\n" + starts,
    }
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")


def _read_answers(path: Path) -> None:
    """What ``score --estimates`` does; what was accepted must be a whole run."""
    from bench.cli.score import Score
    from bench.run.journal import Journal
    from bench.run.verify import verify

    out = path.parent / "runs"
    Score(path.parent / "problems", path, label="Other", out=out)()
    run = (out / "latest").resolve()
    poses = [np.array(each.pose) for each in Journal(run).estimates() if each.pose is not None]
    require_finite("poses", *poses)
    if findings := verify(run).findings:
        raise UnsoundError(f"verify finds: {findings[0].what}")


def _programs(folder: Path) -> None:
    rotation, shift = [[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]], [1.0, 2, 700.0]
    pose = [*([*row, t] for row, t in zip(rotation, shift, strict=True)), [0, 0, 0, 1.0]]
    covariance = [[float(row == column) for column in range(6)] for row in range(6)]
    made: dict[str, Any] = {
        "pose": {"pose": pose, "outcome": "converged", "drr_evaluations": 12, "covariance": covariance},
        "parts": {"R": rotation, "t": shift},
    }
    for name, answer in made.items():
        (folder / name).mkdir()
        (folder / name / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    (folder / "table").mkdir()
    (folder / "table" / "answer.csv").write_text("R,t\n1 0 0 0 0 -1 0 1 0,1 2 700\n", encoding="utf-8")


def _read_program(path: Path) -> None:
    """What method ``external`` reads."""
    from bench.exchange.program import read_estimate

    estimate = read_estimate(path, {"program": 1.0})
    require_finite("poses", estimate.pose, estimate.covariance)


def _damage_program(path: Path, random: Random) -> None:
    (damage_json if path.suffix == ".json" else damage_bytes)(path, random)


def _read_case(path: Path) -> None:
    from bench.exchange.folder import read_problem

    problem = read_problem(path)
    require_finite("voxels or affine", problem.volume.hu, problem.volume.affine)
    require_finite("poses", problem.start, problem.nominal, problem.centre, problem.search)
    require_finite("cameras", *(view.camera.K for view in problem.views))


def _read_index(path: Path) -> None:
    """What ``score PROBLEMS`` and ``export --fresh`` look at."""
    from bench.exchange.answered import run_with_truth
    from bench.exchange.export import require_free

    require_free(path, replace=True)
    run_with_truth(path, path.parent / "runs")


def _read_run(path: Path) -> None:
    """What ``export`` and ``score`` do with a run whose seals were made to fit its damage."""
    from bench.cli.export import Export
    from bench.cli.score import Score

    _seal(path)
    Export(str(path), path.parent / "again", runs=path.parent / "elsewhere")()
    Score(path)()


def _seal(folder: Path) -> None:
    """Seal a run again, as somebody does who alters it on purpose: its rows and its files."""
    path = folder / "estimates.jsonl"
    path.write_bytes(b"\n".join(_sealed(line) for line in path.read_bytes().split(b"\n")))
    (folder / SEALS).write_text(json.dumps({name: sha256_of(folder / name) for name in SEALED}), encoding="utf-8")


def _sealed(line: bytes) -> bytes:
    try:
        return EstimateRecord.model_validate_json(line).sealed().model_dump_json().encode()
    except ValueError:
        return line


def _damage_run(path: Path, random: Random) -> None:
    {".toml": damage_toml, ".jsonl": damage_json, ".json": damage_json}[path.suffix](path, random)


EXCHANGED = (
    Form(
        name="answers (CSV)",
        make=_answers,
        entries="*.csv",
        read=_read_answers,
    ),
    Form(
        name="answer of a program",
        make=_programs,
        entries="*",
        targets=("pose/*", "parts/*", "table/*", "table/*"),
        damage=_damage_program,
        read=_read_program,
        share=0.6,
    ),
    Form(
        name="exported case",
        make=_exported,
        entries=_CASE,
        targets=(
            f"{_CASE}/case.json",
            f"{_CASE}/case.json",
            f"{_CASE}/*.tif",
            "problems/volumes/blocks-0*/*.nii",
        ),
        damage=_damage_program,
        read=_read_case,
    ),
    Form(
        name="exported problems' index",
        make=_exported,
        entries="problems",
        targets=("problems/index.json", "problems/index.json", "runs/*/problems.jsonl"),
        damage=_damage_run,
        read=_read_index,
        share=0.6,
    ),
    Form(
        name="run to export and score",
        make=_exported,
        entries="runs/torture-*",
        targets=("runs/torture-*/*.jsonl", "runs/torture-*/*.jsonl", "runs/torture-*/*.json", "runs/torture-*/*.toml"),
        damage=_damage_run,
        read=_read_run,
    ),
)
