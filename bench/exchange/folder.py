"""The folder of one problem: ``case.json`` beside images and volume, written for any program and read back."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from pydantic import ValidationError

from bench.cases.records import as_list
from bench.contract import Problem, View
from bench.errors import FluorobenchError, describe_error, describe_validation
from bench.exchange.conventions import in_other_conventions
from bench.exchange.model import CASE_FILE, CaseFile, DistributionFile, GridFile, ViewFiles, VolumeFiles
from bench.files import write_text, write_whole
from bench.geometry import Camera, Matrix
from bench.perturb import PoseDistribution
from bench.volume import AttenuationLaw, Volume
from bench.volume.nifti import write_nifti
from bench.xray.write import write_integrals

_TYPES = {"float32": "<f4", "uint16": "<u2", "uint8": "u1"}
# Where a format has no place for the spacing of pixels.
_UNIT = (1.0, 1.0)


class ExchangeError(FluorobenchError):
    """A folder of problems, or a file of one, that cannot be used."""


def write_volume(folder: Path, volume: Volume) -> VolumeFiles:
    """Write ``ct.nii``, ``mask.nii`` and ``labels.nii``, as far as the volume has them; paths are bare names."""
    law, affine = volume.attenuation, volume.affine
    grids = {"hu": volume.hu, "labels": volume.labels, "mask": volume.mask}
    names = {"hu": "ct.nii", "labels": "labels.nii", "mask": "mask.nii"}
    found: dict[str, Any] = {
        key: _write_grid(folder / names[key], grid, affine) for key, grid in grids.items() if grid is not None
    }
    return VolumeFiles(
        **found,
        label_scheme=volume.label_scheme,
        shape=volume.shape,
        world_from_index=as_list(affine),
        mu_water_per_mm=law.mu_water_per_mm,
    )


def _write_grid(path: Path, grid: NDArray[Any], affine: Matrix) -> GridFile:
    kept = grid.astype(np.uint8) if grid.dtype == np.bool_ else grid
    return _file(path, kept, write_nifti(path, kept, affine))


def _file(path: Path, grid: NDArray[Any], offset: int) -> GridFile:
    return GridFile.model_validate({"path": path.name, "type": grid.dtype.name, "offset_bytes": offset})


def at(files: VolumeFiles, place: str) -> VolumeFiles:
    """The same files with paths that begin with a folder's, relative or absolute."""
    parts = {name: getattr(files, name) for name in ("hu", "mask", "labels")}
    moved = {
        name: part.model_copy(update={"path": f"{place}/{part.path}"})
        for name, part in parts.items()
        if part is not None
    }
    return files.model_copy(update=moved)


def write_case(folder: Path, problem: Problem, volume: VolumeFiles) -> Path:
    """Write a problem's images, their previews and ``case.json``.

    Args:
        folder: Missing folders are made.
        problem: Its views have images.
        volume: Where its volume was written, by paths relative to ``folder``.

    Returns:
        The path of ``case.json``.
    """
    half_edge_mm = float((np.array(problem.volume.shape) * problem.volume.spacing_mm).max() / 2)
    views = [_write_view(folder, number, problem, half_edge_mm) for number in range(len(problem.views))]
    case = CaseFile(
        case=problem.case_id,
        patient=problem.patient_id,
        patient_hash=problem.patient_hash,
        moving=problem.moving,
        seed=problem.seed,
        volume=volume,
        views=views,
        centre=problem.centre.tolist(),
        start=as_list(problem.start),
        nominal=as_list(problem.nominal),
        search=problem.search.tolist(),
        theta_start=problem.frame.parameters(problem.start).tolist(),
        truth_distribution=_distribution(problem.truth_distribution),
        start_distribution=_distribution(problem.start_distribution),
    )
    return write_text(folder / CASE_FILE, case.model_dump_json(indent=1) + "\n")


def _write_view(folder: Path, number: int, problem: Problem, half_edge_mm: float) -> ViewFiles:
    view, name = problem.views[number], f"view{number + 1}"
    if view.image is None:
        raise ValueError(f"case {problem.case_id!r} has a view without an image")
    camera, valid = view.camera, view.valid
    start, nominal = (
        in_other_conventions(camera, view.camera_from_rig @ pose, problem.centre, half_edge_mm)
        for pose in (problem.start, problem.nominal)
    )
    shown = view.image if valid is None else np.where(valid, view.image, view.image[valid].min(initial=np.inf))
    write_integrals(folder / f"{name}.png", np.nan_to_num(shown), _UNIT)
    return ViewFiles(
        image=_write_pixels(folder / f"{name}.tif", view.image),
        valid=None if valid is None else _write_pixels(folder / f"{name}-valid.tif", valid.astype(np.uint8) * 255),
        preview=f"{name}.png",
        height=camera.height,
        width=camera.width,
        K=as_list(camera.K),
        sdd_mm=camera.sdd_mm,
        pixel_spacing_mm=camera.spacing_mm,
        camera_from_rig=as_list(view.camera_from_rig),
        start=start,
        nominal=nominal,
    )


