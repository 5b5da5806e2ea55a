"""A description of the hardware of a training, without the name of the machine."""

import platform
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch

from bench.drr.compiled import launch_threads
from bench.learn.errors import TrainingError


def choose_device(name: str) -> torch.device:
    """``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.

    Raises:
        TrainingError: An unknown name, or no GPU.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise TrainingError(f"a device is auto, cpu or cuda; got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError("no GPU that torch can use; train with --device cpu")
    return torch.device(name)


@contextmanager
def one_thread() -> Generator[None]:
    """A context in which torch computes on one thread of the CPU.

    Its convolutions split their sums by threads, so another number of them gives other last bits. (The projector's
    kernels do not: no two of their tasks add to one number.) These kernels' threads are started before: at the first
    kernel within, they would set torch's number again.
    """
    launch_threads()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe(device: torch.device) -> str:
    """Such as ``AMD EPYC, 1 thread, torch 2.13.0``."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    threads = torch.get_num_threads()
    plural = "" if threads == 1 else "s"
    return f"{_processor()}, {threads} thread{plural}, torch {torch.__version__.split('+')[0]}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
