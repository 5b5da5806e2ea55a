"""CT acquisition of a patient: table, slice profile, reconstruction kernel and correlated noise.

Grids are the phantom's: i runs to the patient's left, j to posterior, k to superior. Resolution follows Kalender,
Computed Tomography (3rd ed., 2011), chapter 4: a modulation transfer function in the plane, a slice sensitivity profile
along the table. Noise follows Riederer, Pelc and Chesler, Phys Med Biol 23(3), 1978: filtered backprojection leaves
a noise power proportional to frequency times the squared transfer function. The ranges are ours: those of clinical
abdominal and spine scans, from memory of scanners' data sheets; the soft kernel and the noise stand near what one real
CT shows at its skin and in its soft tissue (ACRIN-FLT-Breast 001: Gaussian sigma 0.7 mm, about 14 HU).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import scipy.fft
import scipy.special

from bench.errors import FluorobenchError
from bench.geometry import Matrix
from bench.volume import FloatGrid

from .noise_level import noise_level
from .table import TableSettings, with_table

Range: TypeAlias = tuple[float, float]
Kernel: TypeAlias = Literal["soft", "standard", "bone"]
Profile: TypeAlias = Literal["box", "gaussian"]

# Lowest and highest CT number of a 12-bit scanner.
LOWEST_HU, HIGHEST_HU = -1024, 3071
# The scan that ``noise_hu`` is stated for: standard kernel, slices of 3 mm, pixels of 0.8 mm.
_REFERENCE_MTF50, _REFERENCE_FALL, _REFERENCE_SLICE_MM, _REFERENCE_PIXEL_MM = 4.0, 2.0, 3.0, 0.8
# Standard deviations of a Gaussian in its full width at half maximum.
_FULL_WIDTH = 2.0 * np.sqrt(2.0 * np.log(2.0))
# The stubs of scipy do not type its compiled functions.
_ndtr: Any = scipy.special.ndtr


class AcquisitionError(FluorobenchError):
    """Invalid settings or grid of a scan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSettings:
    """Range of one family of reconstruction kernels.

    Attributes:
        mtf50_per_cm: Line pairs per cm where the transfer is one half, before enhancement.
        fall: Exponent of the fall: 2 is Gaussian, larger is steeper.
        enhancement: Height of the bump that lifts middle frequencies above 1: edges overshoot.
    """

    mtf50_per_cm: Range
    fall: Range
    enhancement: Range


