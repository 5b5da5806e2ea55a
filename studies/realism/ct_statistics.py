"""Statistics of one CT: HU of its tissues, spectra and gradients of its DRRs, contrast of its spine.

Volumes must have one grid and field of view (``datasets/common_grid``); otherwise scanners are compared, not patients.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from bench.cases.scene import scene_of
from bench.contract import Image
from bench.drr import AttenuationMap, project
from bench.geometry import StandardView, nominal_pose
from bench.score.statistics import Floats
from bench.volume import Volume
from bench.volume.content import body_mask, bone_mask, with_content

_SCENE = scene_of("sopi-sim")
DEPTH_MM, SIZE = _SCENE.depth_mm, _SCENE.camera.height
ISOCENTRE_PIXEL_MM = DEPTH_MM / float(_SCENE.camera.K[0, 0])
VIEWS = (StandardView.AP, StandardView.LATERAL)

# Windows of HU; what lies in the windows of soft tissue and fat is not bone.
WINDOWS: Mapping[str, tuple[float, float]] = {"bone": (-200, 1400), "soft tissue": (-30, 150), "fat": (-200, -30)}
HU_BINS: Mapping[str, Floats] = {
    "bone": np.arange(-200, 1401, 50.0),
    "soft tissue": np.arange(-30, 151, 10.0),
    "fat": np.arange(-200, -29, 10.0),
}
GRADIENT_BINS = np.linspace(-3.0, 0.0, 31)
_FREQUENCIES = 20
_LOWEST_PER_MM = 0.015
CLUTTER = "clutter, AP (log10 of soft edges over the spine's)"
# Block of pixels of the coarsest level of the protocol realism, 64 x 64 pixels: there a search finds its basin or not.
_COARSE_PX = SIZE // 64
_SOFT_HU = np.float32(40)


@dataclass(frozen=True, slots=True, kw_only=True)
class CtStatistics:
    """Statistics of one patient's CT and its projections.

    Attributes:
        patient_id: Of the patient.
        scalars: Named numbers; each name states the quantity and its unit.
        curves: Named curves over the fixed positions of ``positions``: densities of HU, log10 power, densities of
            log10 gradient magnitudes.
        positions: Of each curve.
        images: DRRs of the body by view, for figures.
    """

    patient_id: str
    scalars: Mapping[str, float]
    curves: Mapping[str, Floats]
    positions: Mapping[str, Floats]
    images: Mapping[str, Image]


def ct_statistics(patient_id: str, volume: Volume) -> CtStatistics:
    """Measure a volume whose labels are its lumbar bone.

    Args:
        patient_id: Name of the patient.
        volume: On the common grid.
    """
    scalars: dict[str, float] = {}
    curves: dict[str, Floats] = {}
    positions: dict[str, Floats] = {}
    _tissues(volume, scalars, curves, positions)
    images = {view.name: _drr(volume, "body", view) for view in VIEWS}
    nyquist = 0.5 / float(volume.spacing_mm.max())
    for name, image in images.items():
        _texture(name, image, nyquist, scalars, curves, positions)
    scalars |= spine_contrast(images["AP"], _drr(volume, "bone", StandardView.AP))
    softened = _drr(_softened(volume), "body", StandardView.AP)
    scalars[CLUTTER] = clutter(images["AP"], softened)
    return CtStatistics(patient_id=patient_id, scalars=scalars, curves=curves, positions=positions, images=images)


def spectrum(image: Image, *, pixel_mm: float, highest_per_mm: float) -> tuple[Floats, Floats]:
    """Radial power spectrum of an image under a Hann window: frequencies (per mm) and log10 of the mean power there.

    Args:
        image: (n, n).
        pixel_mm: Edge of a pixel.
        highest_per_mm: Upper end; beyond the volume's own resolution there is only interpolation.
    """
    side = image.shape[0]
    window = np.outer(np.hanning(side), np.hanning(side))
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2 * (pixel_mm / side) ** 2
    along = np.fft.fftfreq(side, pixel_mm)
    radius = np.hypot(along[:, None], along[None, :])
    edges = np.geomspace(_LOWEST_PER_MM, highest_per_mm, _FREQUENCIES + 1)
    number = np.digitize(radius.ravel(), edges)
    counts = np.bincount(number, minlength=edges.size + 1)[1:-1]
    sums = np.bincount(number, weights=power.ravel(), minlength=edges.size + 1)[1:-1]
    present = counts > 0
    return np.sqrt(edges[:-1] * edges[1:])[present], np.log10(sums[present] / counts[present])


def spine_contrast(body: Image, bone: Image) -> dict[str, float]:
    """Contrast of the spine in AP: over its neighbours, and bone's own share of the line integral.

    Args:
        body: AP line integrals of the body.
        bone: Of the lumbar bone alone.
    """
    middle = slice(SIZE // 4, 3 * SIZE // 4)
    strong = float(np.percentile(bone[middle], 95))
    spine = bone[middle] >= strong / 2
    beside = bone[middle] < 0.01 * strong
    if not beside.any() or not spine.any():
        return {"spine over its neighbours, AP (%)": np.nan, "bone's share of the spine's path, AP (%)": np.nan}
    over = float(body[middle][spine].mean() / body[middle][beside].mean() - 1)
    share = float((bone[middle][spine] / body[middle][spine]).mean())
    return {"spine over its neighbours, AP (%)": 100 * over, "bone's share of the spine's path, AP (%)": 100 * share}


def clutter(body: Image, softened: Image) -> float:
    """Energy of all gradients except the spine's, over that of the spine's, log10, at 64 x 64 pixels.

    Within the bounding box of the spine's projection. The spine's edges are those that vanish when bone is replaced by
    soft tissue; removing the bone instead would leave a hole, which has edges itself.

    Args:
        body: (256, 256) AP line integrals of the body.
        softened: The same with soft tissue in the place of the lumbar bone.
    """
    spine = body - softened
    there = spine > 0.05 * float(np.percentile(spine, 99))
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    if not rows.size or float(spine.max()) <= 0:
        return np.nan
    box = np.s_[
        rows[0] // _COARSE_PX : rows[-1] // _COARSE_PX + 1, columns[0] // _COARSE_PX : columns[-1] // _COARSE_PX + 1
    ]
    soft, own = (float(_gradient_energy(image)[box].sum()) for image in (softened, spine))
    return float(np.log10(soft / own)) if soft > 0 and own > 0 else np.nan


def _gradient_energy(image: Image) -> Floats:
    """Squared gradient of the image in blocks of the coarsest level's pixels."""
    side = SIZE // _COARSE_PX
    coarse = image.astype(np.float64).reshape(side, _COARSE_PX, side, _COARSE_PX).mean(axis=(1, 3))
    down, across = np.gradient(coarse)
    return np.asarray(down**2 + across**2)


