"""``fluorobench render``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import output, print_line
from bench.errors import FluorobenchError

if TYPE_CHECKING:
    from bench.geometry import Camera, Matrix
    from bench.volume import Volume
    from bench.xray.case import XrayCase


class RenderError(FluorobenchError):
    """A rendering that cannot be made."""


_NUMBERS = "line integrals -log(I / I0), float32; register reads them with --bright integrals"


@dataclass(frozen=True, kw_only=True)
class Render:
    """Render a CT as an X-ray: line integrals (.tif, .nii, .nii.gz) or a picture (.png)."""

    case: Path | None = None
    """Case file (TOML) instead of the options that name CT and camera: renders what one of its X-rays shows."""

    view: int = 1
    """With --case: the X-ray whose camera is taken, from 1."""

    volume: Path | None = None
    """The CT: a file of Hounsfield units or a folder of DICOM slices."""

    pose: str = "AP"
    """AP, PA, LATERAL, calibration (where the calibration gives a pose in the CT's coordinates), or a .json or .toml
    file with a pose that start, register or reference wrote; with --case also header, and the case file itself."""

    out: Path = Path("render.png")
    """Output file; the ending selects the format."""

    content: str = "everything"
    """Content of the CT: everything, body, bone, or the name of a label."""

    labels: Path | None = None
    """Label map on the CT's grid."""

    label_scheme: str | None = None
    """Numbering of the labels."""

    series: str | None = None
    """DICOM series UID, where the CT's folder holds several."""

    voxel_spacing_mm: tuple[float, float, float] | None = None
    """Along columns, rows, slices, of a CT file that does not state where its voxels lie, such as a TIFF stack."""

    region: str = "whole"
    """Part of the CT: whole, or the name of a label."""

    margin_mm: float = 4.0
    """Margin around the region."""

    box: tuple[float, float, float, float, float, float] | None = None
    """Crop the CT first: lower x y z, upper x y z, LPS mm."""

    depth_mm: float = 700.0
    """Distance from source to the centre of the volume, for AP, PA and LATERAL."""

    sdd_mm: float = 1000.0
    """Distance from source to detector."""

    size: int = 512
    """Pixels per side."""

    spacing_mm: float = 0.6
    """Pixel spacing at the detector."""

    calibration: Path | None = None
    """Calibration file of the camera, as for register; its rows and columns are --size unless it states them."""

    intrinsics: tuple[float, float, float, float] | None = None
    """K as FX FY CX CY in pixels, instead of --spacing-mm and a centred detector."""

    def __call__(self) -> None:
        """Render and write."""
        from bench.drr import AttenuationMap, project
        from bench.xray.write import ENDINGS, write_integrals

        if not self.out.name.lower().endswith(ENDINGS):
            raise RenderError(f"--out must end in {', '.join(ENDINGS)}; got {self.out}")
        if self.size < 1 or not self.spacing_mm > 0:
            raise RenderError(f"--size and --spacing-mm must be positive; got {self.size} and {self.spacing_mm}")
        case = self._case()
        volume = self._content(None if case is None else case.volume())
        camera, pose = self._posed(volume) if case is None else self._seen(case, volume)
        image = project(AttenuationMap.from_volume(volume), pose[None], camera)[0, 0].numpy()
        if not image.any():
            print_line(f"warning: the rendering is empty: {_why_empty(camera, pose, volume)}")
        focal = float(camera.K[0, 0]), float(camera.K[1, 1])
        spacing = camera.spacing_mm or (self.sdd_mm / focal[0], self.sdd_mm / focal[1])
        written = write_integrals(self.out, image, spacing)
        what = "picture of 8 bits, bone bright" if written.suffix == ".png" else _NUMBERS
        output.print(f"written: {written} ({what})", markup=False, soft_wrap=True)

    def _case(self) -> "XrayCase | None":
        from bench.xray.case import read_case

        if self.case is None:
            return None
        own = (self.volume, self.labels, self.series, self.voxel_spacing_mm, self.calibration, self.intrinsics)
        if any(each is not None for each in own):
            raise RenderError("--case names CT and cameras; leave out --volume, --labels, --calibration and the like")
        return read_case(self.case)

    def _content(self, whole: "Volume | None") -> "Volume":
        """The part of the CT to render; its centre is that of ``register`` with the same options."""
        from bench.single.problem import content_of

        return content_of(
            self._volume() if whole is None else whole,
            content=self.content,
            region=self.region,
            margin_mm=self.margin_mm,
            box=self.box,
        )

    def _volume(self) -> "Volume":
        from bench.volume.read import read_volume

        if self.volume is None:
            raise RenderError("expected --volume CT, or --case FILE; got neither")
        return read_volume(
            self.volume,
            labels=self.labels,
            label_scheme=self.label_scheme,
            series=self.series,
            voxel_spacing_mm=self.voxel_spacing_mm,
        )

    def _seen(self, case: "XrayCase", volume: "Volume") -> "tuple[Camera, Matrix]":
        """The camera of one X-ray of a case, and camera_from_world."""
        import numpy as np

        from bench.single.problem import starting_pose

        cameras = case.rig().cameras
        if not 1 <= self.view <= len(cameras):
            raise RenderError(f"--view must be 1 to {len(cameras)}, the X-rays of the case; got {self.view}")
        depth_mm = None if self.pose == "header" else self.depth_mm
        pose = starting_pose(case, self.pose, np.asarray(volume.content_centre()), depth_mm)
        member = cameras[self.view - 1]
        return member.camera, member.camera_from_rig @ pose

    def _posed(self, volume: "Volume") -> "tuple[Camera, Matrix]":
        """The camera of the options, and camera_from_world, 4x4, mm, that ``pose`` names."""
        import numpy as np

        from bench.geometry import StandardView, nominal_pose
        from bench.single.problem import read_pose

        camera, calibrated = self._camera()
        if self.pose in StandardView.__members__:
            return camera, nominal_pose(StandardView[self.pose], np.asarray(volume.content_centre()), self.depth_mm)
        return camera, _stated(calibrated) if self.pose == "calibration" else read_pose(Path(self.pose))

    def _camera(self) -> "tuple[Camera, Matrix | None]":
        """The camera, and camera_from_world where the calibration gives it."""
        from bench.geometry import Camera
        from bench.xray.calibrated import stated_camera
        from bench.xray.camera_files import camera_tables, intrinsics_table

        if self.calibration is not None and self.intrinsics is not None:
            raise RenderError("--calibration gives the complete camera; leave out --intrinsics")
        if self.calibration is None and self.intrinsics is None:
            size = self.size
            return Camera.centred(sdd_mm=self.sdd_mm, height=size, width=size, spacing_mm=self.spacing_mm), None
        if self.intrinsics is not None:
            tables = {"calibration": {**intrinsics_table(self.intrinsics), "sdd_mm": self.sdd_mm}}
            return stated_camera(tables, size=(self.size, self.size), name="--intrinsics")
        tables = camera_tables(Path(str(self.calibration)))
        return stated_camera(tables, size=(self.size, self.size), name=str(self.calibration))


def _stated(pose: "Matrix | None") -> "Matrix":
    if pose is None:
        raise RenderError(
            "--pose calibration needs --calibration of a kind that gives a pose (projection matrix, detector corners, "
            "fiducials or Autoscoper text)"
        )
    return pose


def _why_empty(camera: "Camera", pose: "Matrix", volume: "Volume") -> str:
    """Where the content lies, if not before the detector."""
    import numpy as np

    from bench.geometry import transform_points

    corners = transform_points(pose, volume.content_corners())
    if (corners[:, 2] <= 0).any():
        nearest, farthest = corners[:, 2].min(), corners[:, 2].max()
        return f"the content lies {nearest:.0f} to {farthest:.0f} mm before the source; check the pose"
    pixels = camera.project(corners)
    (left, top), (right, bottom) = np.min(pixels, axis=0), np.max(pixels, axis=0)
    return (
        f"it projects to columns {left:.0f} to {right:.0f} and rows {top:.0f} to {bottom:.0f}; the detector has "
        f"{camera.width} x {camera.height} pixels; check pose, distances and pixel spacing"
    )
