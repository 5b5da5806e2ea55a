"""A case of one's own, described by one TOML file: a CT, its X-ray images, and the source of their calibration.

::

    id = "patient-7"                    # optional; else the file's name
    reference_file = "reference.toml"   # optional; or the table [reference] itself

    [ct]
    volume = "ct.nii.gz"                # or a folder of DICOM slices
    labels = "vertebrae.nii.gz"         # optional, with label_scheme = "verse", "totalsegmentator" or a file

    [[images]]                          # taken together; the first one's camera is the rig
    file = "ap.dcm"
    flip = "none"                       # where the file does not state it; likewise bright, bits, zero, frame
    binning = 2                         # optional: pixels are means of blocks
    [images.calibration]
    kind = "header"                     # from the DICOM header; sdd_mm, spacing_mm stated here override it
    # kind = "matrix"                   # K = 3x3 in pixels; optional sdd_mm, size = [rows, columns]
    # kind = "autoscoper"               # file = "cam01.txt"
    # kind = "projection", "detector" or "fiducials": see bench.xray.calibration_tables
    [images.distortion]                 # optional: of an image intensifier; see there

    [reference]                         # optional
    pose = [[...], [...], [...], [...]] # rig_from_world, 4x4, mm
    uncertainty_mm = 1.5                # its uncertainty (mTRE)
    other_pose = [[...], ...]           # a second one, found independently: tables print agreement with both

Further images state their pose on the rig: ``camera_from_rig`` (4x4, mm), or calibrations of one common world (all of
kind ``autoscoper``, ``projection``, ``detector`` or ``fiducials``), or positioner angles in every header. Paths are
relative to the file. K belongs to the image as seen from the source.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.contract import Acquisition, Patient, View
from bench.files import at_home
from bench.geometry import Camera, Matrix, Rig, require_rigid
from bench.geometry.converters.dicom import from_dicom
from bench.text import read_toml
from bench.volume import Volume
from bench.xray.calibration import camera_of, positioner_of, view_of
from bench.xray.calibration_tables import Header, IntrinsicMatrix, WithPose
from bench.xray.case_tables import (
    CaseError,
    CaseTables,
    ImageTable,
    ReferenceTable,
    read_reference,
    validated,
)
from bench.xray.line_integrals import XrayError

if TYPE_CHECKING:
    from bench.xray.calibrated import Calibrated
    from bench.xray.distortion import Undistortion
    from bench.xray.line_integrals import Valid
    from bench.xray.read import XrayImage

# In mm and, of rotations, in radians: far below what any calibration knows.
_SAME_POSE = 1e-6


class XrayCase:
    """A case with its files; images and volume are read on demand."""

    def __init__(self, tables: CaseTables, *, folder: Path, name: str) -> None:
        """Bind tables to the folder that their paths are relative to, and to the name that stands in messages."""
        self.tables, self.folder, self._name = tables, folder, name
        self._calibrations, self._resamplings = dict[int, "Calibrated"](), dict[int, "Undistortion"]()

    def at(self, files: "Sequence[tuple[Path, int | None]]") -> "XrayCase":
        """The same CT and cameras with other images: a file and its frame for each view."""
        images = tuple(
            table.model_copy(update={"file": str(file.resolve()), "frame": table.frame if frame is None else frame})
            for table, (file, frame) in zip(self.tables.images, files, strict=True)
        )
        return XrayCase(self.tables.model_copy(update={"images": images}), folder=self.folder, name=self._name)

    @property
    def id(self) -> str:
        """The patient's name."""
        return self.tables.id or Path(self._name).stem

    def volume(self) -> Volume:
        """The CT with its labels.

        Raises:
            VolumeError: Files that cannot be used.
        """
        from bench.volume.read import read_volume

        ct = self.tables.ct
        labels = None if ct.labels is None else self.path(ct.labels)
        scheme = None if ct.label_scheme is None else self._scheme(ct.label_scheme)
        return read_volume(
            self.path(ct.volume),
            labels=labels,
            label_scheme=scheme,
            series=ct.series,
            voxel_spacing_mm=ct.voxel_spacing_mm,
        )

    def views(self) -> tuple[View, ...]:
        """The images as methods get them, on one rig.

        Raises:
            XrayError: A value that is missing or impossible.
        """
        rig = self.rig()
        return tuple(
            view_of(
                self._image(table),
                member.camera,
                camera_from_rig=member.camera_from_rig,
                binning=table.binning,
                air=table.air,
                dark_fraction=table.dark_fraction,
                valid=self._valid(table),
            )
            for table, member in zip(self.tables.images, rig.cameras, strict=True)
        )

    def nominal(self, centre: Matrix, *, depth_mm: float | None = None) -> Matrix:
        """rig_from_world that the first image's header describes, with ``centre`` (world, mm) at the isocentre.

        Args:
            centre: World point, mm.
            depth_mm: Source to patient, where the header does not state it or is wrong.

        Raises:
            XrayError: Fields are missing; they are named.
        """
        image = self._image(self.tables.images[0])
        if depth_mm is not None:
            image = replace(image, source_to_patient_mm=depth_mm)
        return from_dicom(positioner_of(image), isocentre=centre).camera_from_world

    def reference(self) -> ReferenceTable | None:
        """The reference, from the case or from the file that it names."""
        if self.tables.reference_file is None:
            return self.tables.reference
        return read_reference(self.path(self.tables.reference_file))

    def patient(self) -> Patient:
        """CT and images as one patient with one acquisition.

        Raises:
            CaseError: The reference's search did not confirm it.
        """
        reference = self.reference()
        if reference is not None and reference.confirmed is False:
            raise CaseError(f"{self._name}: {_unconfirmed(reference)}")
        volume = self.volume()
        taken = Acquisition(
            id=self.id,
            views=self.views(),
            reference=None if reference is None else require_rigid(reference.pose, f"{self._name}: reference.pose"),
            reference_uncertainty_mm=None if reference is None else reference.uncertainty_mm,
            other_reference=self._other(reference),
        )
        return Patient(self.id, volume.fingerprint(), volume, acquisitions=(taken,))

    def _other(self, reference: ReferenceTable | None) -> Matrix | None:
        if reference is None or reference.other_pose is None:
            return None
        return require_rigid(reference.other_pose, f"{self._name}: reference.other_pose")

    def path(self, text: str) -> Path:
        """A path of the case: variables and ~ expanded, relative to its folder."""
        expanded = os.path.expandvars(text)
        if expanded.startswith("$"):
            raise CaseError(f"{self._name}: the environment variable in {text} is not set; set it to your folder")
        return self.folder / at_home(expanded)

    def _scheme(self, text: str) -> str:
        return str(self.path(text)) if text.endswith(".toml") else text

    def calibrated_pose(self) -> Matrix | None:
        """rig_from_world of the calibrations, where they give one: "world" is theirs, mm."""
        table = self.tables.images[0]
        return (
            None
            if isinstance(table.calibration, Header | IntrinsicMatrix)
            else self._calibrated(table).camera_from_world
        )

    def fits(self) -> dict[int, dict[str, Any]]:
        """Residuals of what was fitted to calibrate an image (fiducials, distortion), by the image's number from 1.

        Raises:
            XrayError: A calibration that cannot be used.
        """
        found = dict[int, dict[str, Any]]()
        for number, table in enumerate(self.tables.images, start=1):
            fit = self._calibrated(table).fit if isinstance(table.calibration, WithPose) else None
            resampling = None if table.distortion is None else self._undistortion(table).fit
            stated = {name: each for name, each in (("fiducials", fit), ("distortion", resampling)) if each}
            if stated:
                found[number] = stated
        return found

    def _image(self, table: ImageTable) -> "XrayImage":
        image = self._distorted(table)
        if table.distortion is None:
            return image
        return replace(image, intensities=self._undistortion(table).apply(image.intensities)[0])

    def _valid(self, table: ImageTable) -> "Valid | None":
        return None if table.distortion is None else self._undistortion(table).inside

    def _undistortion(self, table: ImageTable) -> "Undistortion":
        from bench.xray.distortion import undistortion

        key = self.tables.images.index(table)
        if key not in self._resamplings and table.distortion is not None:
            size = self._distorted(table).intensities.shape
            self._resamplings[key] = undistortion(table.distortion, size=size, flip=table.flip, path=self.path)
        return self._resamplings[key]

    def _distorted(self, table: ImageTable) -> "XrayImage":
        from bench.xray.read import read_xray

        given = table.calibration if isinstance(table.calibration, Header) else Header(kind="header")
        return read_xray(
            self.path(table.file),
            spacing_mm=given.spacing_mm,
            sdd_mm=given.sdd_mm,
            flip=table.flip,
            bits=table.bits,
            bright=table.bright,
            zero=table.zero,
            frame=table.frame,
        )

    def rig(self) -> Rig:
        """The cameras of the whole images, before binning.

        Raises:
            XrayError: A value that is missing or impossible.
        """
        images = self.tables.images
        cameras = [self._camera(table) for table in images]
        if len(images) == 1:
            return Rig.from_calibrations(cameras, [np.eye(4)])
        rig = Rig.from_calibrations(cameras, self._camera_poses(images))
        self._require_several(rig)
        return rig

    def _require_several(self, rig: Rig) -> None:
        """Refuse two views with equal geometry: mostly frames of a rotational run without angles per frame."""
        for (i, first), (j, second) in combinations(enumerate(rig.cameras, start=1), 2):
            same_pose = np.allclose(first.camera_from_rig, second.camera_from_rig, rtol=0, atol=_SAME_POSE)
            if same_pose and np.allclose(first.camera.K, second.camera.K, rtol=_SAME_POSE):
                raise XrayError(
                    f"{self._name}: views {i} and {j} have one and the same geometry; expected cameras that stand "
                    "apart: give each its calibration or camera_from_rig, or register the images one by one"
                )

    def _camera(self, table: ImageTable) -> Camera:
        calibration = table.calibration
        if isinstance(calibration, Header):
            return camera_of(self._image(table), principal_point_px=calibration.principal_point_px)
        if isinstance(calibration, WithPose):
            return self._calibrated(table).camera
        rows, columns = calibration.size or self._image(table).intensities.shape
        return Camera(np.array(calibration.K, dtype=np.float64), rows, columns, calibration.sdd_mm)

    def _calibrated(self, table: ImageTable) -> "Calibrated":
        """Camera and camera_from_world of a calibration that gives both; "world" is its own."""
        from bench.xray.calibrated import calibrated

        key = self.tables.images.index(table)
        if key not in self._calibrations and isinstance(table.calibration, WithPose):
            size = self._distorted(table).intensities.shape
            found = calibrated(table.calibration, size=size, flip=table.flip, path=self.path)
            self._calibrations[key] = found
        return self._calibrations[key]

    def _camera_poses(self, images: Sequence[ImageTable]) -> list[Matrix]:
        """camera_from_common for a common frame of all cameras."""
        if all(table.camera_from_rig is not None for table in images[1:]):
            poses = [np.eye(4) if table.camera_from_rig is None else table.camera_from_rig for table in images]
            return [require_rigid(pose, f"{self._name}: camera_from_rig") for pose in poses]
        if all(isinstance(table.calibration, WithPose) for table in images):
            return [self._calibrated(table).camera_from_world for table in images]
        try:
            headers = [positioner_of(self._image(table)) for table in images]
        except XrayError as error:
            raise XrayError(
                f"{self._name}: the relative pose of the cameras is unknown: give camera_from_rig (4x4, mm) for "
                f"every image but the first, or images whose headers state it ({error})"
            ) from None
        return [from_dicom(header, isocentre=np.zeros(3)).camera_from_world for header in headers]


def read_case(path: str | Path) -> XrayCase:
    """Read a case file; the files that it names are not opened yet.

    Raises:
        CaseError: No such file, no TOML, or keys that are missing, unknown or wrong, each by its name.
    """
    file = at_home(os.path.expandvars(str(path)))
    tables = validated(CaseTables, read_toml(file, CaseError), str(file))
    if tables.reference is not None and tables.reference_file is not None:
        raise CaseError(f"{file}: reference and reference_file are both given; keep one")
    return XrayCase(tables, folder=file.parent, name=str(file))


def case_of(tables: Mapping[str, Any], *, name: str, folder: Path) -> XrayCase:
    """The case of tables made from a command line.

    Raises:
        CaseError: Keys that are missing, unknown or wrong.
    """
    return XrayCase(validated(CaseTables, tables, name), folder=folder, name=name)


def _unconfirmed(reference: ReferenceTable) -> str:
    """The error for an unconfirmed reference."""
    apart = "" if reference.uncertainty_mm is None else f" (apart by up to {reference.uncertainty_mm:.2f} mm mTRE)"
    return (
        f"the searches of its reference did not agree{apart}, so it cannot serve as reference pose; if the overlay "
        "shows that the pose is right, set confirmed = true in it"
    )
