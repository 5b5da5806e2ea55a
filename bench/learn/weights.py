"""The weights store: half-precision safetensors with a card; loaded files are checked and never executed."""

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from bench.contract import Problem, TrainingProvenance, View
from bench.errors import FluorobenchError, FluorobenchWarning
from bench.files import sweep, write_bytes
from bench.learn.errors import WeightsError
from bench.learn.plain import PlainError, from_plain
from bench.learn.resample import camera_of_scene, resampling_refusal, same_camera, seen_by
from bench.learn.tensors import packed, read_tensors
from bench.learn.weights_card import WeightsCard, WeightsFile, read_card, write_card

T = TypeVar("T")

LARGEST_FILE = 15 * 1024 * 1024


class ResamplingWarning(FluorobenchWarning):
    """Images of another camera than that of the training."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Checked weights: tensors by their name in the network's state, in the network's own precision."""

    card: WeightsCard
    tensors: Mapping[str, Tensor]

    def architecture(self, kind: type[T]) -> T:
        """The card's architecture as a dataclass that has a field for each of its keys, and checks their values.

        Raises:
            WeightsError: Keys missing or unknown, a value of another type, or one that ``kind`` refuses.
        """
        return architecture_of(self.card, kind)

    def network(self, build: Callable[[], nn.Module]) -> nn.Module:
        """The network that ``build`` makes, filled, in eval mode.

        Its size is checked first without allocation: a card could request more memory than there is.

        Raises:
            WeightsError: A tensor is missing, unknown or of another shape.
        """
        with torch.device("meta"):
            self.fill(build(), assign=True)
        return self.fill(build())

    def fill(self, network: nn.Module, *, assign: bool = False) -> nn.Module:
        """Put the weights into a network built from ``card.architecture``; returns it in eval mode.

        Raises:
            WeightsError: A tensor is missing, unknown or of another shape.
        """
        try:
            network.load_state_dict(dict(self.tensors), assign=assign)
        except RuntimeError as error:
            first = " ".join(str(error).split())[:160]
            raise WeightsError(f"the weights do not fit {self.card.method}'s network: {first}; train again") from None
        return network.eval()


def architecture_of(card: WeightsCard, kind: type[T]) -> T:
    """As ``Weights.architecture``, before the weights are read."""
    try:
        return from_plain(kind, card.architecture, "architecture")
    except (PlainError, FluorobenchError) as error:
        raise WeightsError(f"the card of {card.method}'s weights: {error}; train or fetch them again") from None


def pixels_divide(card: WeightsCard, image: int) -> None:
    """Check that a network's images are those of the training's camera, binned.

    Raises:
        WeightsError: No whole number of the camera's pixels is one of the network's.
    """
    height = int(card.scene["camera"]["height"])
    if image < 1 or height % image:
        raise WeightsError(
            f"the card of {card.method}'s weights: image should divide the {height} pixels of its camera; got {image}; "
            "train or fetch them again"
        )


def save_weights(folder: Path, name: str, network: nn.Module, card: WeightsCard) -> WeightsCard:
    """Write ``folder/name.safetensors`` (``name-1-of-3.safetensors`` ...) in half precision and ``folder/name.toml``.

    Args:
        folder: Such as ``methods/rtpi/weights``.
        name: The method's, with a suffix for weights of one patient.
        network: Its state is written, floating-point tensors as float16.
        card: Its ``files`` are filled in.

    Returns:
        The card as written.

    Raises:
        WeightsError: A weight that half precision cannot hold.
    """
    sweep(folder)
    halves = {key: _half(key, tensor) for key, tensor in network.state_dict().items()}
    shards = _shards(halves)
    stored: list[WeightsFile] = []
    for number, shard in enumerate(shards, start=1):
        suffix = "" if len(shards) == 1 else f"-{number}-of-{len(shards)}"
        data = packed(shard, {"method": card.method, "version": str(card.version)})
        path = folder / f"{name}{suffix}.safetensors"
        write_bytes(path, data, durable=True)
        stored.append(WeightsFile(name=path.name, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data)))
    written = replace(card, files=tuple(stored))
    write_card(written, folder / f"{name}.toml")
    return written


def load_weights(
    card_path: Path, *, method: str, version: int, architecture: Mapping[str, Any] | None = None
) -> Weights:
    """Read weights and check them before anything is built from them.

    Args:
        card_path: The card; the files lie beside it.
        method: Plug-in that wants them.
        version: Architecture version that it has.
        architecture: What it must be; None = the one that the card states.

    Raises:
        WeightsError: No or damaged card or file, a wrong checksum, another method, version or architecture.
    """
    card = read_card(card_path)
    if card.method != method or card.version != version:
        raise WeightsError(
            f"{card_path.name} holds weights of {card.method} version {card.version}; expected {method} version "
            f"{version}; run: fluorobench train {method}"
        )
    if architecture is not None and _text(card.architecture) != _text(architecture):
        raise WeightsError(
            f"{card_path.name} was trained with {_text(card.architecture)}, the settings state "
            f"{_text(architecture)}; train again"
        )
    tensors: dict[str, Tensor] = {}
    for file in card.files:
        _require_intact(card_path.parent / file.name, file)
        tensors |= read_tensors(card_path.parent / file.name)[0]
    restored = {key: each.float() if each.is_floating_point() else each for key, each in tensors.items()}
    return Weights(card, restored)


