"""Runs of the gate's protocols in this process, frozen: clean ones and ones with a planted defect."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.protocol import Protocol, load_protocol
from bench.run.environment import describe_environment
from bench.run.execute import Execution
from bench.run.journal import Journal
from bench.score.baseline import Baseline, freeze, read_baselines, write_baseline
from bench.score.finished import open_run
from bench.score.regression import Worse, compare, time_ratios
from studies.gate.in_process import InProcess

PROTOCOLS = ("regress", "regress-realistic", "regress-networks", "regress-vertebra")


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a protocol against its clean baseline.

    Attributes:
        name: Of the planted defect, or of the clean repeat.
        protocol: Which of ``PROTOCOLS``.
        worse: What the gate reported.
        ratios: By label, how many times slower than in the baseline, in reference kernels.
    """

    name: str
    protocol: str
    worse: tuple[Worse, ...]
    ratios: dict[str, float]


class Gate:
    """The gate's protocols with their cases, drawn once, and their baselines.

    Args:
        folder: Keeps baselines and finished trials (``trials.jsonl``): the same command goes on.
        protocols: Resolved.
    """

    def __init__(self, folder: Path, protocols: Sequence[Protocol]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._environment = folder, describe_environment()
        self._executions = {each.name: (each, Execution(each, InProcess)) for each in protocols}
        self._prepared = set[str]()
        self._done = {(each.name, each.protocol): each for each in read_trials(folder)}

    def trial(self, name: str, protocol: str, context: AbstractContextManager[None]) -> Trial:
        """Run a protocol within a context and hold it against its baseline, unless that was done before."""
        if (name, protocol) not in self._done:
            baseline = self._baseline(protocol)
            with context:
                now = self._run(protocol)
            worse = tuple(compare(now, baseline))
            done = Trial(name, protocol, worse, time_ratios(now, baseline))
            with (self._folder / _FILE).open("a") as file:
                file.write(json.dumps(asdict(done)) + "\n")
            self._done[name, protocol] = done
        return self._done[name, protocol]

    def _baseline(self, protocol: str) -> Baseline:
        path = self._folder / f"{protocol}.json"
        if not path.is_file():
            write_baseline(path, self._run(protocol))
        return read_baselines(path)[0]

    def _run(self, name: str) -> Baseline:
        protocol, execution = self._executions[name]
        if name not in self._prepared:
            list(execution.prepare())
            self._prepared.add(name)
        journal = Journal.open(self._folder / "run", protocol, self._environment, fresh=True)
        list(execution.register(journal))
        return freeze(open_run(journal.folder))


_FILE = "trials.jsonl"


def shipped(names: Sequence[str] = PROTOCOLS) -> list[Protocol]:
    """The gate's protocols."""
    return [load_protocol(name, "full") for name in names]


def read_trials(folder: Path) -> list[Trial]:
    """Finished trials of a folder."""
    path = folder / _FILE
    return list(_trials(path.read_text().splitlines())) if path.is_file() else []


def _trials(lines: Sequence[str]) -> Iterator[Trial]:
    for line in lines:
        given: dict[str, Any] = json.loads(line)
        worse = tuple(Worse(**each) for each in given["worse"])
        yield Trial(given["name"], given["protocol"], worse, given["ratios"])
