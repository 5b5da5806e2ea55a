"""Defects that are planted one at a time, each as a context in which the code is wrong."""

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias
from unittest import mock

import numpy as np
import torch

import bench.drr.features
import bench.drr.joseph
import bench.learn.weights
from bench.drr import AttenuationMap
from bench.geometry import Camera
from bench.register import Search
from bench.register.windows import WindowResiduals

Plant: TypeAlias = Callable[[ExitStack], None]

PERTURBATION = 0.01
SEED = 20261130


def _wrap(stack: ExitStack, owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    stack.enter_context(mock.patch.object(owner, name, around(getattr(owner, name))))


def _half_pixel(stack: ExitStack) -> None:
    def shifted(trace: Callable[..., Any]) -> Callable[..., Any]:
        def traced(grid: Any, poses: Any, camera: Camera) -> Any:
            K = camera.K.copy()
            K[:2, 2] += 0.5
            return trace(grid, poses, replace(camera, K=K))

        return traced

    for module in (bench.drr.joseph, bench.drr.features):
        _wrap(stack, module, "trace_rays", shifted)


def _doubled_step(stack: ExitStack) -> None:
    @cache
    def thinned(attenuation: AttenuationMap) -> AttenuationMap:
        mu = np.zeros_like(attenuation.mu)
        mu[:, ::2] = 2 * attenuation.mu[:, ::2]
        return AttenuationMap(mu, attenuation.affine)

    def on_every_other_slice(render: Callable[..., Any]) -> Callable[..., Any]:
        def rendered(attenuation: AttenuationMap, *rest: Any, **named: Any) -> Any:
            return render(thinned(attenuation), *rest, **named)

        return rendered

    for name in ("project_joseph", "project_joseph_with_derivatives"):
        # The package's attribute of this name is the function.
        _wrap(stack, import_module("bench.drr.project"), name, on_every_other_slice)


def _wrong_sign(stack: ExitStack) -> None:
    def flipped(render: Callable[..., Any]) -> Callable[..., Any]:
        def rendered(*arguments: Any) -> None:
            render(*arguments)
            arguments[-1][:, 1] *= -1

        return rendered

    _wrap(stack, bench.drr.joseph, "render_with_derivatives", flipped)


def _half_speed(stack: ExitStack) -> None:
    def twice(render: Callable[..., Any]) -> Callable[..., Any]:
        def rendered(*arguments: Any) -> None:
            render(*arguments)
            render(*arguments)

        return rendered

    for module, name in (
        (bench.drr.joseph, "render"),
        (bench.drr.joseph, "render_with_derivatives"),
        (bench.drr.features, "render_features"),
    ):
        _wrap(stack, module, name, twice)


def _search(change: Callable[[Search], Mapping[str, Any]]) -> Plant:
    def plant(stack: ExitStack) -> None:
        def changed(check: Callable[..., Any]) -> Callable[..., Any]:
            def checked(search: Search) -> None:
                check(search)
                for name, value in change(search).items():
                    object.__setattr__(search, name, value)

            return checked

        _wrap(stack, Search, "__post_init__", changed)

    return plant


def _perturbed_weights(stack: ExitStack) -> None:
    def perturbed(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(*arguments: Any) -> Any:
            tensors, text = read(*arguments)
            noise = torch.Generator().manual_seed(SEED)
            return {name: _noisy(tensor, noise) for name, tensor in tensors.items()}, text

        return reading

    _wrap(stack, bench.learn.weights, "read_tensors", perturbed)


def _noisy(tensor: torch.Tensor, noise: torch.Generator) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    return (tensor.float() * (1 + PERTURBATION * torch.randn(tensor.shape, generator=noise))).to(tensor.dtype)


def _wider_window(stack: ExitStack) -> None:
    def wider(build: Callable[..., Any]) -> Callable[..., Any]:
        def built(*arguments: Any, window: int, **named: Any) -> None:
            build(*arguments, window=window + 1, **named)

        return built

    _wrap(stack, WindowResiduals, "__init__", wider)


DEFECTS: Mapping[str, Plant] = {
    "half-pixel shift of the detector": _half_pixel,
    "doubled step along the rays": _doubled_step,
    "sign of one rotation derivative": _wrong_sign,
    "kernel at half speed": _half_speed,
    "restarts = 1": _search(lambda search: {"restarts": 1}),
    "second pyramid level lost": _search(lambda search: {"levels": (search.levels[0], *search.levels[2:])}),
    "weights of networks perturbed by 1 %": _perturbed_weights,
    "window of local correlation off by one": _wider_window,
}


@contextmanager
def planted(name: str) -> Generator[None]:
    """A context in which the code has a defect of ``DEFECTS``."""
    with ExitStack() as stack:
        DEFECTS[name](stack)
        yield
