"""The JSON files of exported problems. All matrices are nested lists, row by row, in mm."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.cases.records import Matrix3, Matrix4, Vector3, Vector6

VERSION: Literal[1] = 1
CASE_FILE, INDEX_FILE = "case.json", "index.json"
# Before the hash of a set of cases in a table: spreadsheets take some hashes for numbers.
PREFIX = "problems-"

_Count = Annotated[int, Field(ge=1, lt=1 << 31)]


class Part(BaseModel):
    """Frozen; keys that it does not know are refused, NaN and infinity too."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GridFile(Part):
    """Numbers on a grid: ``path`` relative to the folder of the case file, the first of them ``offset_bytes`` inside.

    A program without a library for the format reads raw little-endian numbers from there: of a volume with the first
    index the fastest, of an image row by row.
    """

    path: str
    type: Literal["float32", "uint16", "uint8"]
    offset_bytes: int = Field(ge=0)


class VolumeFiles(Part):
    """The moving volume: NIfTI, its numbers indexed [i, j, k].

    ``hu``: Hounsfield units. ``mask``: 1 where the content is that moves and attenuates; None = everywhere.
    ``world_from_index``: LPS mm of the centre of voxel (i, j, k); the header holds it as RAS in single precision.
    ``mu_water_per_mm``: Attenuation per mm is that times max(0, 1 + HU / 1000) inside the mask, 0 outside.
    """

    hu: GridFile
    mask: GridFile | None = None
    labels: GridFile | None = None
    label_scheme: str | None = None
    shape: tuple[_Count, _Count, _Count]
    world_from_index: Matrix4
    mu_water_per_mm: float


class ViewFiles(Part):
    """One X-ray. ``image``: line integrals -ln(I / I0), without unit, as seen from the source.

    ``valid``: Not 0 where a pixel counts; None = everywhere. ``preview``: A picture of the image, bone bright.
    ``start`` and ``nominal``: These poses of this view in several conventions (``bench.exchange.conventions``).
    """

    image: GridFile
    valid: GridFile | None = None
    preview: str
    height: _Count
    width: _Count
    K: Matrix3
    sdd_mm: float | None
    pixel_spacing_mm: tuple[float, float] | None
    camera_from_rig: Matrix4
    start: dict[str, Any]
    nominal: dict[str, Any]


class DistributionFile(Part):
    """How poses were drawn (``bench.perturb.PoseDistribution``)."""

    kind: Literal["normal", "uniform"]
    width: Vector6
    about: Literal["truth", "nominal"]


class CaseFile(Part):
    """A problem: find rig_from_world (4x4, mm); with one view that is camera_from_world.

    ``start`` and ``nominal``: rig_from_world. ``search``: Half-widths (degrees x 3, mm x 3) about ``nominal`` that hold
    the truth. ``theta_start``: The six parameters of the start, measured from ``nominal`` about ``centre``.
    """

    format: Literal["fluorobench case"] = "fluorobench case"
    version: Literal[1] = VERSION
    case: str
    patient: str
    patient_hash: str
    moving: str
    seed: int
    volume: VolumeFiles
    views: list[ViewFiles]
    centre: Vector3
    start: Matrix4
    nominal: Matrix4
    search: Vector6
    theta_start: Vector6
    truth_distribution: DistributionFile | None = None
    start_distribution: DistributionFile | None = None


class IndexEntry(Part):
    """A case and its folder, relative to the index."""

    case: str
    folder: str


class IndexFile(Part):
    """The cases of an export. ``problems``: Names the set of cases; answers are scored against that set alone."""

    format: Literal["fluorobench problems"] = "fluorobench problems"
    version: Literal[1] = VERSION
    protocol: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    profile: str = Field(pattern=r"^[^/*?\[\]]+$")
    title: str
    problems: str = Field(pattern=r"^[0-9a-f]{64}$")
    cases: list[IndexEntry]
