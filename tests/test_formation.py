"""Image formation against closed forms: slabs, a Poisson law, an energy balance."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.drr import AttenuationMap, ProjectionError, project_siddon, project_siddon_pair
from bench.geometry import Camera
from bench.protocol import PROTOCOLS, ProtocolError, load_protocol, validate
from bench.volume import AttenuationLaw
from bench.xray import Formation, FormationError, Materials, form_image
from bench.xray.formation import primary_image, with_scatter
from bench.xray.spectrum import tissue_scale, tube_spectrum

CAMERA = Camera.centred(sdd_mm=1000.0, height=24, width=20, spacing_mm=4.0)
POSE = np.eye(4)
POSE[2, 3] = 700.0
LAW = AttenuationLaw()


def materials(mu: NDArray[np.floating], spacing_mm: float = 4.0) -> Materials:
    """A volume of attenuation ``mu`` per mm about the world's origin."""
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = -spacing_mm * (np.array(mu.shape) - 1) / 2
    return Materials.split(AttenuationMap(np.ascontiguousarray(mu, dtype=np.float32), affine), LAW)


def slab(relative: float, thickness_mm: float) -> Materials:
    """Wider than the detector sees, ``relative`` times as attenuating as water."""
    return materials(np.full((60, 60, int(thickness_mm / 4)), relative * LAW.mu_water_per_mm))


def blobs(seed: int = 3) -> Materials:
    random = np.random.default_rng(seed)
    return materials(random.uniform(0, 3.5 * LAW.mu_water_per_mm, (12, 13, 14)))


def centre_value(each: Materials, formation: Formation) -> float:
    """The line integral at the detector's middle, where paths are within 0.01 % of the slab's thickness."""
    image = form_image(each, POSE, CAMERA, formation, np.random.default_rng(0))
    return float(image[12, 10])


def test_one_energy_without_effects_is_the_line_integral() -> None:
    random = np.random.default_rng(3)
    mu = random.uniform(0, 3.5 * LAW.mu_water_per_mm, (12, 13, 14)).astype(np.float32)
    each = materials(mu)
    image = form_image(each, POSE, CAMERA, Formation(polyenergetic=False), random)
    expected = project_siddon(AttenuationMap(mu, each.soft.affine), POSE[None], CAMERA)[0]
    assert expected.max() > 1
    np.testing.assert_allclose(image, expected, atol=2e-6)


def test_two_maps_in_one_walk_are_each_alone() -> None:
    each, finer = blobs(), Camera.centred(sdd_mm=1000.0, height=48, width=40, spacing_mm=2.0)
    both = project_siddon_pair(each.soft, each.bone, POSE[None], finer)
    np.testing.assert_array_equal(both[0], project_siddon(each.soft, POSE[None], finer))
    np.testing.assert_array_equal(both[1], project_siddon(each.bone, POSE[None], finer))
    with pytest.raises(ProjectionError, match="one grid"):
        project_siddon_pair(each.soft, materials(np.ones((2, 2, 2))).bone, POSE[None], finer)


def test_tissues_add_up_and_are_told_apart() -> None:
    scale, water = tissue_scale(), LAW.mu_water_per_mm
    # Fat, soft tissue, halfway to cortical bone, cortical bone, steel.
    relative = np.array([0.9, scale.soft, (scale.soft + scale.bone) / 2, scale.bone, 9.0])
    each = materials((relative * water)[:, None, None])
    bone_share = each.bone.mu[:, 0, 0] / (each.bone.mu + each.soft.mu)[:, 0, 0]
    np.testing.assert_allclose(bone_share, [0, 0, scale.bone / (scale.soft + scale.bone), 1, 1], atol=1e-5)
    np.testing.assert_allclose((each.soft.mu + each.bone.mu)[:, 0, 0], relative * water, rtol=1e-6)


@pytest.mark.parametrize("tissue", ["soft", "bone"])
def test_a_slab_attenuates_as_its_closed_form(tissue: str) -> None:
    relative = getattr(tissue_scale(), tissue)
    spectrum = tube_spectrum()
    per_energy = getattr(spectrum, tissue)
    for thickness in (8.0, 40.0, 160.0):
        path = relative * LAW.mu_water_per_mm * thickness
        expected = -np.log(np.sum(spectrum.weights * np.exp(-per_energy * path)))
        assert centre_value(slab(relative, thickness), Formation()) == pytest.approx(expected, rel=2e-3)


def test_thicker_paths_attenuate_less_per_millimetre() -> None:
    thicknesses = np.array([4.0, 20.0, 60.0, 120.0, 240.0])
    hardened = [centre_value(slab(1.0, each), Formation()) / each for each in thicknesses]
    assert np.all(np.diff(hardened) < -1e-5)
    # Softer than 60 keV when thin, and never below what the hardest photons do.
    assert hardened[0] > LAW.mu_water_per_mm * 1.1
    assert hardened[-1] > LAW.mu_water_per_mm * tube_spectrum().soft[-1]


def test_the_recorded_table_is_that_of_published_water() -> None:
    """NIST XCOM: water at 60 keV 0.2059 cm2/g; the law's water is the same to its last digit."""
    assert tissue_scale().soft == pytest.approx(0.2048 * 1.06 / 0.2059, rel=2e-3)
    assert tissue_scale().bone == pytest.approx(0.3148 * 1.92 / 0.2059, rel=4e-3)
    assert tube_spectrum().weights.sum() == pytest.approx(1)


