"""Draw losses: docs/sopi_losses.png of the networks of SOPI's Table 2, docs/sopi_losses_shipped.png of those shipped.

Usage: ``python docs/make_sopi_losses.py [FOLDER]``; FOLDER (runs/train/sopi-ablation) is where the protocol
``sopi-ablation`` has its variants trained; without it the first picture stays as it is. Different losses have axes of
their own.
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
SHIPPED = {
    "rtpi": ("RTPI", "loss of eq. 5"),
    "sopi": ("SOPI", "loss of eq. 7"),
    "deep_reg": ("Deep-reg", "loss of eq. 7"),
}
_WINDOW = 30


def main() -> None:
    """Draw both pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "runs" / "train" / "sopi-ablation"
    if folder.is_dir():
        _draw_variants(folder)
    _draw_shipped()


def _draw_variants(folder: Path) -> None:
    figure: Any = Figure(figsize=(4.5, 3.4), layout="constrained")
    axes = figure.subplots()
    for name, title in VARIANTS.items():
        if (found := curves(folder / name / "losses.csv").get("total")) is not None:
            axes.plot(*_smooth(found), label=title)
    axes.set(title="Table 2: equal steps, seed and pairs", xlabel="step", ylabel="loss of eq. 7 (chance: 4)")
    axes.legend(fontsize="small")
    axes.grid(visible=True, alpha=0.3)
    figure.savefig(ROOT / "docs" / "sopi_losses.png", dpi=100)


def _draw_shipped() -> None:
    """Of each network its loss, the mean of each twelfth of its training."""
    figure: Any = Figure(figsize=(9, 2.6), layout="constrained")
    for axes, (name, (title, loss)) in zip(figure.subplots(1, len(SHIPPED)), SHIPPED.items(), strict=True):
        losses = read_card(ROOT / "methods" / name / "weights" / f"{name}.toml").losses
        axes.plot(losses["steps"], losses["total"], "o-", markersize=3)
        axes.set(title=title, xlabel="step", ylabel=loss)
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(ROOT / "docs" / "sopi_losses_shipped.png", dpi=100)


def _smooth(curve: Curve) -> tuple[Any, Any]:
    """Running means over ``_WINDOW`` steps."""
    means = np.convolve(curve.values, np.ones(_WINDOW) / _WINDOW, mode="valid")
    return np.array(curve.steps)[_WINDOW - 1 :], means


if __name__ == "__main__":
    main()
