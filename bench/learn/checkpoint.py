"""Checkpoints: one safetensors file, written atomically, with everything that a resumed training needs.

There is no state of a random generator to keep: every step seeds them anew from the plan's seed and its own number.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.files import write_bytes
from bench.learn.errors import CheckpointError, WeightsError
from bench.learn.tensors import packed, read_tensors

FORMAT = 2
NAME = "checkpoint.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Progress of a training.

    Attributes:
        step: Steps done.
        seconds: Trained so far, over all sessions.
        run_step: Steps done when the budget that is being used began.
        run_seconds: Seconds then.
        run_steps: That budget's steps, or None.
        run_minutes: Its minutes, or None.
        spent: Whether that budget's steps are all done.
        finished: Whether the last validation and the final action (such as the export) are done, too.
        hashes: Of the training patients used so far.
        held_out: Figures of the last validation.
        held_out_step: Steps done then; None = no validation yet.
        began_with: sha256 of the finished weights that it began with; empty = none.
        earlier: The trainings that made them, as in a weights' card.
    """

    step: int = 0
    seconds: float = 0.0
    run_step: int = 0
    run_seconds: float = 0.0
    run_steps: int | None = None
    run_minutes: float | None = None
    spent: bool = False
    finished: bool = False
    hashes: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    held_out: Mapping[str, float] = field(default_factory=lambda: dict[str, float]())
    held_out_step: int | None = None
    began_with: str = ""
    earlier: Sequence[Mapping[str, Any]] = ()


def save_checkpoint(
    folder: Path,
    identity: Mapping[str, Any],
    position: Position,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    *,
    average: Mapping[str, Tensor],
) -> None:
    """Write ``folder/checkpoint.safetensors``."""
    state = optimiser.state_dict()
    tensors = {f"network/{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"average/{name}": tensor for name, tensor in average.items()}
    scalars: dict[str, dict[str, Any]] = {}
    for index, entries in state["state"].items():
        for key, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"optimiser/{index}/{key}"] = value
            else:
                scalars.setdefault(str(index), {})[key] = value
    text = {
        "format": FORMAT, "identity": identity, "position": asdict(position), "groups": state["param_groups"],
        "scalars": scalars,
    }  # fmt: skip
    write_bytes(folder / NAME, packed(tensors, {"training": json.dumps(text)}), durable=True)


def load_checkpoint(
    folder: Path,
    identity: Mapping[str, Any],
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, Tensor],
) -> Position:
    """Fill network, optimiser and average from a folder's checkpoint.

    Raises:
        CheckpointError: Damaged, of another format, or of a training with other settings.
    """
    try:
        tensors, text = read_tensors(folder / NAME)
        stored: dict[str, Any] = json.loads(text["training"])
        version, made_with = int(stored["format"]), dict(stored["identity"])
    except (WeightsError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"the checkpoint in {folder} cannot be read ({error}); start again with --fresh"
        ) from None
    if version != FORMAT:
        raise CheckpointError(f"the checkpoint in {folder} has format {version}, not {FORMAT}; start with --fresh")
    _require_same(folder, made_with, json.loads(json.dumps(identity)))
    try:
        _fill(tensors, stored, network, optimiser, average)
        return Position(**stored["position"])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        first = " ".join(str(error).split())[:160]
        raise CheckpointError(
            f"the checkpoint in {folder} does not fit this program's {identity['method']} ({first}); use the "
            "version that made it, or start again with --fresh"
        ) from None


def mark_finished(folder: Path) -> None:
    """Let a folder's spent budget count as finished, so that the same budget again comes on top."""
    tensors, text = read_tensors(folder / NAME)
    stored: dict[str, Any] = json.loads(text["training"])
    if stored["position"].get("spent"):
        stored["position"]["finished"] = True
        write_bytes(folder / NAME, packed(tensors, {"training": json.dumps(stored)}), durable=True)


def _require_same(folder: Path, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    for key in sorted({*theirs, *ours}):
        if theirs.get(key) != ours.get(key):
            raise CheckpointError(
                f"the checkpoint in {folder} was made with {key} = {_short(theirs.get(key))}, now it is "
                f"{_short(ours.get(key))}; use that again, or start again with --fresh or another --out"
            )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 160 else text[:157] + "..."


def _fill(
    tensors: Mapping[str, Tensor],
    stored: Mapping[str, Any],
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, Tensor],
) -> None:
    groups: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}}
    state: dict[int, dict[str, Any]] = {int(index): dict(each) for index, each in stored["scalars"].items()}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition("/")
        if kind == "optimiser":
            index, _, key = rest.partition("/")
            state.setdefault(int(index), {})[key] = tensor
        else:
            groups[kind][rest] = tensor
    network.load_state_dict(groups["network"])
    device = next(network.parameters()).device
    average.update({name: tensor.to(device) for name, tensor in groups["average"].items()})
    optimiser.load_state_dict({"state": state, "param_groups": stored["groups"]})
