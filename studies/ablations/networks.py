"""The networks of the ablation tables: which training fills which row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

TableName: TypeAlias = Literal["sopi", "lgff"]

_NO_HEADS = "heads=false"
_UNFUSED = ("fusion=false", _NO_HEADS)


@dataclass(frozen=True, slots=True)
class Network:
    """One training.

    Attributes:
        name: Of its folder.
        settings: Of the trainer, beyond those that all networks of the table share.
    """

    name: str
    settings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Ablation:
    """The networks of one protocol, all trained alike.

    Attributes:
        protocol: Its rows read ``folder/NAME/weights``.
        method: That is trained.
        common: Settings of all networks.
        networks: Those that an early stop should leave first.
    """

    protocol: str
    method: str
    common: Sequence[str]
    networks: Sequence[Network]

    @property
    def folder(self) -> Path:
        """Of its trainings."""
        return Path("runs") / "train" / self.protocol


ABLATIONS: Mapping[TableName, Ablation] = {
    "sopi": Ablation(
        "sopi-ablation",
        "sopi",
        (),
        (Network("full"), Network("no-ce", ("composite=false",)), Network("no-el", ("masked=false",))),
    ),
    "lgff": Ablation(
        "lgff-ablation",
        "lgff_reg",
        ("batch=8", "bfloat16=true"),
        (
            Network("local-seed-1", ("seed=1", "global_branch=false", *_UNFUSED)),
            Network("full-seed-1", ("seed=1",)),
            Network("global_branch-seed-1", ("seed=1", "local=false", *_UNFUSED)),
            Network("both-seed-1", ("seed=1", *_UNFUSED)),
            Network("fusion-seed-1", ("seed=1", _NO_HEADS)),
            Network("stages-3-seed-1", ("seed=1", "stages=3")),
            Network("stages-5-seed-1", ("seed=1", "stages=5")),
            Network("weights-1-seed-1", ("seed=1", "head_weights=[1.0,1.0,1.0]")),
            Network("weights-2-seed-1", ("seed=1", "head_weights=[0.3,0.3,0.3]")),
            Network("weights-3-seed-1", ("seed=1", "head_weights=[0.8,0.6,0.4]")),
            Network(
                "paper-seed-1", ("seed=1", "downsampling=paper", "interpolation=bilinear", "plain_projection=true")
            ),
            Network("local-seed-2", ("seed=2", "global_branch=false", *_UNFUSED)),
            Network("full-seed-2", ("seed=2",)),
        ),
    ),
}
