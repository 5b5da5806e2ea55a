"""Similarities against definitions written another way, and the properties registration relies on."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from bench import registry
from bench.errors import FluorobenchError
from bench.similarity import Similarity, SimilarityError, similarity

Image = NDArray[np.float64]

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("ncc", {}),
    ("ncc", {"pseudo": True}),
    ("nccl", {}),
    ("nccl", {"pseudo": True}),
    ("gc", {}),
    ("gc", {"pseudo": True}),
    ("sgc", {}),
    ("sgc", {"margin": 1, "threshold": 0.6}),
    ("ngi", {"weight": "polarity-blind"}),
    ("ngi", {"weight": "same-polarity"}),
    ("go", {"weight": "polarity-blind"}),
    ("go", {"weight": "same-polarity"}),
    ("gd", {}),
    ("mi", {}),
    ("mi", {"bins": 16}),
    ("lncc", {}),
    ("lncc", {"size": 4, "variance_floor": 0.05}),
]
IDS = ["-".join([name, *map(str, settings.values())]) for name, settings in VARIANTS]
every_variant = pytest.mark.parametrize(("name", "settings"), VARIANTS, ids=IDS)

LOG_KERNEL = np.array(
    [[-2, -4, -4, -4, -2], [-4, 0, 8, 0, -4], [-4, 8, 24, 8, -4], [-4, 0, 8, 0, -4], [-2, -4, -4, -4, -2]], dtype=float
)


def blobs(seed: int, count: int = 1, height: int = 24, width: int = 21) -> Tensor:
    """Smooth random images, (count, 1, height, width) float64."""
    noise = np.random.default_rng(seed).normal(size=(count, height, width))
    return torch.tensor(5 + 3 * ndimage.gaussian_filter(noise, (0, 2, 2))[:, None])


def slope_of(measure: Similarity, fixed: Tensor, moving: Tensor) -> tuple[float, Tensor]:
    """The score of one moving image and its derivative with respect to that image."""
    moving = moving.clone().requires_grad_()
    score = measure(fixed, moving)
    return score.item(), torch.autograd.grad(score.sum(), moving)[0]


def np_ncc(a: Image, b: Image) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def np_pseudo(a: Image, b: Image) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt(a**2 * b**2 + 1e-10).sum())


def np_either_ncc(a: Image, b: Image, *, pseudo: bool = False) -> float:
    return np_pseudo(a, b) if pseudo else np_ncc(a, b)


def np_sobel(image: Image, axis: int) -> Image:
    return np.asarray(ndimage.sobel(image, axis=axis))[1:-1, 1:-1]


def np_log(image: Image) -> Image:
    return np.asarray(ndimage.correlate(image, LOG_KERNEL))[2:-2, 2:-2]


def np_gc(a: Image, b: Image, *, pseudo: bool = False) -> float:
    return sum(np_either_ncc(np_sobel(a, axis), np_sobel(b, axis), pseudo=pseudo) for axis in (0, 1)) / 2


def np_sgc(a: Image, b: Image, *, margin: int = 5, threshold: float = 0.02) -> float:
    content = ndimage.maximum_filter(b > threshold * b.max(), size=2 * margin + 1, mode="constant")[1:-1, 1:-1]
    return sum(np_ncc(np_sobel(a, axis)[content], np_sobel(b, axis)[content]) for axis in (0, 1)) / 2


def np_nccl(a: Image, b: Image, *, pseudo: bool = False) -> float:
    la, lb = np_log(a).ravel(), np_log(b).ravel()
    return np_either_ncc(a, b, pseudo=pseudo) + 0.5 * float(la @ lb / np.linalg.norm(la) / np.linalg.norm(lb))


def complex_gradients(image: Image) -> list[complex]:
    return list((np_sobel(image, 1) + 1j * np_sobel(image, 0)).ravel())


def slow_ngi(a: Image, b: Image, weight: str = "polarity-blind") -> float:
    total = 0.0
    pairs = list(zip(complex_gradients(a), complex_gradients(b), strict=True))
    for ga, gb in pairs:
        alpha = np.angle(ga) - np.angle(gb)
        w = (math.cos(2 * alpha) + 1) / 2 if weight == "polarity-blind" else (math.cos(alpha) + 1) / 2
        total += w * min(abs(ga), abs(gb))
    return total / sum(abs(ga) for ga, _ in pairs)


def slow_go(a: Image, b: Image, weight: str = "same-polarity") -> float:
    ga, gb = complex_gradients(a), complex_gradients(b)
    middle = (len(ga) - 1) // 2
    ta, tb = sorted(map(abs, ga))[middle], sorted(map(abs, gb))[middle]
    total, count = 0.0, 0
    for p, q in zip(ga, gb, strict=True):
        if abs(p) > ta and abs(q) > tb:
            phi = abs(np.angle(p / q))
            phi = min(phi, math.pi - phi) if weight == "polarity-blind" else phi
            total, count = total + (2 - math.log(phi + 1)) / 2, count + 1
    return total / max(count, len(ga) // 2)


def np_gd(a: Image, b: Image) -> float:
    total = 0.0
    for axis in (0, 1):
        ga, gb = np_sobel(a, axis), np_sobel(b, axis)
        variance = float(ga.var())
        total += float((variance / (variance + (ga - gb) ** 2)).mean())
    return total / 2


def slow_mi(a: Image, b: Image, bins: int = 32) -> float:
    joint, knots = np.zeros((bins, bins)), np.eye(bins)
    places = [(image.ravel() - image.min()) / (image.max() - image.min()) * (bins - 1) for image in (a, b)]
    for p, q in zip(*places, strict=True):
        # Linear interpolation of unit vectors: the linear B-spline of each bin.
        below = (min(int(p), bins - 2), min(int(q), bins - 2))
        shares = [(k + 1 - x) * knots[k] + (x - k) * knots[k + 1] for k, x in zip(below, (p, q), strict=True)]
        joint += shares[0][:, None] * shares[1]
    joint /= joint.sum()
    ratio = joint / np.outer(joint.sum(1), joint.sum(0)).clip(1e-300)
    return float((joint[joint > 0] * np.log(ratio[joint > 0])).sum())


def slow_lncc(a: Image, b: Image, size: int = 9, variance_floor: float = 1e-3) -> float:
    scores: list[float] = []
    for i in range(a.shape[0] - size + 1):
        for j in range(a.shape[1] - size + 1):
            wa, wb = a[i : i + size, j : j + size], b[i : i + size, j : j + size]
            if wa.var() > variance_floor * a.var():
                spread = wa.var() * max(wb.var(), variance_floor * b.var())
                scores.append(float(((wa - wa.mean()) * (wb - wb.mean())).mean() / math.sqrt(spread)))
    return float(np.mean(scores))


Reference: TypeAlias = Callable[..., float]


REFERENCES: dict[str, Reference] = {
    "ncc": np_either_ncc,
    "lncc": slow_lncc,
    "nccl": np_nccl,
    "gc": np_gc,
    "sgc": np_sgc,
    "ngi": slow_ngi,
    "go": slow_go,
    "gd": np_gd,
    "mi": slow_mi,
}


def test_every_similarity_is_tested() -> None:
    assert set(registry.names("similarities")) == {name for name, _ in VARIANTS}


@every_variant
def test_definition(name: str, settings: dict[str, Any]) -> None:
    fixed, moving = blobs(1), torch.cat([blobs(2, 3), blobs(1) + 0.3 * blobs(3)])
    expected = [REFERENCES[name](fixed[0, 0].numpy(), image[0].numpy(), **settings) for image in moving]
    np.testing.assert_allclose(similarity(name, **settings)(fixed, moving).numpy(), expected, rtol=1e-9, atol=1e-12)


@every_variant
def test_float32_is_close_to_float64(name: str, settings: dict[str, Any]) -> None:
    measure, fixed, moving = similarity(name, **settings), blobs(1), blobs(1) + 0.5 * blobs(2, 4)
    single = measure(fixed.float(), moving.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), measure(fixed, moving), rtol=2e-4, atol=2e-4)


@every_variant
def test_identical_images_score_highest(name: str, settings: dict[str, Any]) -> None:
    measure, fixed = similarity(name, **settings), blobs(1)
    others = torch.cat([fixed + scale * blobs(seed) for seed, scale in enumerate((0.05, 0.2, 1, 5), start=10)])
    rivals = torch.cat([others, fixed.roll(1, -1), fixed.roll(1, -2), fixed.flip(-1), 0 * fixed])
    assert (measure(fixed, rivals) < measure(fixed, fixed)).all()


@pytest.mark.parametrize(
    ("name", "maximum"),
    [("ncc", 1), ("nccl", 1.5), ("gc", 1), ("ngi", 1), ("go", 1), ("gd", 1), ("lncc", 1)],
    ids=lambda value: str(value),
)
def test_maximum(name: str, maximum: float) -> None:
    assert similarity(name)(blobs(1), blobs(1)).item() == pytest.approx(maximum, abs=1e-12)


@pytest.mark.parametrize(("name", "settings"), [v for v in VARIANTS if v[0] not in {"ngi", "gd"}])
def test_blind_to_gain_and_offset(name: str, settings: dict[str, Any]) -> None:
    # The 1e-10 under the pseudo-NCC's root is the only thing that sees a gain.
    measure, fixed, moving = similarity(name, **settings), blobs(1), blobs(2)
    same = measure(fixed, moving)
    torch.testing.assert_close(measure(fixed, 3.7 * moving + 11), same, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(measure(0.4 * fixed - 2, moving), same, rtol=1e-5, atol=1e-7)


def test_ngi_is_blind_to_offsets_and_a_common_gain() -> None:
    measure, fixed, moving = similarity("ngi"), blobs(1), blobs(2)
    torch.testing.assert_close(measure(3 * fixed + 1, 3 * moving - 2), measure(fixed, moving))
    assert measure(fixed, 0.5 * fixed).item() == pytest.approx(0.5)


def test_gd_is_blind_to_offsets_and_a_common_gain() -> None:
    measure, fixed, moving = similarity("gd"), blobs(1), blobs(2)
    torch.testing.assert_close(measure(3 * fixed + 1, 3 * moving - 2), measure(fixed, moving))


def test_mi_of_identical_two_valued_images_is_their_entropy() -> None:
    image = torch.zeros(1, 1, 10, 10)
    image[..., :3] = 7
    entropy = -0.3 * math.log(0.3) - 0.7 * math.log(0.7)
    assert similarity("mi")(image, image).item() == pytest.approx(entropy, rel=1e-5)
    assert similarity("mi")(image, image.transpose(2, 3)).item() == pytest.approx(0, abs=1e-6)


def test_lncc_follows_a_gain_that_changes_slowly_across_the_image() -> None:
    fixed = blobs(1)
    bent = fixed + 2 * torch.linspace(0, 10, 21, dtype=torch.float64)
    local, whole = (similarity(name)(fixed, bent).item() for name in ("lncc", "ncc"))
    assert local > whole + 0.1


def test_inverted_contrast() -> None:
    fixed = blobs(1)
    scores = {
        ident: similarity(name, **settings)(fixed, -fixed).item()
        for ident, (name, settings) in zip(IDS, VARIANTS, strict=True)
    }
    assert scores["ncc"] == pytest.approx(-1)
    assert scores["nccl"] == pytest.approx(-1.5)
    assert scores["gc"] == pytest.approx(-1)
    assert scores["lncc"] == pytest.approx(-1)
    assert scores["mi"] == pytest.approx(similarity("mi")(fixed, fixed).item())
    assert scores["ngi-polarity-blind"] == pytest.approx(1)
    assert scores["ngi-same-polarity"] == pytest.approx(0, abs=1e-12)
    assert scores["go-polarity-blind"] == pytest.approx(1)
    assert scores["go-same-polarity"] == pytest.approx((2 - math.log(math.pi + 1)) / 2)


@every_variant
def test_batch_equals_one_by_one(name: str, settings: dict[str, Any]) -> None:
    measure, fixed, moving = similarity(name, **settings), blobs(1), blobs(2, 5)
    single = torch.cat([measure(fixed, image[None]) for image in moving])
    assert single.shape == (5,)
    torch.testing.assert_close(measure(fixed, moving), single, rtol=1e-12, atol=1e-12)


@every_variant
def test_valid_rectangle_equals_cropping(name: str, settings: dict[str, Any]) -> None:
    measure, fixed, moving = similarity(name, **settings), blobs(1), blobs(2, 3)
    valid = torch.zeros_like(fixed, dtype=torch.bool)
    valid[..., 3:21, 2:19] = True
    # Whatever lies outside must not matter, not even NaN.
    masked = measure(fixed.where(valid, math.nan), moving.where(valid, math.nan), valid)
    cropped = measure(fixed[..., 3:21, 2:19], moving[..., 3:21, 2:19])
    torch.testing.assert_close(masked, cropped, rtol=1e-12, atol=1e-12)


@every_variant
def test_all_valid_equals_no_mask(name: str, settings: dict[str, Any]) -> None:
    measure, fixed, moving = similarity(name, **settings), blobs(1), blobs(2, 3)
    everything = torch.ones_like(fixed, dtype=torch.bool)
    torch.testing.assert_close(measure(fixed, moving, everything), measure(fixed, moving), rtol=1e-12, atol=1e-12)


@every_variant
def test_a_hole_hides_what_lies_in_it(name: str, settings: dict[str, Any]) -> None:
    measure, fixed, moving = similarity(name, **settings), blobs(1), blobs(2, 3)
    valid = torch.ones_like(fixed, dtype=torch.bool)
    valid[..., 10:13, 8:11] = False
    scores = measure(fixed, moving, valid)
    torch.testing.assert_close(measure(fixed, moving.where(valid, 1e4), valid), scores, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(scores, measure(fixed, moving))


@every_variant
@pytest.mark.parametrize("level", [0.0, 0.1, 7.3])
def test_constants_score_zero_and_keep_derivatives_finite(name: str, settings: dict[str, Any], level: float) -> None:
    measure, image = similarity(name, **settings), blobs(1).float()
    flat = torch.full_like(image, level)
    for fixed, moving in [(image, flat), (flat, image), (flat, flat)]:
        score, slope = slope_of(measure, fixed, moving)
        if name != "gd":
            assert score == pytest.approx(0, abs=1e-6)
        assert slope.isfinite().all()


def test_gd_of_constants() -> None:
    measure, image, flat = similarity("gd"), blobs(1), torch.full_like(blobs(1), 7.3)
    edge = flat.clone()
    edge[..., 10:] += 1
    assert measure(flat, flat).item() == 1
    assert measure(flat, image).item() == pytest.approx(0, abs=1e-6)
    # The edge's response along rows is zero everywhere, along columns in all but 2 of 19 columns.
    assert measure(flat, edge).item() == pytest.approx((1 + 17 / 19) / 2)


@every_variant
def test_an_empty_background_keeps_derivatives_finite(name: str, settings: dict[str, Any]) -> None:
    fixed, moving = (torch.nn.functional.pad(blobs(seed), (6, 6, 6, 6)).float() for seed in (1, 2))
    _, slope = slope_of(similarity(name, **settings), fixed, moving)
    assert slope.isfinite().all()
    assert slope.abs().sum() > 0


@every_variant
def test_derivatives(name: str, settings: dict[str, Any]) -> None:
    measure, fixed = similarity(name, **settings), blobs(1, height=11, width=10)
    moving = blobs(2, 2, height=11, width=10).requires_grad_()

    def scores(image: Tensor) -> Tensor:
        return measure(fixed, image)

    assert torch.autograd.gradcheck(scores, moving, eps=1e-7, atol=1e-5, fast_mode=True)


@pytest.mark.parametrize("name", sorted({name for name, _ in VARIANTS} - {"ncc", "mi"}))
def test_images_smaller_than_the_stencil_are_refused(name: str) -> None:
    with pytest.raises(SimilarityError, match="at least"):
        similarity(name)(blobs(1, height=2), blobs(2, height=2))


def test_wrong_names_and_settings_are_refused() -> None:
    with pytest.raises(FluorobenchError, match="did you mean 'nccl'"):
        similarity("ncll")
    with pytest.raises(FluorobenchError, match="did you mean 'weight'"):
        similarity("ngi", wieght="same-polarity")
    with pytest.raises(SimilarityError, match="same-polarity"):
        similarity("go", weight="neither")
    with pytest.raises(SimilarityError, match="at least 2 bins"):
        similarity("mi", bins=1)
    with pytest.raises(SimilarityError, match="variance_floor"):
        similarity("lncc", variance_floor=0)