def find_weights(folder: Path, name: str, patient_hash: str | None = None) -> Path | None:
    """The card to load: of the patient's own weights where there are any, else of the general ones; None without.

    Args:
        folder: Such as ``Path(__file__).parent / "weights"``.
        name: The method's.
        patient_hash: ``Problem.patient_hash``.
    """
    names = [name] if patient_hash is None else [f"{name}-{patient_hash}", name]
    return next((path for each in names if (path := folder / f"{each}.toml").is_file()), None)


def shipped_provenance(folder: Path) -> tuple[TrainingProvenance, ...]:
    """Of all patients that the weights of a folder are for: entries of a patient-specific method's card."""
    return tuple(each for path in sorted(folder.glob("*.toml")) for each in read_card(path).provenance)


def refusal(card: WeightsCard, problem: Problem) -> str | None:
    """Why weights cannot take a problem (other content, camera, patient, several views), or None."""
    if len(problem.views) != 1:
        return f"trained for one view; this problem has {len(problem.views)}"
    why = content_refusal(card, problem) or camera_refusal(card, problem.views)
    if why is None and not _same_depth(card, problem):
        depth = float(problem.frame.centre_in_rig[2])
        why = f"trained for a source at {card.scene['depth_mm']:g} mm; the nominal pose has {depth:.0f} mm"
    on = card.trained_on
    if why is None and on.patient_specific and problem.patient_hash not in on.hashes:
        why = (
            f"trained for {', '.join(on.patients)} alone, not {problem.patient_id}, whose content differs (hash "
            f"{problem.patient_hash}, not {', '.join(on.hashes)}): fluorobench train {card.method}"
        )
    return why


def content_refusal(card: WeightsCard, problem: Problem) -> str | None:
    """Why weights cannot take this moving content, or None: a network gives a wrong answer for any other content.

    Other targets than those of the training are no reason: tables mark such rows (``bench.score.caveats``).
    """
    learnt = card.trained_on.moving
    if problem.moving in ("", learnt):
        return None
    other = f"choose {learnt}, or fluorobench train {card.method}"
    return f"trained to register {learnt}; the moving content here is {problem.moving}: {other}"


def camera_refusal(card: WeightsCard, views: Sequence[View]) -> str | None:
    """Why weights cannot take these cameras, resampled where they are others (``bench.learn.resample``), or None."""
    return resampling_refusal(camera_of_scene(card.scene), views[0].camera)


def learnt_view(card: WeightsCard, view: View) -> View:
    """The view as the camera that the weights were trained for sees it."""
    return seen_by(camera_of_scene(card.scene), view)


def exact_last(cards: Sequence[tuple[Path, WeightsCard]], views: Sequence[View]) -> list[tuple[Path, WeightsCard]]:
    """The cards in their order, those last (which replace others) whose camera is the view's own."""
    camera = views[0].camera
    return sorted(cards, key=lambda each: same_camera(camera_of_scene(each[1].scene), camera))


def tell_of_resampling(card: WeightsCard, views: Sequence[View]) -> None:
    """Warn where images are resampled to the camera that the weights were trained for."""
    learnt, camera = camera_of_scene(card.scene), views[0].camera
    if not same_camera(learnt, camera):
        warnings.warn(
            f"{card.method}: images are resampled from {camera.height} x {camera.width} pixels with f = "
            f"{camera.K[0, 0]:.1f} to the camera of the training, {learnt.height} x {learnt.width} with f = "
            f"{learnt.K[0, 0]:.1f}",
            ResamplingWarning,
            stacklevel=3,
        )


def _same_depth(card: WeightsCard, problem: Problem) -> bool:
    return abs(float(problem.frame.centre_in_rig[2]) - float(card.scene["depth_mm"])) < 1.0


def _half(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    half = tensor.detach().cpu().to(torch.float16)
    if not bool(torch.isfinite(half).all()):
        raise WeightsError(f"{name} holds values that half precision cannot; expected |w| < 65504 and finite")
    return half


def _shards(tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """In order, each below ``LARGEST_FILE`` unless a single tensor exceeds it."""
    shards: list[dict[str, Tensor]] = [{}]
    room = LARGEST_FILE - 65536  # the header
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        if size > room and shards[-1]:
            shards.append({})
            room = LARGEST_FILE - 65536
        shards[-1][name] = tensor
        room -= size
    return shards


def _require_intact(path: Path, file: WeightsFile) -> None:
    try:
        data = path.read_bytes()
    except OSError:
        raise WeightsError(f"no weights file {path.name} beside its card; train or download it again") from None
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise WeightsError(f"{path.name} is not the file that its card describes (sha256 differs); fetch it again")


def _text(architecture: Mapping[str, Any]) -> str:
    """With sorted keys, tuples as lists."""
    return json.dumps(architecture, sort_keys=True)
