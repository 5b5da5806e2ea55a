"""LGFF's low-dose degradation: draws replayed, scales, batches, and what each step does."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.xray.low_dose import Degradation, LowDose, LowDoseError

QUIET = {
    "fog": (0.0, 0.0), "artefact": (0.0, 0.0), "contrast": (1.0, 1.0), "brightness": (0.0, 0.0), "blur_sigma_px": 0.01,
}  # fmt: skip


def ramp() -> NDArray[np.float32]:
    return np.linspace(0.1, 0.7, 32 * 40, dtype=np.float32).reshape(32, 40)


def test_a_recorded_draw_repeats_the_image_to_the_bit() -> None:
    law = LowDose()
    draw = law.draw(np.random.default_rng(3))
    again = Degradation.from_record(draw.record())
    assert again == draw
    np.testing.assert_array_equal(law.apply(ramp(), [draw]), law.apply(ramp(), [again]))


def test_a_batch_is_its_images_one_by_one() -> None:
    law, random = LowDose(), np.random.default_rng(5)
    draws = [law.draw(random) for _ in range(3)]
    images = np.stack([ramp(), ramp()[::-1], 0.5 * ramp()])
    together = law.apply(images, draws)
    for image, draw, found in zip(images, draws, together, strict=True):
        np.testing.assert_allclose(law.apply(image.copy(), [draw]), found, atol=1e-6)


def test_torch_and_numpy_and_8_bit_agree() -> None:
    law = LowDose()
    draw = law.draw(np.random.default_rng(8))
    plain = law.apply(ramp(), [draw])
    tensor = law.apply(torch.as_tensor(ramp())[None, None], [draw])
    assert tensor.shape == (1, 1, 32, 40)
    np.testing.assert_array_equal(tensor[0, 0].numpy(), plain)
    np.testing.assert_allclose(law.apply(255 * ramp(), [draw], top=255), 255 * plain, rtol=1e-5, atol=1e-3)


def test_without_strengths_nothing_changes() -> None:
    law = LowDose(**QUIET)  # type: ignore[arg-type]
    found = law.apply(ramp(), [law.draw(np.random.default_rng(0))])
    np.testing.assert_allclose(found, ramp(), atol=1e-6)


def test_full_fog_hides_the_image() -> None:
    law = LowDose(**{**QUIET, "fog": (1.0, 1.0)})  # type: ignore[arg-type]
    draw = law.draw(np.random.default_rng(0))
    found = law.apply(ramp(), [draw])
    np.testing.assert_array_equal(found, law.apply(ramp()[::-1].copy(), [draw]))
    assert found.min() > 0.69
    assert found.max() <= 1.0
    assert abs(float(found.mean()) - 0.85) < 0.01


def test_contrast_and_brightness() -> None:
    law = LowDose(**{**QUIET, "contrast": (0.8, 0.8), "brightness": (0.1, 0.1)})  # type: ignore[arg-type]
    found = law.apply(ramp(), [law.draw(np.random.default_rng(0))])
    np.testing.assert_allclose(found, 0.8 * (ramp() - 0.5) + 0.6, atol=1e-6)


def test_line_integrals_keep_their_range() -> None:
    law, image = LowDose(), (3 * ramp() - 0.2).astype(np.float32)
    found = law.on_line_integrals(image, law.draw(np.random.default_rng(1)))
    assert found.min() >= image.min() - 1e-5
    assert found.max() <= image.max() + 1e-5
    assert np.abs(found - image).max() > 0.05


@pytest.mark.parametrize("shape", [(3,), (2, 3, 20, 20), (20, 4)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    law = LowDose()
    with pytest.raises(LowDoseError, match="at least 8 pixels"):
        law.apply(np.zeros(shape, np.float32), [law.draw(np.random.default_rng(0))])


def test_bad_laws_and_records_are_refused() -> None:
    with pytest.raises(LowDoseError, match="fog"):
        LowDose(fog=(0.5, 0.2))
    with pytest.raises(LowDoseError, match="shares up to 1"):
        LowDose(fog=(0.5, 1.2))
    with pytest.raises(LowDoseError, match="low_dose_fog"):
        Degradation.from_record({})
    with pytest.raises(LowDoseError, match="one draw an image"):
        LowDose().apply(ramp(), [])
