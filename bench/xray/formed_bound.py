"""The Cramer-Rao bound of a pose where the whole image formation is known: spectrum, scatter, noise, blur.

Counts of the pixels are independent, Poisson with the formed intensity as their mean; they are blurred, and the
read-out adds noise. Their sum is taken as normal with the covariance C = B diag(m) B' + e^2: m the means, B the
blur, e the read-out's deviation. The information of the pose is J' C^-1 J with J = B dm / dpose; what C itself tells
of the pose (a share of about one in m) is left out.

Volumes are interpolated, as methods do. Exact paths through uniform voxels, of which images are formed, have the edges
of voxels in them, from which a pose could be read more precisely than from the patient.
"""

import numpy as np
from scipy import ndimage
from scipy.sparse.linalg import LinearOperator, cg

from bench.contract import View
from bench.drr import project_with_jacobian
from bench.errors import FluorobenchError
from bench.geometry import Matrix
from bench.xray.bound import twist_in_camera
from bench.xray.formation import Formation, Materials, supersampled, with_scatter
from bench.xray.spectrum import single_energy, tube_spectrum

_TOLERANCE, _MOST_ITERATIONS = 1e-6, 400


def formed_information(
    materials: Materials, view: View, rig_from_world: Matrix, centre: Matrix, formation: Formation
) -> Matrix:
    """Fisher information of the pose of everything that the X-ray shows, the formation being known.

    Args:
        materials: What the X-ray sees, all of which moves.
        view: Geometry; a ``valid`` mask is not taken.
        rig_from_world: The true pose, 4x4, mm.
        centre: The rotation centre c, a world point, mm.
        formation: With ``photons``; its saturation is not taken.

    Returns:
        (6, 6) by the twist (omega in degrees, v in mm) in rig axes about the moved centre.

    Raises:
        FluorobenchError: A formation without noise.
    """
    if formation.photons is None:
        raise FluorobenchError("a bound needs noise; expected formation.photons, got none")
    primary, by_twist = _primary(materials, view, view.camera_from_rig @ rig_from_world, centre, formation)
    means = formation.photons * with_scatter(primary, formation)
    slopes = [formation.photons * _blurred(with_scatter(each, formation), formation.blur_px) for each in by_twist]
    seen = np.stack(slopes).reshape(6, -1)
    by_camera_twist = seen @ _by_inverse_covariance(seen, means, formation).T
    turn = twist_in_camera(view.camera_from_rig)
    information: Matrix = turn.T @ by_camera_twist @ turn
    return (information + information.T) / 2


def _primary(
    materials: Materials, view: View, camera_from_world: Matrix, centre: Matrix, formation: Formation
) -> tuple[Matrix, Matrix]:
    """Unscattered intensity (H, W) and its derivatives (6, H, W) by the twist in camera axes (radians, mm)."""
    factor, camera = formation.supersampling, view.camera
    finer = supersampled(camera, factor)
    parts = [
        project_with_jacobian(tissue, camera_from_world[None], finer, centre)
        for tissue in (materials.soft, materials.bone)
    ]
    (soft, soft_slopes), (bone, bone_slopes) = ((i[0, 0].double().numpy(), d[0].double().numpy()) for i, d in parts)
    spectrum = tube_spectrum().filtered(formation.copper_mm) if formation.polyenergetic else single_energy()
    passed, by_soft, by_bone = (np.zeros(soft.shape) for _ in range(3))
    for weight, soft_share, bone_share in zip(spectrum.weights, spectrum.soft, spectrum.bone, strict=True):
        share = weight * np.exp(-soft_share * soft - bone_share * bone)
        passed += share
        by_soft -= soft_share * share
        by_bone -= bone_share * share
    slopes = by_soft * soft_slopes + by_bone * bone_slopes
    blocks = (camera.height, factor, camera.width, factor)
    return passed.reshape(blocks).mean(axis=(1, 3)), slopes.reshape(6, *blocks).mean(axis=(2, 4))


def _by_inverse_covariance(images: Matrix, means: Matrix, formation: Formation) -> Matrix:
    """C^-1 times each image (n, H W), by conjugate gradients."""
    shape, variance = means.shape, formation.electronic_noise**2
    if formation.blur_px == 0:
        return np.asarray(images / (means.ravel() + variance))

    def covariance(image: Matrix) -> Matrix:
        # The blur with mirrored borders is its own transpose.
        passed = _blurred(means * _blurred(image.reshape(shape), formation.blur_px), formation.blur_px)
        return np.asarray(passed.ravel() + variance * image)

    operator = LinearOperator((means.size, means.size), matvec=covariance, dtype=np.float64)
    found = [cg(operator, image, rtol=_TOLERANCE, maxiter=_MOST_ITERATIONS)[0] for image in images]
    return np.stack(found)


def _blurred(image: Matrix, sigma_px: float) -> Matrix:
    return np.asarray(ndimage.gaussian_filter(image, sigma_px, mode="reflect")) if sigma_px > 0 else image
