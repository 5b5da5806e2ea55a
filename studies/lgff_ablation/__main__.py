"""``python -m studies.lgff_ablation``: train the networks of LGFF-Reg's Tables 1 to 3 and write the tables.

All networks are trained for the same number of optimiser steps, not for equal times: the tables do not depend on the
load of the machine. Trainings of one seed draw the same poses and the same degradation in the same order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import tyro

from bench.cli.console import print_line
from bench.cli.execute import execute
from bench.cli.run import Run as RunProtocol
from bench.cli.train import Train as TrainMethod

PROGRAM = "python -m studies.lgff_ablation"
PROTOCOL = "lgff-ablation"

FOLDER = Path("runs/train/lgff-ablation")
"""Where the protocol ``lgff-ablation`` looks for weights: ``NAME-seed-N/weights``."""

COMMON = ("batch=8", "bfloat16=true")

_NO_HEADS = "heads=false"
_UNFUSED = ("fusion=false", _NO_HEADS)

Variant: TypeAlias = Literal[
    "local", "full", "global_branch", "both", "fusion", "stages-3", "stages-5", "weights-1", "weights-2", "weights-3",
    "paper",
]  # fmt: skip

# Fast ones and those of Table 2 first: an early stop then leaves a table.
VARIANTS: Mapping[Variant, Sequence[str]] = {
    "local": ("global_branch=false", *_UNFUSED),
    "full": (),
    "global_branch": ("local=false", *_UNFUSED),
    "both": _UNFUSED,
    "fusion": (_NO_HEADS,),
    "stages-3": ("stages=3",),
    "stages-5": ("stages=5",),
    "weights-1": ("head_weights=[1.0,1.0,1.0]",),
    "weights-2": ("head_weights=[0.3,0.3,0.3]",),
    "weights-3": ("head_weights=[0.8,0.6,0.4]",),
    "paper": ("downsampling=paper", "interpolation=bilinear", "plain_projection=true"),
}


@dataclass(frozen=True)
class Train:
    """Train every variant of the first seed, then of the next; finished ones are kept, interrupted ones continued."""

    steps: int = 800
    """Optimiser steps of each network."""

    seeds: tuple[int, ...] = (1,)
    """One network of each variant for each seed."""

    only: tuple[Variant, ...] = ()
    """These variants alone; all if not given."""

    def __call__(self) -> None:
        """Train them."""
        for seed in self.seeds:
            for name in self.only or VARIANTS:
                train(name, seed, self.steps)


@dataclass(frozen=True)
class Run:
    """Run the protocol lgff-ablation with the weights that are there; writes Tables 1 to 3."""

    profile: str = "full"
    """How much of it: smoke, quick or full (300 poses)."""

    out: Path = Path("runs")
    """Folder of runs."""

    fresh: bool = False
    """Delete the results of an earlier run of the protocol."""

    def __call__(self) -> None:
        """Run, score, report."""
        RunProtocol(PROTOCOL, profile=self.profile, out=self.out, fresh=self.fresh)()


def train(name: Variant, seed: int, steps: int) -> None:
    """Train one network, unless its weights are there.

    Args:
        name: Of the variant.
        seed: Of weights, poses and degradation.
        steps: Optimiser steps.
    """
    folder = FOLDER / f"{name}-seed-{seed}"
    if any((folder / "weights").glob("*.toml")):
        print_line(f"{folder}: there already")
        return
    settings = (*COMMON, f"seed={seed}", *VARIANTS[name])
    print_line(f"{folder}: {' '.join(settings)}")
    TrainMethod("lgff_reg", steps=steps, out=folder, set=settings)()


def main() -> None:
    """Parse the command line and run the command."""
    description = "LGFF-Reg's Tables 1 to 3, trained for equal numbers of steps."
    execute(tyro.cli(Train | Run, prog=PROGRAM, description=description), PROGRAM)  # pyright: ignore


if __name__ == "__main__":
    main()
