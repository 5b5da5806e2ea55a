"""Draw docs/sopi_losses.png: losses of the networks of SOPI's Table 2, and those on the cards of the shipped networks.

Usage: ``python docs/make_sopi_losses.py [FOLDER]``; FOLDER (runs/train/sopi-ablation) is where the protocol
``sopi-ablation`` has its variants trained.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bench.learn import read_card
from bench.learn.history import Curve, curves

ROOT = Path(__file__).parents[1]
VARIANTS = {"full": "CE and EL", "no-el": "EL off", "no-ce": "CE off"}
SHIPPED = {"rtpi": "RTPI (eq. 5)", "sopi": "SOPI (eq. 7)", "deep_reg": "Deep-reg (eq. 7)"}
_WINDOW = 30


def main() -> None:
    """Draw both panels."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "runs" / "train" / "sopi-ablation"
    figure: Any = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, title in VARIANTS.items():
        if (found := curves(folder / name / "losses.csv").get("total")) is not None:
            left.plot(*_smooth(found), label=title)
    left.set(title="Table 2: equal steps, seed and pairs", xlabel="step", ylabel="loss of eq. 7 (chance: 4)")
    for name, title in SHIPPED.items():
        losses = read_card(ROOT / "methods" / name / "weights" / f"{name}.toml").losses
        steps, totals = np.array(losses["steps"]), np.array(losses["total"])
        right.plot(steps / steps[-1], totals / totals[0], "o-", markersize=3, label=f"{title}, {steps[-1]:.0f} steps")
    right.set(title="shipped weights, from their cards", xlabel="part of the training", ylabel="loss / first twelfth")
    for axes in (left, right):
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(ROOT / "docs" / "sopi_losses.png", dpi=100)


def _smooth(curve: Curve) -> tuple[Any, Any]:
    """Running means over ``_WINDOW`` steps."""
    means = np.convolve(curve.values, np.ones(_WINDOW) / _WINDOW, mode="valid")
    return np.array(curve.steps)[_WINDOW - 1 :], means


if __name__ == "__main__":
    main()
