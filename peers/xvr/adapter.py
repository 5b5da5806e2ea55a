"""xvr: its multi-scale registration (mNCC and gradient NCC, Adam, plateaus) by its own ``Register``."""

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchvision_operators  # noqa: F401 (before diffdrr and xvr, which import torchvision)
from carm import ORIENTATION, camera_from_world, carm_pose
from diffdrr.data import read
from diffdrr.drr import DRR
from diffdrr.pose import RigidTransform
from exchange import Answer, Array, Problem, View
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid
from torchio import ScalarImage
from xvr.register import FixedPose, Register

torch.set_num_threads(1)
_LARGEST = 65535


@dataclass(frozen=True)
class Recipe:
    """``scales``: Factors by which the image shrinks, coarse to fine; ``iterations``: at most, at each scale.

    ``centred``: Poses are corrected for xvr's renderer, which places the volume half a voxel off on every axis.
    """

    scales: tuple[float, ...] = (8.0, 4.0)
    iterations: tuple[int, ...] = (500, 500)
    centred: bool = False


RECIPES = {"multiscale": Recipe(), "centred": Recipe(centred=True)}
_HALF_VOXEL = np.full(3, -0.5)


def _isocentre(problem: Problem, *, centred: bool) -> Array:
    """Of the file (RAS, mm), or of where the renderer has the volume."""
    off = problem.ras_from_index[:3, :3] @ _HALF_VOXEL if centred else np.zeros(3)
    return np.array(ScalarImage(problem.volume_path).get_center()) + off


def _labels(problem: Problem) -> dict[str, object]:
    return {} if problem.mask_path is None else {"labelpath": str(problem.mask_path), "labels": [1]}


def render(problem: Problem, pose: Array) -> Array:
    """The first view at ``rig_from_world``, by the renderer that xvr sets up."""
    view = problem.views[0]
    labels = {} if problem.mask_path is None else {"labelmap": problem.mask_path, "labels": [1]}
    subject = read(problem.volume_path, orientation=ORIENTATION, **labels)
    (x0, y0), (across, down), (rows, columns) = view.offset_mm, view.spacing_mm, view.image.shape
    drr = DRR(subject, view.sdd_mm, rows, across, columns, down, x0, y0, renderer="trilinear", voxel_shift=0.0)
    carm = carm_pose(view.camera_from_rig @ pose, _isocentre(problem, centred=True))
    with torch.no_grad():
        image = drr(RigidTransform(torch.as_tensor(carm, dtype=torch.float32)[None]))
    return np.asarray(image[0, 0])


def register(problem: Problem, recipe: str) -> Answer:
    """Search from the start, on the first view."""
    settings, view = RECIPES[recipe], problem.views[0]
    isocentre = _isocentre(problem, centred=settings.centred)
    carm = carm_pose(view.camera_from_rig @ problem.start, isocentre)
    start = RigidTransform(torch.as_tensor(carm, dtype=torch.float32)[None])
    rotation, translation = start.convert("euler_angles", "ZXY")
    initial = FixedPose(
        rot=tuple(torch.rad2deg(rotation[0]).tolist()),
        xyz=tuple(translation[0].tolist()),
        orientation=ORIENTATION,
        reverse_x_axis=True,
        device="cpu",
    )
    search = Register(
        initializer=initial,
        imagepath=str(problem.volume_path),
        scales=list(settings.scales),
        n_itrs=list(settings.iterations),
        device="cpu",
        **_labels(problem),
    )
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "xray.dcm"
        _write_dicom(path, view)
        result = search(str(path), linearize=False)
    found = camera_from_world(result.final_pose.matrix.detach()[0].numpy(), isocentre)
    renderings = 0 if result.log is None else len(result.log.losses)
    return Answer(np.linalg.inv(view.camera_from_rig) @ found, renderings)


def _write_dicom(path: Path, view: View) -> None:
    """The line integrals in 16 bits, with the attributes that xvr reads."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(str(path), Dataset(), file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    file.Rows, file.Columns = view.image.shape
    file.SamplesPerPixel, file.PhotometricInterpretation, file.PixelRepresentation = 1, "MONOCHROME2", 0
    file.BitsAllocated, file.BitsStored, file.HighBit = 16, 16, 15
    file.DistanceSourceToDetector = f"{view.sdd_mm:.10g}"
    file.PixelSpacing = [f"{view.spacing_mm[1]:.10g}", f"{view.spacing_mm[0]:.10g}"]
    # xvr changes the sign of the first and passes both to DiffDRR.
    file.DetectorActiveOrigin = [f"{view.offset_mm[1]:.10g}", f"{-view.offset_mm[0]:.10g}"]
    scaled = (view.image - view.image.min()) / np.ptp(view.image) * _LARGEST
    file.PixelData = np.round(scaled).astype("<u2").tobytes()
    file.save_as(path, enforce_file_format=True)
