"""The plug-in: settings, ids, files to patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from bench.contract import Acquisition, LandmarkSet, Patient, Split, View
from bench.errors import FluorobenchError
from bench.geometry import Camera, Matrix, transform_points
from bench.geometry.converters.deepfluoro import DeepFluoroView, from_deepfluoro
from bench.geometry.converters.view import ToolView
from bench.volume import Volume
from bench.volume.hdf5 import Hdf5Group, open_hdf5
from bench.volume.labels import label_number

Bone: TypeAlias = Literal["pelvis", "left-femur", "right-femur"]
_PARAMETERS = "proj-params"
_SCHEME = "deepfluoro"
_GRID_TOLERANCE_MM = 1e-3
# As in the registration code of its authors (rg2/Regi2D3D-IPCAI2020, global_pelvis_regi).
_MOVES_WITH: dict[Bone, tuple[str, ...]] = {
    "pelvis": ("hemipelvis_left", "hemipelvis_right", "vertebrae", "upper_sacrum", "lower_sacrum"),
    "left-femur": ("femur_left",),
    "right-femur": ("femur_right",),
}


class DeepFluoroError(FluorobenchError):
    """A file whose content contradicts itself, or settings that it cannot satisfy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepFluoro:
    """The specimens of the file; all are test patients unless the settings state otherwise.

    Attributes:
        file: ``ipcai_2020_full_res_data.h5``; environment variables in it are expanded.
        bone: Whose reference poses and labels. Projections that do not show enough of a femur are left out for it.
        projections: Names such as ``005``; empty = all.
        crop_px: Cut from each border, stored pixels.
        binning: X-ray pixels are means of blocks of this edge.
        air: Intensity without an object; None = estimated from each image.
        train: Specimens that answer to this split.
        validation: The same.
        landmark_tolerance_px: Median distance, stored pixels, at which the check of the frames gives up.
    """

    file: str
    bone: Bone = "pelvis"
    projections: tuple[str, ...] = ()
    crop_px: int = 50
    binning: int = 4
    air: float | None = None
    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    landmark_tolerance_px: float = 20.0

    def __post_init__(self) -> None:
        if self.binning < 1 or self.crop_px < 0:
            raise DeepFluoroError(
                f"binning must be at least 1 and crop_px at least 0; got {self.binning} and {self.crop_px}"
            )
        if both := set(self.train) & set(self.validation):
            raise DeepFluoroError(f"{', '.join(sorted(both))} cannot be in train and in validation")

    def patient_ids(self, split: Split) -> Sequence[str]:
        """Specimens of a split, by name.

        Raises:
            Hdf5Error: The file is not there or of another kind.
            DeepFluoroError: ``train`` or ``validation`` names a specimen that it lacks.
        """
        with open_hdf5(self.file) as root:
            found = _specimens(root)
        chosen = {Split.TRAIN: self.train, Split.VALIDATION: self.validation}
        if absent := {name for names in chosen.values() for name in names} - set(found):
            raise DeepFluoroError(
                f"no specimen {', '.join(sorted(absent))} in {self.file}; it holds {', '.join(found)}"
            )
        if split in chosen:
            return tuple(name for name in found if name in chosen[split])
        return tuple(name for name in found if name not in (*self.train, *self.validation))

    def patient(self, patient_id: str) -> Patient:
        """Read CT, labels, landmarks, X-rays and reference poses of a specimen.

        Raises:
            Hdf5Error: A group that the layout promises is missing, or cannot be read.
            DeepFluoroError: No such specimen, labels on another grid, or landmarks that contradict the poses.
            XrayError: An image that cannot be used.
        """
        with open_hdf5(self.file) as root:
            found = _specimens(root)
            if patient_id not in found:
                raise DeepFluoroError(f"no specimen {patient_id!r} in {self.file}; it holds {', '.join(found)}")
            specimen = root.group(patient_id)
            volume = _volume(specimen, self.bone)
            marks = _landmarks(specimen)
            shots = specimen.group("projections")
            names = [name for name in self.projections or shots.names() if self._shows_bone(shots.group(name))]
            parameters = root.group(_PARAMETERS)
            acquisitions = tuple(self._acquisition(shots.group(name), name, parameters, marks) for name in names)
        return Patient(patient_id, volume.fingerprint(), volume, (marks,), acquisitions)

    def _shows_bone(self, shot: Hdf5Group) -> bool:
        return self.bone == "pelvis" or shot.number(f"gt-poses/{self.bone}-good-fov") != 0

    def _acquisition(self, shot: Hdf5Group, name: str, parameters: Hdf5Group, marks: LandmarkSet) -> Acquisition:
        self._check_landmarks(shot, _tool_view(shot, parameters, "pelvis"), marks)
        tool = _tool_view(shot, parameters, self.bone)
        return Acquisition(name, (self._view(shot, tool),), reference=tool.camera_from_world)

    def _view(self, shot: Hdf5Group, tool: ToolView) -> View:
        # The libraries that the reader of other X-rays needs are loaded only where an image is read.
        from bench.xray.calibration import view_of
        from bench.xray.read import XrayImage

        camera, cut = tool.camera, self.crop_px
        pixels = tool.image(np.asarray(shot.array("image/pixels", (camera.height, camera.width)), dtype=np.float32))
        cropped = _cropped(camera, cut, shot)
        inside = np.ascontiguousarray(pixels[cut : cut + cropped.height, cut : cut + cropped.width])
        image = XrayImage(
            intensities=inside,
            full_scale=float(inside.max()),
            spacing_mm=camera.spacing_mm,
            sdd_mm=camera.sdd_mm,
            source_to_patient_mm=None,
            angles_deg=None,
            photometric=None,
            path=f"{shot.file}: {shot.name}",
        )
        return view_of(image, cropped, binning=self.binning, air=self.air)

    def _check_landmarks(self, shot: Hdf5Group, tool: ToolView, marks: LandmarkSet) -> None:
        """Refuse a projection whose landmarks are not where the pose puts them: a frame or flip is not as described."""
        stored = shot.group("gt-landmarks")
        known = [name for name in marks.point_names if stored.has(name)]
        if not known:
            return
        points = marks.points[[marks.point_names.index(name) for name in known]]
        ours = tool.camera.project(transform_points(tool.camera_from_world, points))
        theirs = np.array([stored.array(name, (2,)) for name in known], dtype=np.float64)
        if tool.flip_columns:
            theirs[:, 0] = tool.camera.width - 1 - theirs[:, 0]
        if tool.flip_rows:
            theirs[:, 1] = tool.camera.height - 1 - theirs[:, 1]
        off = float(np.median(np.linalg.norm(ours - theirs, axis=1)))
        if not off <= self.landmark_tolerance_px:
            raise DeepFluoroError(
                f"{shot.file}: {shot.name}: landmarks lie {off:.1f} pixels (median) from where the pose projects them; "
                f"expected at most {self.landmark_tolerance_px:g}: pose, intrinsic or flip differs from the layout"
            )


