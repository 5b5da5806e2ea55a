"""Training that starts from finished weights: on other patients, another mixture of targets, a wider input."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.learn.errors import WeightsError
from bench.learn.weights import load_weights
from bench.learn.weights_card import Earlier, WeightsCard


def begin_with(network: nn.Module, card_path: Path, *, method: str, version: int) -> WeightsCard:
    """Put finished weights into a fresh network; returns their card.

    A layer that has more input channels than the weights gets zeros for the new ones: at first they have no effect.

    Raises:
        WeightsError: Damaged weights, of another method or version, or of another shape.
    """
    loaded = load_weights(card_path, method=method, version=version)
    wanted = network.state_dict()
    tensors = {name: _widened(name, tensor, wanted) for name, tensor in loaded.tensors.items()}
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        first = " ".join(str(error).split())[:160]
        raise WeightsError(f"{card_path.name} does not fit the network that is trained: {first}") from None
    return loaded.card


def stages(card: WeightsCard) -> tuple[Earlier, ...]:
    """All trainings behind a card's weights, oldest first, its own last."""
    last = Earlier(command=card.command, steps=card.steps, seconds=card.seconds, trained_on=card.trained_on)
    return (*card.earlier, last)


def _widened(name: str, tensor: Tensor, wanted: Mapping[str, Any]) -> Tensor:
    target: Tensor | None = wanted.get(name)
    if target is None or tensor.ndim < 2 or target.ndim != tensor.ndim or target.shape == tensor.shape:
        return tensor
    same = target.shape[0] == tensor.shape[0] and target.shape[2:] == tensor.shape[2:]
    if not same or target.shape[1] < tensor.shape[1]:
        return tensor
    wider = torch.zeros_like(target)
    wider[:, : tensor.shape[1]] = tensor
    return wider
