"""Train the networks of LGFF-Reg's Tables 1 to 3, all for the same number of steps on the same images.

    python benchmarks/lgff_ablation.py --steps 800 --seeds 1 2
    fluorobench run lgff-ablation --profile full

Steps are compared, not minutes: then nobody's table depends on who else used the machine. Trainings of one seed draw
the same poses and the same degradation in the same order, whatever the network. Interrupted, the same command goes on
where it stopped; what is finished is left alone.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = Path("runs/train/lgff-ablation")
"""Where ``bench/protocols/lgff-ablation.toml`` looks for weights: ``NAME-seed-N/weights``."""

COMMON = ("batch=8", "bfloat16=true")

_NO_HEADS = "heads=false"
_UNFUSED = ("fusion=false", _NO_HEADS)

# Cheap ones and those of Table 2 first: whoever stops early has a table.
VARIANTS: Mapping[str, Sequence[str]] = {
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


def train(name: str, seed: int, steps: int) -> None:
    """One network, unless its weights are there already."""
    folder = FOLDER / f"{name}-seed-{seed}"
    if any((folder / "weights").glob("*.toml")):
        sys.stdout.write(f"{folder}: there already\n")
        return
    settings = [*COMMON, f"seed={seed}", *VARIANTS[name]]
    words = ["train", "lgff_reg", "--steps", str(steps), "--out", str(folder), "--set", *settings]
    sys.stdout.write(f"{folder}: fluorobench {' '.join(words)}\n")
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "bench.cli.main", *words], check=True)


def main() -> None:
    """Every variant of the first seed, then of the next."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=800, help="of each network")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="one network of each variant for each")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="these variants alone")
    said = parser.parse_args()
    for seed in said.seeds:
        for name in said.only:
            train(name, seed, said.steps)


if __name__ == "__main__":
    main()