def test_noise_is_poisson_at_the_stated_dose() -> None:
    """Through a slab, counts have the variance of their mean, and the electronic noise adds its own."""
    each = slab(1.0, 40.0)
    for electronic in (0.0, 30.0):
        formation = Formation(photons=2000.0, electronic_noise=electronic)
        images = [form_image(each, POSE, CAMERA, formation, np.random.default_rng(seed)) for seed in range(40)]
        counts = 2000.0 * np.exp(-np.stack(images).astype(np.float64))
        expected = counts.mean() + electronic**2
        # 19,200 samples: the variance's own standard deviation is 1 %.
        assert counts.var(axis=0, ddof=1).mean() == pytest.approx(expected, rel=0.05)


def test_the_mean_under_noise_is_the_image_without() -> None:
    each = slab(1.0, 40.0)
    noisy = form_image(each, POSE, CAMERA, Formation(photons=1e7), np.random.default_rng(1))
    clean = form_image(each, POSE, CAMERA, Formation(), np.random.default_rng(1))
    assert np.abs(noisy - clean).max() < 0.01
    assert not np.array_equal(noisy, clean)


@pytest.mark.parametrize("fraction", [0.2, 0.6])
def test_scatter_is_its_fraction_of_what_arrives(fraction: float) -> None:
    formation = Formation(scatter_fraction=fraction, scatter_px=7.0)
    primary = primary_image(blobs(), POSE, CAMERA, formation)
    total = with_scatter(primary, formation)
    assert (total - primary).sum() / total.sum() == pytest.approx(fraction, rel=1e-6)
    assert (total - primary).std() < 0.5 * fraction / (1 - fraction) * primary.std()


def test_blur_keeps_the_signal_and_smooths_edges() -> None:
    sharp, soft = (
        np.exp(-form_image(blobs(), POSE, CAMERA, Formation(blur_px=sigma), np.random.default_rng(0)).astype(float))
        for sigma in (0.0, 1.5)
    )
    assert soft.sum() == pytest.approx(sharp.sum(), rel=1e-5)
    assert np.abs(np.diff(soft, axis=1)).max() < 0.6 * np.abs(np.diff(sharp, axis=1)).max()


def test_supersampling_averages_intensities_of_the_finer_detector() -> None:
    finer = Camera.centred(sdd_mm=1000.0, height=72, width=60, spacing_mm=4.0 / 3)
    fine = primary_image(blobs(), POSE, finer, Formation())
    coarse = primary_image(blobs(), POSE, CAMERA, Formation(supersampling=3))
    np.testing.assert_allclose(coarse, fine.reshape(24, 3, 20, 3).mean(axis=(1, 3)), rtol=1e-12)


def test_saturation_caps_the_signal() -> None:
    formation = Formation(scatter_fraction=0.5, saturation=1.0)
    image = form_image(blobs(), POSE, CAMERA, formation, np.random.default_rng(0))
    assert image.min() == 0
    assert form_image(blobs(), POSE, CAMERA, Formation(scatter_fraction=0.5), np.random.default_rng(0)).min() < 0


def test_the_same_generator_gives_the_same_bits() -> None:
    formation = Formation(photons=500.0, electronic_noise=2.0, blur_px=0.7, scatter_fraction=0.3, supersampling=2)
    one, same, other = (form_image(blobs(), POSE, CAMERA, formation, np.random.default_rng(s)) for s in (4, 4, 5))
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"photons": 0.0}, "photons"),
        ({"photons": float("nan")}, "photons"),
        ({"blur_px": -1.0}, "blur_px"),
        ({"scatter_fraction": 1.0}, "scatter_fraction"),
        ({"supersampling": 0}, "supersampling"),
        ({"electronic_noise": 3.0}, "formation.photons"),
        ({"saturation": -2.0}, "saturation"),
    ],
)
def test_bad_settings_are_one_line(settings: dict[str, float], said: str) -> None:
    with pytest.raises(FormationError, match=said) as caught:
        Formation(**settings)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert "\n" not in str(caught.value)


def test_a_protocol_refuses_two_doses_and_unknown_keys() -> None:
    tables = load_protocol("mismatch", "quick").model_dump()
    assert tables["data"]["target"] == "body"
    with pytest.raises(ProtocolError, match="photons and formation both given") as twice:
        validate(tables | {"target": tables["target"] | {"photons": 100.0}}, source="test")
    with pytest.raises(ProtocolError, match="fog") as unknown:
        validate(tables | {"target": tables["target"] | {"formation": {"fog": 1.0}}}, source="test")
    assert "\n" not in str(twice.value) + str(unknown.value)


def test_mismatch_plays_the_cases_of_sopi_sim() -> None:
    ours, matched = (load_protocol(name, "quick") for name in ("mismatch", "sopi-sim"))
    assert (ours.seed, ours.start, ours.camera) == (matched.seed, matched.start, matched.camera)
    assert ours.target.distribution == matched.target.distribution
    assert (PROTOCOLS / "mismatch.toml").is_file()


@pytest.mark.parametrize(
    ("name", "profile", "same_content", "matched"),
    [
        ("sopi-sim", "quick", True, True),
        ("lgff-sim", "quick", True, False),
        ("mismatch", "quick", False, False),
        ("mismatch", "neighbours", False, False),
        ("sopi-xray", "quick", False, False),
    ],
)
def test_protocols_say_what_they_hand_out(name: str, profile: str, same_content: bool, matched: bool) -> None:
    """Same voxels are said in every caption; the Cramer-Rao bound is of images that nothing else has changed."""
    protocol = load_protocol(name, profile)
    assert (protocol.same_content, protocol.matched) == (same_content, matched)
