"""The Cramer-Rao bound of formed X-rays: the plain bound where nothing is formed, and what each effect takes."""

from typing import Any

import numpy as np
import pytest

from bench.contract import Case
from bench.drr import AttenuationMap, project
from bench.errors import FluorobenchError
from bench.geometry import Matrix
from bench.xray.bound import pose_bound, pose_information
from bench.xray.formation import Formation, Materials, supersampled, with_scatter
from bench.xray.formed_bound import formed_information
from bench.xray.spectrum import tube_spectrum

from .registration import build_case, cluster

PHOTONS = 20_000.0


@pytest.fixture(scope="module")
def case() -> Case:
    return build_case(cluster())


def formed(case: Case, **settings: Any) -> Matrix:
    problem = case.problem
    materials = Materials.split(AttenuationMap.from_volume(problem.volume), problem.volume.attenuation)
    formation = Formation(photons=PHOTONS, **{"polyenergetic": False, **settings})
    return formed_information(materials, problem.views[0], case.truth, problem.centre, formation)


def deviations(information: Matrix) -> Matrix:
    bound = pose_bound(information)
    assert bound is not None
    return np.asarray(np.sqrt(np.diagonal(bound)))


def test_without_effects_it_is_the_plain_bound(case: Case) -> None:
    problem = case.problem
    attenuation = AttenuationMap.from_volume(problem.volume)
    plain = pose_information(attenuation, problem.views, case.truth, problem.centre, photons=PHOTONS)
    np.testing.assert_allclose(deviations(formed(case)), deviations(plain), rtol=0.01)
    np.testing.assert_allclose(deviations(formed(case, supersampling=2)), deviations(plain), rtol=0.15)


def test_derivatives_are_those_of_the_formed_image(case: Case) -> None:
    """Depth, from images at both sides; all pixels weigh alike where the read-out's noise is all there is."""
    problem, settings = case.problem, dict[str, Any](polyenergetic=True, supersampling=2, scatter_fraction=0.3)
    materials = Materials.split(AttenuationMap.from_volume(problem.volume), problem.volume.attenuation)
    formation, noise, camera = Formation(**settings), 1e6, problem.views[0].camera

    def image(depth_mm: float) -> Matrix:
        pose = case.truth.copy()
        pose[2, 3] += depth_mm
        finer = supersampled(camera, 2)
        soft, bone = (
            project(each, pose[None], finer)[0, 0].double().numpy() for each in (materials.soft, materials.bone)
        )
        passed = tube_spectrum().transmission(soft, bone)
        return with_scatter(passed.reshape(camera.height, 2, camera.width, 2).mean(axis=(1, 3)), formation)

    slope = PHOTONS * (image(0.2) - image(-0.2)) / 0.4
    found = formed(case, electronic_noise=noise, **settings)[5, 5]
    assert found == pytest.approx((slope**2).sum() / noise**2, rel=0.02)


def test_a_known_blur_alone_takes_nothing(case: Case) -> None:
    """It can be undone, and so can its effect on the noise."""
    np.testing.assert_allclose(deviations(formed(case, blur_px=0.6)), deviations(formed(case)), rtol=0.02)


@pytest.mark.parametrize("effect", [{"electronic_noise": 100.0}, {"scatter_fraction": 0.5}])
def test_noise_takes_information(case: Case, effect: dict[str, float]) -> None:
    assert (deviations(formed(case, blur_px=0.6, **effect)) > 1.1 * deviations(formed(case, blur_px=0.6))).all()


def test_the_read_outs_noise_is_added_to_the_counts(case: Case) -> None:
    """Where it is all there is, information falls with its square."""
    one, two = formed(case, electronic_noise=1e5), formed(case, electronic_noise=2e5)
    np.testing.assert_allclose(one, 4 * two, rtol=1e-3)


def test_without_noise_there_is_no_bound(case: Case) -> None:
    problem = case.problem
    materials = Materials.split(AttenuationMap.from_volume(problem.volume), problem.volume.attenuation)
    with pytest.raises(FluorobenchError, match="needs noise"):
        formed_information(materials, problem.views[0], case.truth, problem.centre, Formation())
