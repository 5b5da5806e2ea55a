"""Learning from X-rays of the whole body: the mixture of targets, and local contrast."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.contract import Split
from bench.geometry import Camera
from bench.learn import (
    BodyXrays,
    Population,
    Problems,
    Scene,
    Source,
    TrainingError,
    WeightsError,
    local_contrast,
    scene_of,
    warped,
    with_body,
)
from bench.learn.body import at_resolution
from bench.learn.source import Library
from bench.xray import Formation

SCENE = scene_of("sopi-sim", start=None, camera=Camera.centred(sdd_mm=1011.7, height=16, width=16, spacing_mm=12.8))
BODY = with_body(SCENE, BodyXrays(share=0.5))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("patients")


def source_of(cache: Path, scene: Scene = BODY, step: int = 0) -> Source:
    settings = {"size": 24, "spacing_mm": 8.0, "cache_dir": cache}
    people = Population(settings=settings, patients=3, active=2, steps_per_patient=2, validation_patients=1)
    library = Library(people, scene, background=False)
    return Source(library, seed=5, step=step, split=Split.TRAIN, device=torch.device("cpu"))


def drawn(cache: Path, count: int = 12, **options: Any) -> Problems:
    source = source_of(cache)
    return source.problems(source.patients(1)[0], count, **options)


def test_the_same_seed_gives_the_same_mixture(cache: Path) -> None:
    first, again = drawn(cache), drawn(cache)
    assert torch.equal(first.images, again.images)
    np.testing.assert_array_equal(first.body, again.body)
    assert 0 < first.body.sum() < len(first.body)
    other = source_of(cache, step=1)
    assert not np.array_equal(other.problems(other.patients(1)[0], 12).truth, first.truth)


def test_bodies_are_seen_where_they_are_asked_for(cache: Path) -> None:
    """An X-ray of the body has something beside the bone; the same poses without are as the population's."""
    alone, within = drawn(cache, 4, body=[False] * 4), drawn(cache, 4, body=[True] * 4)
    np.testing.assert_array_equal(alone.truth, within.truth)
    beside = alone.images <= alone.images.amax((1, 2, 3), keepdim=True) * 0.01
    assert float(within.images[beside].mean()) > 10 * float(alone.images[beside].abs().mean())
    source = source_of(cache, SCENE)
    plain = source.problems(source.patients(1)[0], 4)
    assert not plain.body.any()
    np.testing.assert_allclose(plain.truth, alone.truth)


def test_a_warped_patient_has_its_body_warped(cache: Path) -> None:
    source = source_of(cache)
    patient = source.patients(1)[0]
    larger = warped(patient, 1.1 * np.eye(3))
    tissues = patient.materials, larger.materials
    assert tissues[0] is not None
    assert tissues[1] is not None
    plain, grown = (np.linalg.det(each.soft.affine[:3, :3]) for each in tissues if each is not None)
    ratio = grown / plain
    assert ratio == pytest.approx(1.1**3)
    assert source.problems(larger, 2, body=[True, True]).images.isfinite().all()


def test_the_mixture_is_described_and_plain_scenes_name_none() -> None:
    described = BODY.described()
    assert json.loads(json.dumps(described)) == described
    assert described["body"]["formation"]["photons"] == BODY.body.formation.photons
    assert described["body"]["appearance"]["screws"] == [0, 2]
    assert "body" not in SCENE.described()


def test_binned_pixels_collect_their_photons() -> None:
    fine = Formation(photons=100.0, electronic_noise=5.0, blur_px=0.6, scatter_px=40.0)
    coarse = at_resolution(fine, 2)
    assert (coarse.photons, coarse.electronic_noise, coarse.blur_px, coarse.scatter_px) == (400.0, 10.0, 0.3, 20.0)


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"share": 1.5}, {"exposed": -0.1}, {"scatter": (0.5, 0.2)}])
def test_shares_that_are_none_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="share"):
        BodyXrays(**wrong)


def test_a_scene_that_a_training_cannot_draw_is_refused(cache: Path) -> None:
    with pytest.raises(TrainingError, match="with_body"):
        source_of(cache, scene_of("mismatch", start=None))
    with pytest.raises(TrainingError, match="formation and appearance"):
        BodyXrays(scene=scene_of("sopi-sim"))


def test_local_contrast_finds_the_bone_within_the_body(cache: Path) -> None:
    camera = Camera.centred(sdd_mm=1011.7, height=64, width=64, spacing_mm=3.2)
    source = source_of(cache, replace(BODY, camera=camera, body=BodyXrays(exposed=0.0)))
    patient = source.patients(1)[0]
    alone, within = (source.problems(patient, 4, body=[kind] * 4).images for kind in (False, True))

    def alike(a: torch.Tensor, b: torch.Tensor) -> float:
        inside = alone > alone.amax((1, 2, 3), keepdim=True) * 0.01
        return float(np.corrcoef(a[inside].numpy(), b[inside].numpy())[0, 1])

    # A cross-section of the body as smooth as flesh is lies over the bone.
    assert alike(local_contrast(alone), local_contrast(within)) > 0.3
    # Neither gain nor a slope changes it.
    slope = torch.linspace(0, 3, 64).expand_as(within)
    changed = local_contrast(0.5 * within + slope)[..., 16:-16, 16:-16]
    assert float((changed - local_contrast(within)[..., 16:-16, 16:-16]).abs().mean()) < 0.05
    with pytest.raises(WeightsError, match="empty"):
        local_contrast(torch.ones(1, 1, 16, 16))


def test_local_contrast_can_be_differentiated_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    # The least size is a constant to the gradient, as scales of images are: none here, where there is much contrast.
    monkeypatch.setattr("bench.learn.contrast._FLOOR", 0.0)
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    image = torch.rand(1, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(local_contrast, (image,), atol=1e-4)
