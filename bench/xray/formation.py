"""From a CT to the X-ray that a detector would measure: effects beyond the line integral.

In this order: exact paths through uniform voxels on a finer detector (methods' projector interpolates), two tissues,
metal and a tube spectrum (beam hardening), collimator and vignetting, scatter, movement during the exposure, quantum
noise, the detector's blur (which also smooths that noise), electronic noise, gain, saturation, and the logarithm that
methods work on. ``Formation`` holds what is the same for all exposures, ``ImagingConditions`` what is drawn for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from bench.contract import Image
from bench.drr import AttenuationMap, project_siddon_pair
from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix
from bench.volume import AttenuationLaw
from bench.xray.conditions import ImagingConditions
from bench.xray.hardware import Cylinder, metal_paths
from bench.xray.spectrum import single_energy, tissue_scale, tube_spectrum

_LARGEST_SUPERSAMPLING = 8
_NOTHING = ImagingConditions()


class FormationError(FluorobenchError):
    """Settings of image formation that are out of their range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Formation:
    """How a simulated X-ray is formed. Every default leaves its effect out, but for the spectrum.

    Attributes:
        photons: Expected photons per pixel without an object; None = no noise. Their number is taken as Poisson, an
            approximation for a detector that integrates energy.
        electronic_noise: Standard deviation of the read-out, in photons per pixel; needs ``photons``.
        blur_px: Standard deviation of the detector's Gaussian blur, pixels.
        scatter_fraction: Scatter's share S / (S + P) of everything that arrives behind the object. Approximation:
            scatter is the primary image blurred by a Gaussian and scaled by f / (1 - f), mirrored at the borders, so
            that the image's total is exactly the primary's divided by 1 - f.
        scatter_px: Standard deviation of that Gaussian, pixels.
        supersampling: Rays per pixel along each axis; their intensities are averaged, not their logarithms.
        polyenergetic: The tube spectrum of ``bench.xray.spectrum``; False = 60 keV alone.
        copper_mm: Added filter, mm of copper, which hardens that spectrum. ``photons`` are counted behind it.
        saturation: Largest signal that is read, in multiples of the signal without an object; None = no limit.
    """

    # Pydantic refuses keys of a protocol file that are not fields.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    photons: float | None = None
    electronic_noise: float = 0.0
    blur_px: float = 0.0
    scatter_fraction: float = 0.0
    scatter_px: float = 40.0
    supersampling: int = 1
    polyenergetic: bool = True
    copper_mm: float = 0.0
    saturation: float | None = None

    def __post_init__(self) -> None:
        for name in ("photons", "saturation"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise FormationError(
                    f"formation.{name} must be positive and finite; got {value}; leave it out for none"
                )
        for name in ("electronic_noise", "blur_px", "scatter_px", "copper_mm"):
            if not 0 <= getattr(self, name) < np.inf:
                raise FormationError(f"formation.{name} must be finite and not negative; got {getattr(self, name)}")
        if not 0 <= self.scatter_fraction < 1:
            raise FormationError(f"formation.scatter_fraction must lie in [0, 1); got {self.scatter_fraction}")
        if not 1 <= self.supersampling <= _LARGEST_SUPERSAMPLING:
            limits = f"between 1 and {_LARGEST_SUPERSAMPLING}"
            raise FormationError(f"formation.supersampling must be {limits}; got {self.supersampling}")
        if self.electronic_noise > 0 and self.photons is None:
            raise FormationError("formation.electronic_noise is counted in photons; give formation.photons too")
        if self.copper_mm > 0 and not self.polyenergetic:
            raise FormationError("formation.copper_mm filters a spectrum, and polyenergetic is false; leave one out")

    def __str__(self) -> str:
        """One phrase for captions."""
        parts = [
            "80 kVp" if self.polyenergetic else "60 keV",
            f"{self.copper_mm:g} mm Cu" if self.copper_mm else "",
            "no noise" if self.photons is None else f"{self.photons:,.0f} photons a pixel",
            f"{self.electronic_noise:g} photons electronic noise" if self.electronic_noise else "",
            f"blur {self.blur_px:g} px" if self.blur_px else "",
            f"scatter fraction {self.scatter_fraction:g}" if self.scatter_fraction else "",
            f"{self.supersampling}x supersampling" if self.supersampling > 1 else "",
            f"saturating at {self.saturation:g}" if self.saturation is not None else "",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, eq=False)
class Materials:
    """A volume as two tissues; their attenuations at 60 keV add up to the volume's.

    Attributes:
        soft: Soft tissue, fat and lung: everything up to pure soft tissue (54 HU), with its density.
        bone: Cortical bone; what lies between both (marrow, trabecular bone) is a mixture, linear in HU.
    """

    soft: AttenuationMap
    bone: AttenuationMap

    @classmethod
    def split(cls, attenuation: AttenuationMap, law: AttenuationLaw) -> "Materials":
        """Separate tissues by their attenuation relative to that of water under ``law``. Metal counts as bone."""
        scale = tissue_scale()
        soft_mu, bone_mu = scale.soft * law.mu_water_per_mm, scale.bone * law.mu_water_per_mm
        mu = attenuation.mu
        pure_bone = np.clip((mu - np.float32(soft_mu)) / np.float32(bone_mu - soft_mu), 0, 1) * np.float32(bone_mu)
        bone = np.where(mu >= bone_mu, mu, np.minimum(pure_bone, mu)).astype(np.float32)
        soft = np.ascontiguousarray(mu - bone)
        return cls(AttenuationMap(soft, attenuation.affine), AttenuationMap(bone, attenuation.affine))


def form_image(
    materials: Materials,
    camera_from_world: ArrayLike,
    camera: Camera,
    formation: Formation,
    random: np.random.Generator,
    *,
    conditions: ImagingConditions = _NOTHING,
) -> Image:
    """Simulate one X-ray.

    Args:
        materials: What the X-ray sees.
        camera_from_world: 4x4, rigid, mm.
        camera: Intrinsics.
        formation: How the image is formed.
        random: Draws the noise; the same state gives the same image.
        conditions: Collimator, vignetting, gain, movement and metal of this exposure.

    Returns:
        -log(I / I0) of the measured intensities, float32 (H, W), dimensionless; below zero where scatter or noise
        lifts a pixel above the signal without an object.

    Raises:
        ProjectionError: The pose is not rigid, or the source lies inside the volume's box.
    """
    primary = primary_image(materials, camera_from_world, camera, formation, conditions.hardware)
    lit = with_scatter(conditions.moved(primary) * conditions.beam(camera), formation)
    signal = conditions.gain * _measured(lit, formation, random)
    if formation.saturation is not None:
        signal = np.minimum(signal, formation.saturation)
    return np.asarray(-np.log(signal), dtype=np.float32)


def primary_image(
    materials: Materials,
    camera_from_world: ArrayLike,
    camera: Camera,
    formation: Formation,
    hardware: Sequence[Cylinder] = (),
) -> Matrix:
    """Unscattered intensity (H, W) in multiples of that without an object: means over the rays of every pixel."""
    factor = formation.supersampling
    finer = supersampled(camera, factor)
    pose = np.asarray(camera_from_world, dtype=np.float64)[None]
    soft, bone = project_siddon_pair(materials.soft, materials.bone, pose, finer)[:, 0]
    spectrum = tube_spectrum().filtered(formation.copper_mm) if formation.polyenergetic else single_energy()
    passed = spectrum.transmission(soft, bone, metal_paths(hardware, camera_from_world, finer))
    blocks = passed.reshape(camera.height, factor, camera.width, factor)
    return np.asarray(blocks.mean(axis=(1, 3)))


def with_scatter(primary: Matrix, formation: Formation) -> Matrix:
    """Primary plus scatter, as documented for ``Formation.scatter_fraction``."""
    if formation.scatter_fraction == 0:
        return primary
    spread = ndimage.gaussian_filter(primary, formation.scatter_px, mode="reflect")
    return np.asarray(primary + formation.scatter_fraction / (1 - formation.scatter_fraction) * spread)


def _measured(intensity: Matrix, formation: Formation, random: np.random.Generator) -> Matrix:
    """The detector's signal in multiples of that without an object; half a photon keeps dark pixels finite."""
    if formation.photons is None:
        return np.maximum(_blurred(intensity, formation.blur_px), np.finfo(np.float64).tiny)
    counts = random.poisson(formation.photons * intensity).astype(np.float64)
    read = _blurred(counts, formation.blur_px)
    if formation.electronic_noise > 0:
        read = read + random.normal(0.0, formation.electronic_noise, read.shape)
    return np.asarray(np.maximum(read, 0.5) / formation.photons)


def _blurred(image: Matrix, sigma_px: float) -> Matrix:
    return np.asarray(ndimage.gaussian_filter(image, sigma_px, mode="reflect")) if sigma_px > 0 else image


def supersampled(camera: Camera, factor: int) -> Camera:
    """The camera whose ``binned(factor)`` is the given one."""
    K = camera.K.copy()
    K[:2] *= factor
    K[:2, 2] += (factor - 1) / 2
    return Camera(K, camera.height * factor, camera.width * factor, camera.sdd_mm)