def _kernels() -> dict[Kernel, KernelSettings]:
    return {
        "soft": KernelSettings(mtf50_per_cm=(2.4, 3.3), fall=(1.9, 2.2), enhancement=(0.0, 0.0)),
        "standard": KernelSettings(mtf50_per_cm=(3.5, 4.5), fall=(1.9, 2.4), enhancement=(0.0, 0.05)),
        "bone": KernelSettings(mtf50_per_cm=(6.0, 8.5), fall=(2.4, 3.2), enhancement=(0.05, 0.25)),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquisitionSettings:
    """Distribution of scans; a pair is a uniform range.

    Attributes:
        slice_mm: Full width at half maximum of the slice profile, mm, drawn log-uniformly.
        resampled_share: Share of scans reconstructed at their own increment and interpolated back onto the grid.
        increment: Distance of such slices, in slice widths.
        profiles: Slice profiles, equally likely.
        kernels: Kernel families.
        kernel_shares: Their relative frequencies.
        noise_hu: Standard deviation in the body for the standard kernel, slices of 3 mm and pixels of 0.8 mm;
            other kernels, slices and grids follow from it.
        noise_modulation: How far noise follows the attenuation of the rays through a place: 0 even, 1 in full, as
            without bow-tie filter and tube current modulation.
        table: The patient table.
    """

    slice_mm: Range = (0.8, 5.0)
    resampled_share: float = 0.5
    increment: Range = (0.6, 1.0)
    profiles: tuple[Profile, ...] = ("box", "gaussian")
    kernels: dict[Kernel, KernelSettings] = field(default_factory=_kernels)
    kernel_shares: dict[Kernel, float] = field(default_factory=lambda: {"soft": 0.35, "standard": 0.4, "bone": 0.25})
    noise_hu: Range = (8.0, 22.0)
    noise_modulation: Range = (0.25, 0.7)
    table: TableSettings = field(default_factory=TableSettings)

    def __post_init__(self) -> None:
        kernels = [getattr(each, name) for each in self.kernels.values() for name in ("mtf50_per_cm", "fall")]
        for low, high in (self.slice_mm, self.increment, *kernels):
            if not 0 < low <= high:
                raise AcquisitionError(f"a range needs 0 < low <= high; got ({low}, {high})")
        if not (0 <= self.noise_hu[0] <= self.noise_hu[1] and 0 <= self.resampled_share <= 1):
            raise AcquisitionError("noise_hu must not be negative and resampled_share must lie in 0 to 1")
        if not (
            set(self.kernel_shares) <= set(self.kernels) and sum(self.kernel_shares.values()) > 0 and self.profiles
        ):
            raise AcquisitionError(f"name at least one profile, and shares of these kernels: {', '.join(self.kernels)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One drawn scan.

    Attributes:
        kernel: Family of the reconstruction kernel.
        mtf50_per_cm: See ``KernelSettings``.
        fall: See ``KernelSettings``.
        enhancement: See ``KernelSettings``.
        slice_mm: Full width at half maximum of the slice profile.
        profile: Its shape.
        increment_mm: Distance of the reconstructed slices; None where each slice of the grid is reconstructed.
        noise_hu: See ``AcquisitionSettings``.
        noise_modulation: See ``AcquisitionSettings``.
    """

    kernel: Kernel
    mtf50_per_cm: float
    fall: float
    enhancement: float
    slice_mm: float
    profile: Profile
    increment_mm: float | None
    noise_hu: float
    noise_modulation: float


def draw_scan(settings: AcquisitionSettings, generator: np.random.Generator) -> Scan:
    """Draw a scan; every draw takes the same count of random numbers."""
    kernels: tuple[Kernel, ...] = get_args(Kernel)
    shares: Matrix = np.cumsum([settings.kernel_shares.get(each, 0.0) for each in kernels])
    kernel = kernels[int(np.searchsorted(shares / shares[-1], generator.random(), side="right"))]
    family = settings.kernels[kernel]
    thin, thick = (math.log(each) for each in settings.slice_mm)
    slice_mm = math.exp(generator.uniform(thin, thick))
    resampled, increment = generator.random() < settings.resampled_share, generator.uniform(*settings.increment)
    return Scan(
        kernel=kernel,
        mtf50_per_cm=float(generator.uniform(*family.mtf50_per_cm)),
        fall=float(generator.uniform(*family.fall)),
        enhancement=float(generator.uniform(*family.enhancement)),
        slice_mm=slice_mm,
        profile=settings.profiles[int(generator.integers(len(settings.profiles)))],
        increment_mm=float(increment * slice_mm) if resampled else None,
        noise_hu=float(generator.uniform(*settings.noise_hu)),
        noise_modulation=float(generator.uniform(*settings.noise_modulation)),
    )


def acquire(
    hu: FloatGrid,
    *,
    spacing_mm: float | Sequence[float],
    settings: AcquisitionSettings,
    generator: np.random.Generator,
) -> FloatGrid:
    """The CT of a patient: the table drawn and placed under the back, the scan drawn and simulated.

    Args:
        hu: True HU, float32 (i to the left, j to posterior, k to superior), air outside the body; not changed.
        spacing_mm: Voxel edges along (i, j, k), or one number for all.
        settings: What to draw from.
        generator: Draws everything; the same generator state gives the same bits.

    Returns:
        A new grid of the same shape, float32, HU clipped to -1024 .. 3071.

    Raises:
        AcquisitionError: A spacing that is not positive.
    """
    spacing = _spacing(spacing_mm)
    scan = draw_scan(settings, generator)
    return scanned(with_table(hu, spacing, settings.table, generator), spacing, scan=scan, generator=generator)


def scanned(hu: FloatGrid, spacing_mm: Matrix, *, scan: Scan, generator: np.random.Generator) -> FloatGrid:
    """HU as this scan reconstructs them; see ``acquire``."""
    transfer = _transfer(scan, hu.shape[:2], spacing_mm[:2])
    along = slice_matrix(scan, hu.shape[2], float(spacing_mm[2]))
    true = hu @ along.T
    coefficients = scipy.fft.dctn(true, axes=(0, 1), norm="ortho", overwrite_x=True)
    coefficients *= transfer[..., None]
    image = _back(coefficients)
    if scan.noise_hu > 0:
        image += _noise(scan, transfer, along, spacing_mm, generator) * noise_level(
            hu, spacing_mm, modulation=scan.noise_modulation
        )
    reconstructed: FloatGrid = np.ascontiguousarray(np.clip(image, LOWEST_HU, HIGHEST_HU), dtype=np.float32)
    return reconstructed


def slice_matrix(scan: Scan, count: int, spacing_mm: float) -> FloatGrid:
    """How the scan's slices mix the grid's: (count, count) float32, each row sums to one.

    The profile is integrated over voxels; beyond the grid the outermost slice is repeated. Slices with an increment of
    their own lie symmetric about the grid's middle and are interpolated linearly back.
    """
    grid: Matrix = (np.arange(count, dtype=np.float64) - (count - 1) / 2) * spacing_mm
    if scan.increment_mm is None:
        return _profiles(scan, grid, grid, spacing_mm)
    reach = int(np.ceil(abs(grid[0]) / scan.increment_mm))
    slices = np.arange(-reach, reach + 1, dtype=np.float64) * scan.increment_mm
    place = (grid - slices[0]) / scan.increment_mm
    left = np.clip(np.floor(place).astype(int), 0, max(len(slices) - 2, 0))
    weights = np.zeros((count, len(slices)), dtype=np.float32)
    weights[np.arange(count), left] = 1 - (place - left)
    weights[np.arange(count), np.minimum(left + 1, len(slices) - 1)] += place - left
    return np.asarray(weights @ _profiles(scan, slices, grid, spacing_mm), dtype=np.float32)


def _profiles(scan: Scan, slices: Matrix, grid: Matrix, spacing_mm: float) -> FloatGrid:
    """Share of each voxel of the grid in each slice."""
    edges = np.concatenate([[-np.inf], (grid[1:] + grid[:-1]) / 2, [np.inf]])
    away = (edges - slices[:, None]) / max(scan.slice_mm, 0.05 * spacing_mm)
    until: Matrix = np.clip(away + 0.5, 0, 1) if scan.profile == "box" else _ndtr(away * _FULL_WIDTH)
    return np.asarray(np.diff(until, axis=1), dtype=np.float32)


def _transfer(scan: Scan, shape: Sequence[int], spacing_mm: Matrix) -> FloatGrid:
    """Modulation transfer at the frequencies of a cosine transform of a slice."""
    transfer = _mtf(_frequencies(shape, spacing_mm), scan.mtf50_per_cm, scan.fall, scan.enhancement)
    return np.asarray(transfer, dtype=np.float32)


def _frequencies(shape: Sequence[int], spacing_mm: Matrix) -> Matrix:
    """Line pairs per cm."""
    fx, fy = (
        np.arange(count, dtype=np.float64) / (2 * count * step / 10)
        for count, step in zip(shape, spacing_mm, strict=True)
    )
    return np.asarray(np.hypot(fx[:, None], fy[None, :]))


def _mtf(frequency: Matrix, mtf50: float, fall: float, enhancement: float) -> Matrix:
    share = np.square(frequency / (0.5 * mtf50))
    bump = 1 + enhancement * share * np.exp(1 - share)
    return np.asarray(np.exp(-np.log(2.0) * (frequency / mtf50) ** fall) * bump)


def _noise(
    scan: Scan, transfer: FloatGrid, along: FloatGrid, spacing_mm: Matrix, generator: np.random.Generator
) -> FloatGrid:
    """Noise as the kernel and the slices leave it, without its course over the body, HU.

    White noise stays white under an orthonormal transform, so it is drawn as coefficients. A grid of coarse pixels
    holds only the part of the noise below its own limit, as after averaging.
    """
    power = _frequencies(transfer.shape, spacing_mm[:2]) * np.square(transfer, dtype=np.float64)
    pixel_cm2 = float(spacing_mm[0] * spacing_mm[1]) / 100
    variance = float(power.mean()) / pixel_cm2 / _reference_power()
    level = scan.noise_hu * np.sqrt(variance * _REFERENCE_SLICE_MM / scan.slice_mm)
    shape = np.sqrt(power / power.mean()).astype(np.float32) * np.float32(level)
    white = generator.standard_normal((*transfer.shape, along.shape[0]), dtype=np.float32)
    white *= shape[..., None]
    # Neighbouring slices share what their profiles share; the level is set above, so rows keep the variance.
    steady = along / np.sqrt(np.square(along).sum(axis=1).mean())
    return _back(white @ steady.T)


def _reference_power() -> float:
    """Power of the reference scan's noise per square centimetre of frequency, as ``_noise`` counts it."""
    count = 128
    frequency = _frequencies((count, count), np.full(2, _REFERENCE_PIXEL_MM))
    power = frequency * np.square(_mtf(frequency, _REFERENCE_MTF50, _REFERENCE_FALL, 0.0))
    return float(power.mean()) / (_REFERENCE_PIXEL_MM**2 / 100)


def _back(coefficients: FloatGrid) -> FloatGrid:
    return np.asarray(scipy.fft.idctn(coefficients, axes=(0, 1), norm="ortho", overwrite_x=True), dtype=np.float32)


def _spacing(spacing_mm: float | Sequence[float]) -> Matrix:
    spacing = np.broadcast_to(np.asarray(spacing_mm, dtype=np.float64), (3,))
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise AcquisitionError(f"spacing_mm must be positive along each axis; got {spacing.tolist()}")
    return spacing
