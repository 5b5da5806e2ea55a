"""Runs of the gate's rows in this process, frozen: clean ones and ones with a planted defect."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.files import slug
from bench.protocol import Protocol, load_protocol
from bench.run.environment import describe_environment
from bench.run.execute import Execution
from bench.run.journal import Journal
from bench.score.baseline import Baseline, FrozenRun, freeze, merged, read_baselines, time_ratios, write_baseline
from bench.score.finished import open_run
from bench.score.regression import Change, compare
from studies.gate.in_process import InProcess

# Cheap ones that between them see the projector, its derivatives, a search, windows and a network.
FIRST = (
    ("regress", "Opt-LM"),
    ("regress", "Opt-Hybrid"),
    ("regress-networks", "RTPI"),
    ("regress", "Opt-GC"),
)
PROTOCOLS = ("regress", "regress-realistic", "regress-networks", "regress-vertebra")


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a row of a protocol against its clean baseline.

    Attributes:
        name: Of the planted defect, or of the clean repeat.
        protocol: Which of ``PROTOCOLS``.
        label: Of the row.
        worse: What the gate reported.
        ratios: By label, how many times slower than in the baseline, in reference kernels.
    """

    name: str
    protocol: str
    label: str
    worse: tuple[Change, ...]
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
        self._protocols = {each.name: each for each in protocols}
        self._prepared: dict[str, Execution] = {}
        self._done = {(each.name, each.protocol, each.label): each for each in read_trials(folder)}

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Protocol and label of every row, those of ``FIRST`` first."""
        all_rows = [(name, row.label) for name, protocol in self._protocols.items() for row in protocol.methods]
        return sorted(all_rows, key=lambda row: FIRST.index(row) if row in FIRST else len(FIRST))

    def trial(self, name: str, protocol: str, label: str, context: AbstractContextManager[None]) -> Trial:
        """Run a row within a context and hold it against its baseline, unless that was done before."""
        key = name, protocol, label
        if key not in self._done:
            baseline = self._baseline(protocol, label)
            with context:
                now = self._run(protocol, label)
            done = Trial(*key, tuple(compare(now, baseline)), time_ratios(now, baseline))
            with (self._folder / _FILE).open("a") as file:
                file.write(json.dumps(asdict(done)) + "\n")
            self._done[key] = done
        return self._done[key]

    def _baseline(self, protocol: str, label: str) -> Baseline:
        path = self._folder / f"{protocol}-{slug(label)}.json"
        if not path.is_file():
            write_baseline(path, merged([self._run(protocol, label)]))
        return read_baselines(path)[0]

    def _run(self, name: str, label: str) -> FrozenRun:
        protocol = self._protocols[name]
        if name not in self._prepared:
            self._prepared[name] = Execution(protocol, InProcess)
            list(self._prepared[name].prepare())
        rows = tuple(row for row in protocol.methods if row.label == label)
        one = protocol.model_copy(update={"methods": rows})
        journal = Journal.open(self._folder / "run", one, self._environment, fresh=True)
        list(self._prepared[name].for_rows(rows).register(journal))
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
        worse = tuple(Change(**each) for each in given["worse"])
        yield Trial(given["name"], given["protocol"], given["label"], worse, given["ratios"])
