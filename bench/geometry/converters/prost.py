"""ProST: Projective Spatial Transformers (Gao et al., arXiv:2010.07372), and the renderer that SOPI inherits from it.

The tool's convention (read in its public code, gaocong13/Projective-Spatial-Transformers at f89a557):

* Lengths are divided by ``norm``, half the edge of the CT cube in mm, so that the cube is [-1, 1]^3. The volume
  frame's first axis runs along the *last* axis of the volume tensor (D, H, W) and its third axis along the first; its
  origin is the point at voxel index N / 2, half a voxel beyond the middle.
* The source is on the camera's third axis at +src, the detector beyond the origin at src - SDD; rays go towards minus
  z. Rows of the image run along the camera's first axis, columns along its second, at ``spacing * (index - N / 2)``:
  the principal point is the centre of pixel (H / 2, W / 2), half a pixel off the detector's centre.
* The pose maps points on the rays to the volume: p_volume = R p_camera + t. The vector is (angle-axis of R in rad, t
  / norm).

Which patient direction each volume axis has depends on how the CT was loaded, so the scene must state it. Where those
axes are left-handed (SOPI), the image is mirrored, and rows are flipped to see it from the source.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from bench.geometry.camera import Camera
from bench.geometry.converters.view import ConversionError, ToolView, camera_matrix
from bench.geometry.rigid import Matrix, compose

ORTHOGONAL_TOLERANCE = 1e-9
# Columns run along ProST's second camera axis, rows along its first, and z away from the source.
_CAMERA_FROM_PROST = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1.0]])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ProSTScene:
    """The fixed geometry of ProST's renderer; the defaults are the published projector's.

    Attributes:
        volume_axes: 3x3, rows: the volume frame's axes in LPS; orthogonal, of either handedness.
        centre: World point (LPS, mm) at voxel index N / 2 along every axis.
        norm_mm: Half the edge of the CT cube.
        sdd_mm: Source to detector.
        source_mm: Source to the origin of the camera frame.
        spacing_mm: Of square pixels.
        height: Rows.
        width: Columns.
    """

    volume_axes: Matrix
    centre: Matrix
    norm_mm: float = 128 * 2.332 / 2
    sdd_mm: float = 1020.0
    source_mm: float = 620.0
    spacing_mm: float = 0.73 * 512 / 128
    height: int = 128
    width: int = 128

    def __post_init__(self) -> None:
        axes = np.asarray(self.volume_axes, dtype=np.float64)
        if axes.shape != (3, 3) or not np.allclose(axes @ axes.T, np.eye(3), rtol=0, atol=ORTHOGONAL_TOLERANCE):
            raise ConversionError(f"volume_axes must be three orthonormal rows in LPS; got {axes.tolist()}")

    @property
    def flip_rows(self) -> bool:
        """Whether the volume axes are left-handed, so that the image is mirrored."""
        return bool(np.linalg.det(self.volume_axes) < 0)

    @property
    def camera(self) -> Camera:
        """Intrinsics of the image as seen from the source."""
        f = self.sdd_mm / self.spacing_mm
        row = self.height / 2
        cy = self.height - 1 - row if self.flip_rows else row
        return Camera(camera_matrix(fx=f, fy=f, cx=self.width / 2, cy=cy), self.height, self.width, self.sdd_mm)

    @property
    def camera_from_prost(self) -> Matrix:
        """Our camera's axes in ProST's camera frame, 3x3."""
        axes: Matrix = np.diag([1.0, -1.0 if self.flip_rows else 1.0, 1.0]) @ _CAMERA_FROM_PROST
        return axes

    def camera_from_world(self, rotation: Matrix, translation_mm: Matrix) -> Matrix:
        """Our pose of ``p_volume = rotation @ p_camera + translation_mm``."""
        source = np.array([0.0, 0.0, self.source_mm])
        turned = self.camera_from_prost @ rotation.T
        offset = -turned @ translation_mm - self.camera_from_prost @ source
        return compose(turned @ self.volume_axes, offset - turned @ self.volume_axes @ self.centre)

    def volume_from_prost(self, camera_from_world: Matrix) -> tuple[Matrix, Matrix]:
        """(rotation, translation_mm) of our pose, camera to volume; the inverse of ``camera_from_world``."""
        to_prost = self.camera_from_prost.T
        source = np.array([0.0, 0.0, self.source_mm])
        moved_centre = to_prost @ (camera_from_world[:3, :3] @ self.centre + camera_from_world[:3, 3]) + source
        rotation = (to_prost @ camera_from_world[:3, :3] @ self.volume_axes.T).T
        return rotation, -rotation @ moved_centre


def from_prost(rtvec: Matrix, scene: ProSTScene) -> ToolView:
    """Our view of a ProST vector.

    Args:
        rtvec: (6,) angle-axis in rad, then translation / norm; camera to volume.
        scene: The renderer.
    """
    rotation = np.asarray(Rotation.from_rotvec(rtvec[:3]).as_matrix(), dtype=np.float64)
    pose = scene.camera_from_world(rotation, np.asarray(rtvec[3:], dtype=np.float64) * scene.norm_mm)
    return ToolView(camera=scene.camera, camera_from_world=pose, flip_rows=scene.flip_rows)


def to_prost(camera_from_world: Matrix, scene: ProSTScene) -> Matrix:
    """The ProST vector (6,) of our pose; its angle lies in [0, pi]."""
    rotation, translation_mm = scene.volume_from_prost(camera_from_world)
    rotvec = Rotation.from_matrix(rotation).as_rotvec()
    return np.concatenate([rotvec, translation_mm / scene.norm_mm]).astype(np.float64)
