"""The tables of a case file (documented in ``bench.xray.case``); unknown keys are refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import Field, PositiveFloat, ValidationError

from bench.errors import FluorobenchError
from bench.registry import unknown
from bench.text import read_toml
from bench.xray.calibration_tables import DISTORTION_KINDS, KINDS, TABLES, Calibration, Distortion, Row4, Table
from bench.xray.line_integrals import DARK_FRACTION

Pose: TypeAlias = tuple[Row4, Row4, Row4, Row4]


class CaseError(FluorobenchError):
    """A case file that cannot be used."""


class Ct(Table):
    """``[ct]``: the volume, and its labels where there are any.

    ``voxel_spacing_mm`` (columns, rows, slices) is for a file that does not state its geometry, such as a TIFF stack of
    a segmented bone (``bench.volume.read``).
    """

    volume: str
    voxel_spacing_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    labels: str | None = None
    label_scheme: str | None = None
    series: str | None = None


class ImageTable(Table):
    """``[[images]]``: one X-ray and the values that its file does not state."""

    file: str
    calibration: Calibration
    distortion: Distortion | None = None
    flip: Literal["none", "horizontal", "vertical", "both"] | None = None
    bright: Literal["air", "bone", "integrals"] | None = None
    bits: int | None = Field(default=None, ge=1, le=32)
    zero: float | None = None
    frame: int | None = Field(default=None, ge=0)
    binning: int = Field(default=1, ge=1)
    air: PositiveFloat | None = None
    dark_fraction: float = Field(default=DARK_FRACTION, gt=0, lt=1)
    camera_from_rig: Pose | None = None


class ReferenceTable(Table):
    """``[reference]``: a pose found by other means, its uncertainty, and the answer of another similarity.

    ``uncertainty`` (by metric), ``found_by`` (similarities) and ``confirmed`` are kept as ``fluorobench reference``
    wrote them.
    """

    pose: Pose
    uncertainty_mm: PositiveFloat | None = None
    uncertainty: dict[str, float] | None = None
    other_pose: Pose | None = None
    found_by: tuple[str, ...] | None = None
    confirmed: bool | None = None


class CaseTables(Table):
    """The whole file."""

    ct: Ct
    images: tuple[ImageTable, ...] = Field(min_length=1)
    id: str | None = None
    reference: ReferenceTable | None = None
    reference_file: str | None = None


_Model = TypeVar("_Model", bound=Table)


def validated(model: type[_Model], tables: Mapping[str, Any], source: str) -> _Model:
    """Check tables against a model.

    Raises:
        CaseError: Keys that are missing, unknown or wrong, each by its name, in one line.
    """
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        raise CaseError(f"{source}: " + "; ".join(_mistake(dict(found)) for found in error.errors())) from None


def _mistake(found: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in found["loc"])
    if found["type"] == "missing":
        return f"{where} is missing: state it"
    if found["type"] == "union_tag_not_found":
        return f"{where}.kind is missing: state kind = {_kinds(where)}"
    if found["type"] == "union_tag_invalid":
        return f"{where}.kind must be {_kinds(where)}; got {found['input'].get('kind')!r}"
    if found["type"] == "extra_forbidden":
        key = where.rsplit(".", 1)[-1]
        return f"{where}: {unknown('key', key, _keys())}"
    return f"{where}: {found['msg']}; got {found['input']!r}"[:160]


def _kinds(where: str) -> str:
    known = DISTORTION_KINDS if where.endswith("distortion") else KINDS
    return ", ".join(f'"{kind}"' for kind in known[:-1]) + f' or "{known[-1]}"'


def _keys() -> set[str]:
    tables: tuple[type[Table], ...] = (CaseTables, Ct, ImageTable, ReferenceTable, *TABLES)
    return {key for table in tables for key in table.model_fields}


def read_reference(path: Path) -> ReferenceTable:
    """A file with a table ``[reference]``, as ``fluorobench reference`` writes it.

    Raises:
        CaseError: The file is not there or holds no reference.
    """
    tables = read_toml(path, CaseError)
    if "reference" not in tables:
        raise CaseError(
            f"{path}: expected a table [reference] with pose = 4x4; it has {', '.join(tables) or 'nothing'}"
        )
    return validated(ReferenceTable, tables["reference"], f"{path}: reference")
