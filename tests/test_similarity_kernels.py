"""Compiled kernels give torch's values: on random and degenerate images, of any size, in any population."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.similarity import Similarity, similarity
from bench.similarity.compiled import takes_kernel

from .test_similarity import REFERENCES, blobs

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("lncc", {}),
    ("lncc", {"size": 4, "variance_floor": 0.05}),
    ("mi", {}),
    ("mi", {"bins": 2}),
    ("sgc", {}),
    ("sgc", {"margin": 0}),
    ("sgc", {"margin": 60, "threshold": 0.5}),
    ("go", {}),
    ("go", {"weight": "polarity-blind"}),
]
every_variant = pytest.mark.parametrize(("name", "settings"), VARIANTS)


@pytest.fixture(autouse=True)
def images_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels take small images, too."""
    monkeypatch.setattr("bench.similarity.compiled.LARGE", 0)


every_type = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def by_torch(measure: Similarity, fixed: Tensor, moving: Tensor, valid: Tensor | None = None) -> Tensor:
    """Values of the form that torch can differentiate."""
    moving = moving.clone().requires_grad_()
    assert not takes_kernel(fixed, moving)
    return measure(fixed, moving, valid).detach()


def awkward(height: int, width: int) -> Iterator[tuple[Tensor, Tensor]]:
    """A fixed image with a population each."""
    one, other = blobs(1, 1, height, width), blobs(2, 3, height, width)
    # Both medians and ranges fall on values that many pixels share.
    bone = (other - other.mean()).clamp_min(0)
    flat, edge = torch.full_like(one, 7.3), torch.zeros_like(one)
    edge[..., height // 2 :, :] = 1
    ramp = torch.arange(float(width), dtype=torch.float64).expand(1, 1, height, width)
    point = torch.zeros_like(one)
    point[..., 1, 2] = 1
    yield one, other
    yield one, bone
    yield one, torch.cat([flat, edge, ramp, point, -one, 0 * one, one, 1e-3 * one, 1e4 * one])
    yield flat, torch.cat([flat, one, 0 * one])
    yield edge, torch.cat([edge, ramp, one, -edge])
    yield bone[:1], torch.cat([bone, point])


@every_variant
@every_type
@pytest.mark.parametrize(("height", "width"), [(40, 33), (9, 50), (10, 9)])
def test_values_are_torchs(name: str, settings: dict[str, Any], dtype: torch.dtype, height: int, width: int) -> None:
    measure = similarity(name, **settings)
    for fixed, moving in awkward(height, width):
        fixed, moving = fixed.to(dtype), moving.to(dtype)
        found = measure(fixed, moving)
        assert found.dtype is dtype
        assert found.isfinite().all()
        torch.testing.assert_close(found, by_torch(measure, fixed, moving), rtol=1e-5, atol=1e-5)


@every_variant
@every_type
def test_masks(name: str, settings: dict[str, Any], dtype: torch.dtype) -> None:
    measure, fixed, moving = similarity(name, **settings), blobs(1).to(dtype), blobs(2, 4).to(dtype)
    valid = torch.ones_like(fixed, dtype=torch.bool)
    valid[..., :5, 3:] = False
    valid[..., 20, 2] = False
    hidden = moving.where(valid, math.nan)
    expected = by_torch(measure, fixed, hidden, valid)
    torch.testing.assert_close(measure(fixed, hidden, valid), expected, rtol=1e-5, atol=1e-5)


@every_variant
def test_one_image_scores_as_in_a_population(name: str, settings: dict[str, Any]) -> None:
    measure, fixed, moving = similarity(name, **settings), blobs(1).float(), blobs(2, 70).float()
    values = measure(fixed, moving)
    assert torch.equal(values[69:], measure(fixed, moving[69:]))
    # A view with strides of its own.
    assert torch.equal(values[::7], measure(fixed, moving[::7]))
    reference = REFERENCES[name](fixed[0, 0].double().numpy(), moving[69, 0].double().numpy(), **settings)
    assert values[69].item() == pytest.approx(reference, abs=1e-5)


@pytest.mark.parametrize("name", sorted({name for name, _ in VARIANTS}))
def test_the_smallest_images(name: str) -> None:
    side = {"lncc": 9, "mi": 1}.get(name, 3)
    fixed, moving = blobs(1, 1, side, side).float(), blobs(2, 2, side, side).float()
    measure = similarity(name)
    torch.testing.assert_close(measure(fixed, moving), by_torch(measure, fixed, moving), rtol=1e-5, atol=1e-5)


@every_variant
def test_an_image_of_nan_is_no_fault(name: str, settings: dict[str, Any]) -> None:
    """Its value means nothing, and that of its neighbours stays."""
    measure, fixed, moving = similarity(name, **settings), blobs(1).float(), blobs(2, 3).float()
    broken = moving.clone()
    broken[1, 0, 4, 5] = math.nan
    values = measure(fixed, broken)
    assert torch.equal(values[::2], measure(fixed, moving)[::2])


def test_small_images_and_other_types_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert takes_kernel(blobs(1), blobs(2))
    assert not takes_kernel(blobs(1).to(torch.bfloat16), blobs(2).to(torch.bfloat16))
    assert not takes_kernel(blobs(1), blobs(2).requires_grad_())
    with torch.no_grad():
        assert takes_kernel(blobs(1), blobs(2).requires_grad_())
    monkeypatch.setattr("bench.similarity.compiled.LARGE", 24 * 21 + 1)
    assert not takes_kernel(blobs(1), blobs(2))
    assert takes_kernel(blobs(1), blobs(2), always=True)