def _softened(volume: Volume) -> Volume:
    """The CT with soft tissue in the place of its bone."""
    return replace(volume, hu=np.where(bone_mask(volume), _SOFT_HU, volume.hu))


def _tissues(
    volume: Volume, scalars: dict[str, float], curves: dict[str, Floats], positions: dict[str, Floats]
) -> None:
    bone, body = bone_mask(volume), body_mask(volume)
    other = body & ~ndimage.binary_dilation(bone)
    for name, (low, high) in WINDOWS.items():
        there = volume.hu[bone if name == "bone" else other]
        held = there[(there >= low) & (there < high)]
        density, edges = np.histogram(held, HU_BINS[name])
        curves[f"HU of {name}"] = density / max(1, held.size)
        positions[f"HU of {name}"] = (edges[1:] + edges[:-1]) / 2
        scalars[f"{name}, median (HU)"] = float(np.median(held)) if held.size else np.nan
        scalars[f"{name}, standard deviation (HU)"] = float(held.std()) if held.size else np.nan
        if name != "bone":
            scalars[f"{name}, share of the body (%)"] = 100 * held.size / int(body.sum())
    scalars["bone, 95th percentile (HU)"] = float(np.percentile(volume.hu[bone], 95))


def _texture(
    view: str,
    image: Image,
    nyquist_per_mm: float,
    scalars: dict[str, float],
    curves: dict[str, Floats],
    positions: dict[str, Floats],
) -> None:
    name = f"power spectrum, {view}"
    positions[name], curves[name] = spectrum(image, pixel_mm=ISOCENTRE_PIXEL_MM, highest_per_mm=nyquist_per_mm)
    down, across = np.gradient(image.astype(np.float64), ISOCENTRE_PIXEL_MM)
    size = np.hypot(down, across)
    name = f"gradient magnitude, {view}"
    counts, edges = np.histogram(np.log10(np.maximum(size, 1e-9)), GRADIENT_BINS)
    curves[name], positions[name] = counts / size.size, (edges[1:] + edges[:-1]) / 2
    scalars[f"gradient, median, {view} (1/mm)"] = float(np.median(size))
    scalars[f"gradient, 95th percentile, {view} (1/mm)"] = float(np.percentile(size, 95))
    scalars[f"line integral, median, {view}"] = float(np.median(image))


def _drr(volume: Volume, content: str, view: StandardView) -> Image:
    centre = volume.with_mask(bone_mask(volume)).content_centre()
    attenuation = AttenuationMap.from_volume(with_content(volume, content))
    image: Image = project(attenuation, nominal_pose(view, centre, DEPTH_MM)[None], _SCENE.camera)[0, 0].numpy()
    return image