def _write_pixels(path: Path, image: NDArray[Any]) -> GridFile:
    """Write an uncompressed TIFF of one strip, so that its pixels can be read without knowing the format."""
    offsets = list[int]()

    def write(part: Path) -> None:
        with tifffile.TiffWriter(part, byteorder="<") as file:
            place = file.write(np.ascontiguousarray(image), rowsperstrip=len(image), metadata=None, returnoffset=True)
        assert place is not None
        offsets.append(place[0])

    write_whole(path, write)
    return _file(path, image, offsets[0])


def _distribution(given: PoseDistribution | None) -> DistributionFile | None:
    return None if given is None else DistributionFile(kind=given.kind, width=list(given.width), about=given.about)


def _read_case(folder: Path) -> CaseFile:
    """Read ``case.json`` of a folder.

    Raises:
        ExchangeError: It is none, or damaged.
    """
    path = folder / CASE_FILE
    try:
        return CaseFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ExchangeError(f"{path}: expected the file of an exported case; {describe_error(error)}") from None
    except ValidationError as error:
        raise ExchangeError(f"{path}: no case of this version: {describe_validation(error)}; export it again") from None


def read_problem(folder: Path) -> Problem:
    """The problem of a folder, equal to the one that was written, to the last bit.

    Raises:
        ExchangeError: A file is missing, damaged or cut short.
    """
    case = _read_case(folder)
    return Problem(
        case_id=case.case,
        patient_id=case.patient,
        patient_hash=case.patient_hash,
        volume=_volume(folder, case.volume),
        views=tuple(_view(folder, each) for each in case.views),
        start=np.array(case.start),
        nominal=np.array(case.nominal),
        centre=np.array(case.centre),
        search=np.array(case.search),
        seed=case.seed,
        moving=case.moving,
        truth_distribution=_drawn(case.truth_distribution),
        start_distribution=_drawn(case.start_distribution),
    )


def read_problems(folders: Sequence[Path]) -> list[Problem]:
    """Problems of several folders; those of one volume share it, so that a method prepares for it once."""
    volumes = dict[str, Volume]()
    found = list[Problem]()
    for folder in folders:
        problem = read_problem(folder)
        volume = volumes.setdefault(problem.volume.fingerprint(), problem.volume)
        found.append(replace(problem, volume=volume))
    return found


def _volume(folder: Path, files: VolumeFiles) -> Volume:
    mask = None if files.mask is None else _grid(folder, files.mask, files.shape) != 0
    labels = None if files.labels is None else _grid(folder, files.labels, files.shape)
    hu = _grid(folder, files.hu, files.shape)
    if not np.isfinite(hu).all():
        raise ExchangeError(
            f"{folder / files.hu.path}: expected Hounsfield units, got NaN or infinity; export it again"
        )
    return Volume(
        hu=hu,
        affine=np.array(files.world_from_index),
        labels=labels,
        label_scheme=files.label_scheme,
        mask=mask,
        attenuation=AttenuationLaw(files.mu_water_per_mm),
    )


def _view(folder: Path, files: ViewFiles) -> View:
    size = (files.height, files.width)
    valid = None if files.valid is None else _numbers(folder, files.valid, size) != 0
    camera = Camera(np.array(files.K), files.height, files.width, files.sdd_mm)
    return View(camera, np.array(files.camera_from_rig), _numbers(folder, files.image, size), valid)


def _grid(folder: Path, file: GridFile, shape: tuple[int, ...]) -> NDArray[Any]:
    """Indexed [i, j, k], in C order, as ``Volume`` has it."""
    return np.ascontiguousarray(_numbers(folder, file, shape[::-1]).T)


def _numbers(folder: Path, file: GridFile, shape: tuple[int, ...]) -> NDArray[Any]:
    path, kind = folder / file.path, np.dtype(_TYPES[file.type])
    count = prod(shape)
    try:
        size = path.stat().st_size if path.is_file() else 0
        # Looked at first: numbers are given room before they are read.
        if size < file.offset_bytes + count * kind.itemsize:
            raise ExchangeError(
                f"{path} is no file or cut short: expected {count} numbers of {kind.itemsize} bytes after "
                f"{file.offset_bytes}, got {size} bytes; export it again"
            )
        found = np.fromfile(path, dtype=kind, count=count, offset=file.offset_bytes)
    except (OSError, ValueError) as error:
        raise ExchangeError(f"{path} cannot be read: {describe_error(error)}; export the problems again") from None
    return found.reshape(shape).astype(file.type, copy=False)


def _drawn(file: DistributionFile | None) -> PoseDistribution | None:
    return None if file is None else PoseDistribution(file.kind, tuple(file.width), file.about)
