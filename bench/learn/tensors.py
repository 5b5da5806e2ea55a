"""Tensors and text in one safetensors file, read without running code; the only module that imports safetensors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.learn.errors import WeightsError


def packed(tensors: Mapping[str, Tensor], text: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file's bytes."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return _in_order(save(plain, None if text is None else dict(text)))


def _in_order(data: bytes) -> bytes:
    """The same file with its texts sorted: safetensors writes them in a random order, and a checksum would differ."""
    end = 8 + int.from_bytes(data[:8], "little")
    header: dict[str, dict[str, Any]] = json.loads(data[8:end])
    if len(header.get("__metadata__", {})) < 2:
        return data
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and text of a file.

    Raises:
        WeightsError: No such file, or not a complete safetensors file.
    """
    try:
        opening: Any = safe_open(path, framework="pt")
        with opening as opened:
            tensors = {str(name): opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            return tensors, dict(opened.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise WeightsError(f"{path.name} is not a complete safetensors file ({why}); train or fetch it again") from None
