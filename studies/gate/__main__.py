"""``python -m studies.gate --out DIR``."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import tyro

from bench.cli.console import output, print_line, print_table
from bench.run.environment import describe_environment
from bench.score.baseline import read_baselines, write_baseline
from studies.gate.defects import DEFECTS, planted
from studies.gate.table import CLEAN, clean, sensitivity, time_spreads
from studies.gate.trials import Gate, Trial, read_trials, shipped


@dataclass(frozen=True, kw_only=True)
class Study:
    """Plant defects one at a time and run the gate; then run it again and again without any.

    The same command goes on where it was stopped.
    """

    out: Path
    """Folder of baselines and finished trials."""

    repeats: int = 20
    """Clean runs after the one that is the baseline."""

    only: tuple[str, ...] = ()
    """Defects to plant; all if not given."""

    defects: bool = True
    """Plant defects; without, only the clean repeats are run."""

    into: Path | None = None
    """Folder of frozen baselines: those of this processor are given what the times of clean repeats differed by."""

    every: bool = False
    """Run all rows with each defect, not only until one of them catches it."""

    def __call__(self) -> None:
        """Run what is not there yet, and print the table."""
        gate = Gate(self.out, shipped())
        for name in (self.only or DEFECTS) if self.defects else ():
            self._plant(gate, name)
        for number in range(self.repeats):
            for protocol, label in gate.rows:
                print_line(f"{CLEAN} {number}: {label} of {protocol}")
                gate.trial(f"{CLEAN} {number}", protocol, label, nullcontext())
        _print(self.out, len(gate.rows))
        if self.into is not None:
            give(self.into, read_trials(self.out))

    def _plant(self, gate: Gate, name: str) -> None:
        for protocol, label in gate.rows:
            print_line(f"{name}: {label} of {protocol}")
            if gate.trial(name, protocol, label, planted(name)).worse and not self.every:
                return


def give(folder: Path, trials: list[Trial]) -> None:
    """Write what times differed by into the baselines of this processor; rows that were not repeated keep theirs."""
    processor = describe_environment().processor
    for path in sorted(folder.glob("*.json")):
        (baseline,) = read_baselines(path)
        spreads = time_spreads(trials, baseline.protocol.partition("/")[0])
        if baseline.processor == processor and spreads:
            write_baseline(path, baseline.model_copy(update={"time_spread": {**baseline.time_spread, **spreads}}))
            output.print(f"times of clean repeats written: {path}")


def _print(out: Path, rows: int) -> None:
    trials: list[Trial] = read_trials(out)
    print_table("planted defects", ("defect", "caught", "by", "what got worse"), sensitivity(trials))
    count, alarms, slowest = clean(trials, rows)
    output.print(f"{alarms} of {count} clean repeats raised an alarm; the largest ratio of times was {slowest:.2f}")


if __name__ == "__main__":
    tyro.cli(Study)()
