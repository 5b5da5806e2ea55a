"""Exported problems of toy patients, made once for all tests of a file, and tables of answers to them."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tomli_w

from bench.cases.records import ProblemRecord
from bench.cli.export import Export
from bench.exchange.answered import run_with_truth, write_answered
from bench.exchange.answers import read_answers
from bench.exchange.model import IndexFile
from bench.geometry import Matrix
from bench.score.finished import ScoredRun

from .toy_run import on_the_path, protocol


@dataclass(frozen=True)
class Exported:
    """Problems, the folder of runs that holds their truth, and that run."""

    problems: Path
    runs: Path
    truth: ScoredRun

    @property
    def cases(self) -> list[ProblemRecord]:
        return self.truth.journal.problems()

    @property
    def folders(self) -> list[Path]:
        index = IndexFile.model_validate_json((self.problems / "index.json").read_bytes())
        return [self.problems / each.folder for each in index.cases]

    def poses(self, of: str) -> dict[str, Matrix]:
        """The truth, or a field of the cases such as ``start``, by case."""
        if of == "truth":
            return {each.case_id: np.array(each.truth) for each in self.truth.journal.truths()}
        return {each.case_id: np.array(getattr(each, of)) for each in self.cases}

    def scored(self, table: Path) -> ScoredRun:
        """The run of a table of answers."""
        truth = run_with_truth(self.problems, self.runs)
        return write_answered(truth, read_answers(table, self.cases), self.runs)


@contextmanager
def exported(folder: Path) -> Generator[Exported]:
    """Two cases of one toy patient."""
    for name in ("plugins", "work"):
        (folder / name).mkdir()
    with on_the_path(folder / "plugins", {}):
        tables = protocol("initial").model_dump(mode="json", exclude_none=True, exclude={"profile"})
        tables["data"]["patients"] = 1
        tables["profile"] = {"quick": {}}
        path = folder / "toy.toml"
        path.write_text(tomli_w.dumps(tables))
        problems, runs = folder / "work" / "problems", folder / "work" / "runs"
        Export(str(path), problems, runs=runs)()
        yield Exported(problems, runs, run_with_truth(problems, runs))


def table(poses: Mapping[str, Matrix], *, label: str = "Other", places: int | None = None) -> str:
    """A table of answers with the columns R and t."""

    def cells(numbers: Sequence[float]) -> str:
        return " ".join(repr(each) if places is None else f"{each:.{places}f}" for each in numbers)

    rows = [
        f"{case},{label},{cells(pose[:3, :3].ravel().tolist())},{cells(pose[:3, 3].tolist())},2.5"
        for case, pose in poses.items()
    ]
    return "\n".join(["case,label,R,t,seconds", *rows]) + "\n"