def _specimens(root: Hdf5Group) -> tuple[str, ...]:
    root.group(_PARAMETERS)
    return tuple(name for name in root.names() if name != _PARAMETERS)


def _tool_view(shot: Hdf5Group, parameters: Hdf5Group, bone: Bone) -> ToolView:
    return from_deepfluoro(
        DeepFluoroView(
            intrinsic=parameters.matrix("intrinsic"),
            extrinsic=parameters.pose("extrinsic"),
            cam_to_vol=shot.pose(f"gt-poses/cam-to-{bone}-vol"),
            num_rows=int(parameters.number("num-rows")),
            num_cols=int(parameters.number("num-cols")),
            pixel_col_spacing=parameters.number("pixel-col-spacing"),
            rot_180_for_up=shot.number("rot-180-for-up") != 0,
        )
    )


def _cropped(camera: Camera, cut: int, shot: Hdf5Group) -> Camera:
    height, width = camera.height - 2 * cut, camera.width - 2 * cut
    if min(height, width) < 1:
        raise DeepFluoroError(
            f"crop_px {cut} leaves nothing of {camera.height} x {camera.width} pixels ({shot.file}: {shot.name})"
        )
    K = camera.K.copy()
    K[:2, 2] -= cut
    return Camera(K, height, width, camera.sdd_mm)


def _landmarks(specimen: Hdf5Group) -> LandmarkSet:
    group = specimen.group("vol-landmarks")
    names = group.names()
    if not names:
        raise DeepFluoroError(f"{specimen.file}: {group.name} is empty; expected one point a landmark")
    return LandmarkSet("anatomical", np.stack([group.vector(name) for name in names]), names)


def _volume(specimen: Hdf5Group, bone: Bone) -> Volume:
    image, labels = specimen.group("vol"), specimen.group("vol-seg/image")
    affine, other = _affine(image), _affine(labels)
    hu = np.ascontiguousarray(image.array("pixels", (None, None, None)).T, dtype=np.float32)
    numbers = np.ascontiguousarray(labels.array("pixels", (None, None, None)).T, dtype=np.uint16)
    if numbers.shape != hu.shape or np.abs(affine - other).max() > _GRID_TOLERANCE_MM:
        raise DeepFluoroError(
            f"{specimen.file}: the labels of {specimen.name} are on another grid than its CT: shape {numbers.shape}, "
            f"affine {other.tolist()}; the CT has {hu.shape}, {affine.tolist()}"
        )
    kept = np.isin(numbers, [label_number(_SCHEME, name) for name in _MOVES_WITH[bone]])
    return Volume(hu, affine, np.where(kept, numbers, np.uint16(0)), _SCHEME)


def _affine(image: Hdf5Group) -> Matrix:
    """world_from_index of an image group: an ITK image's direction, spacing and origin."""
    affine = np.eye(4)
    affine[:3, :3] = image.matrix("dir-mat") * image.vector("spacing")
    affine[:3, 3] = image.vector("origin")
    return affine
