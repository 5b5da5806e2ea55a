"""``python -m studies.wrist``: train the study's networks and run its protocols."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from bench import registry
from bench.cli.execute import execute
from bench.cli.run import Run as RunProtocol
from bench.cli.train import Train as TrainMethod

PROGRAM = "python -m studies.wrist"
FOLDER = Path(__file__).resolve().parent
TRAINED = Path("runs/train")


@dataclass(frozen=True)
class Train:
    """Train one network of the study; after an interruption the same command continues."""

    network: Annotated[Literal["lgff_reg", "res_reg_net", "zhang", "deep_reg"], tyro.conf.Positional]
    """A masked network (lgff_reg, res_reg_net, zhang: one for each camera) or Deep-reg (one for all cameras)."""

    camera: Literal[1, 2] = 1
    """Of the X-rays that a masked network is for."""

    steps: int = 1500
    """Optimiser steps."""

    set: tuple[str, ...] = ()
    """More settings of the trainer as field=value, such as image_size=64."""

    out: Path = TRAINED
    """Folder of checkpoints, loss curves and weights; the protocols look in runs/train."""

    def __call__(self) -> None:
        """Train and export."""
        if self.network == "deep_reg":
            self._train("deep_reg_wrist", ["image=64", "longest=32", "match=1.0"], self.out / "wrist" / "deep_reg")
            return
        base = self.out / "lgff-xray"
        weights = base / self.network / str(self.camera)
        self._train(
            f"masked_{self.network}", [f"camera={self.camera}"], base / f"{self.network}-{self.camera}", weights
        )

    def _train(self, method: str, settings: Sequence[str], out: Path, weights: Path | None = None) -> None:
        chosen = (*settings, *self.set)
        TrainMethod(method, steps=self.steps, set=chosen, out=out, weights=weights or out / "weights")()


@dataclass(frozen=True)
class Run:
    """Run a protocol of the study: lgff-xray (masked networks) or deep-reg."""

    protocol: Annotated[Literal["lgff-xray", "deep-reg"], tyro.conf.Positional] = "lgff-xray"
    """The file of this name in studies/wrist."""

    profile: str = "quick"
    """How much of it: smoke, quick or full."""

    only: tuple[str, ...] = ()
    """Labels of the methods to run; all if not given."""

    out: Path = Path("runs")
    """Where runs are kept."""

    fresh: bool = False
    """Delete the results of an earlier run of the same protocol."""

    def __call__(self) -> None:
        """Run, score, report."""
        path = str(FOLDER / f"{self.protocol}.toml")
        RunProtocol((path,), profile=self.profile, only=self.only, out=self.out, fresh=self.fresh)()


def main() -> None:
    """Parse the command line and run the command."""
    registry.add_folder(FOLDER)
    description = "Networks on real X-rays of a wrist; needs FLUOROBENCH_DATA."
    execute(tyro.cli(Train | Run, prog=PROGRAM, description=description), PROGRAM)  # pyright: ignore


if __name__ == "__main__":
    main()
