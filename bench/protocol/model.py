"""The model of a protocol file; unknown keys are refused."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from bench.contract import Split
from bench.errors import describe_validation
from bench.geometry import Camera, StandardView
from bench.geometry.converters.sopi import ours_from_sopi
from bench.perturb import NeighbourMotion, PoseDistribution, StartDistribution, Told
from bench.protocol.extend import overlay
from bench.protocol.stress import Condition, Stress
from bench.protocol.table import Table
from bench.registry import unknown
from bench.volume.region import Box
from bench.xray import Appearance, Formation, LowDose

Width = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Six = tuple[Width, Width, Width, Width, Width, Width]


# Larger than any: a mistyped number is refused before memory is taken for it.
MAX_PIXELS, MAX_COUNT = 8192, 1_000_000


class Data(Table):
    """``[data]``: source of the patients, and the parts of them that are used.

    ``region``: ``lumbar`` crops to the box of L1-L5 plus ``margin_mm``; a label's name crops to that vertebra;
    ``whole`` keeps everything. ``box`` (lower and upper corner, LPS mm) crops the CT before that. ``target_region`` is
    the X-ray's own, where it shows more than the methods are given: no box crops it. Left out, the X-ray shows what the
    methods are given of the CT.
    ``target`` and ``moving`` are contents: ``bone``, ``body``, ``everything`` or a label's name.
    ``views``: real X-rays taken together are one problem each (``each``) or one problem (``all``).
    """

    dataset: str
    settings: dict[str, Any] = Field(default_factory=dict[str, Any])
    split: Split = Split.TEST
    patients: int = Field(ge=1, le=MAX_COUNT)
    region: str = "lumbar"
    target_region: str | None = None
    box: Box | None = None
    margin_mm: float = Field(default=20.0, ge=0)
    target: str = "bone"
    moving: str = "bone"
    views: Literal["each", "all"] = "each"
    landmarks: int = Field(default=200, ge=1, le=MAX_COUNT)


class CameraTable(Table):
    """``[camera]``: a centred view, and further ones of the same camera turned about the patient (``turns_deg``)."""

    view: Literal["AP", "PA", "LATERAL"]
    sdd_mm: float = Field(gt=0)
    height: int = Field(ge=1, le=MAX_PIXELS)
    width: int = Field(ge=1, le=MAX_PIXELS)
    spacing_mm: float = Field(gt=0)
    depth_mm: float = Field(gt=0)
    turns_deg: tuple[Annotated[float, Field(gt=-180, le=180)], ...] = Field(default=(), max_length=7)

    @property
    def camera(self) -> Camera:
        """Its intrinsics."""
        return Camera.centred(sdd_mm=self.sdd_mm, height=self.height, width=self.width, spacing_mm=self.spacing_mm)

    @property
    def standard_view(self) -> StandardView:
        """Its nominal orientation."""
        return StandardView[self.view]


def _in_our_order(table: object) -> object:
    """A table of a distribution with its widths in our order; in SOPI's with ``names = "sopi"``."""
    if not isinstance(table, dict):
        return table
    given = cast("Mapping[str, Any]", table)
    return _reordered(given) if "names" in given else given


def _reordered(table: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(table)
    names, width = given.pop("names"), given.get("width")
    if names not in ("ours", "sopi"):
        raise ValueError(str(unknown("order of parameters", str(names), ("ours", "sopi"))))
    if names == "sopi" and isinstance(width, list | tuple) and len(cast("Sequence[Any]", width)) == 6:
        given["width"] = ours_from_sopi(cast("Sequence[float]", width))
    return given


TruthTable = Annotated[PoseDistribution, BeforeValidator(_in_our_order)]
StartTable = Annotated[StartDistribution, Field(discriminator="kind"), BeforeValidator(_in_our_order)]


class Target(Table):
    """``[target]``: distribution of the true pose, and how the image is made.

    Either ``photons`` and ``kernel`` (line integrals of one energy, with quantum noise), or ``formation``
    (``bench.xray.Formation``: always Siddon's exact paths, and photons of its own), where ``appearance`` draws what
    differs between exposures. ``neighbours`` moves labelled bones beside the registered ones before the image is made;
    they are seen where ``data.target_region`` shows them. ``low_dose`` degrades either as LGFF does. ``real``: patients
    with X-rays of their own are registered to those, from starts about the reference pose; the others keep simulated
    ones.
    """

    distribution: TruthTable
    search: Six
    photons: float | None = Field(default=None, gt=0)
    kernel: Literal["auto", "siddon"] = "auto"
    formation: Formation | None = None
    appearance: Appearance | None = None
    neighbours: NeighbourMotion | None = None
    low_dose: LowDose | None = None
    real: bool = False

    @model_validator(mode="after")
    def _one_way_to_make_the_image(self) -> "Target":
        if self.formation is not None and self.photons is not None:
            raise ValueError("photons and formation both given; give the photons inside formation")
        if self.formation is None and self.appearance is not None:
            raise ValueError("appearance is part of image formation; give a table target.formation too")
        return self


class Start(Table):
    """``[start]``: distributions of the start by name, which one is used, and how many starts a patient gets."""

    distribution: str
    per_patient: int = Field(ge=1, le=MAX_COUNT)
    distributions: dict[str, StartTable]

    @model_validator(mode="after")
    def _distribution_is_known(self) -> "Start":
        if self.distribution not in self.distributions:
            raise ValueError(str(unknown("start distribution", self.distribution, self.distributions)))
        return self

    @property
    def used(self) -> StartDistribution:
        """The distribution that ``distribution`` names."""
        return self.distributions[self.distribution]


class MethodTable(Table):
    """``[[methods]]``: a row of every table. ``label`` keys rows, tables and published values."""

    label: str = Field(min_length=1, max_length=60)
    plugin: str
    preset: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict[str, Any])


class BudgetTable(Table):
    """``[budget]``: when the harness stops a method that does not stop itself.

    ``memory_mib``: What a method's process may allocate, Python and its libraries included (``bench.run.limits``);
    left out, as much as there is.
    """

    seconds_per_case: float = Field(default=120.0, gt=0)
    seconds_to_prepare: float = Field(default=300.0, gt=0)
    memory_mib: int | None = Field(default=None, ge=256)


class Scoring(Table):
    """``[scoring]``: ``images`` compares renderings at each answer with its target, too (``bench.score.images``).

    ``image_cases`` bounds how many cases of a run that takes time for; left out, all.
    """

    images: bool = False
    image_cases: int | None = Field(default=None, ge=1)


class Artefacts(Table):
    """``[artefacts]``: report plug-ins to write at the end."""

    names: tuple[str, ...] = ()


class Protocol(Table):
    """A resolved protocol: bases and one profile merged, every value stated.

    ``told``: what methods are told that is not true; None = everything is. ``stress``: the same cases again under
    further conditions.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    seed: int = Field(ge=0)
    profile: str
    data: Data
    camera: CameraTable
    target: Target
    start: Start
    told: Told | None = None
    stress: Stress | None = None
    methods: tuple[MethodTable, ...] = Field(min_length=1)
    budget: BudgetTable = BudgetTable()
    scoring: Scoring = Scoring()
    artefacts: Artefacts = Artefacts()

    @model_validator(mode="after")
    def _labels_are_unique(self) -> "Protocol":
        labels = [method.label for method in self.methods]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"labels must be unique; {twice} stand more than once")
        return self

    @model_validator(mode="after")
    def _conditions_are_protocols(self) -> "Protocol":
        if self.stress is not None and self.target.real:
            raise ValueError("stress changes how images are made, and target.real takes them from files; leave one out")
        for condition in self.conditions:
            try:
                self.under(condition)
            except ValidationError as error:
                raise ValueError(f"stress.factors.{condition.name}: {describe_validation(error)}") from None
        return self

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The levels of ``stress``; none without it. The protocol's own conditions are not among them."""
        used = {} if self.stress is None else self.stress.used
        return tuple(Condition(name, factor, level) for name, factor in used.items() for level in factor.levels)

    def under(self, condition: Condition) -> "Protocol":
        """The protocol of the cases of one condition: everything else as in this one."""
        tables = self.model_dump(exclude_none=True, exclude={"stress"})
        return Protocol.model_validate(overlay(tables, condition.changes))

    @property
    def same_content(self) -> bool:
        """Whether the target is rendered from the voxels that the methods are given, before noise and degradation."""
        data, target = self.data, self.target
        same_region = data.target_region is None or (data.target_region == data.region and data.box is None)
        return data.target == data.moving and same_region and target.formation is None and target.neighbours is None

    @property
    def matched(self) -> bool:
        """Whether the target is made of what the methods are given: the same voxels, line integrals alone."""
        return self.same_content and self.target.low_dose is None

    @property
    def cases(self) -> int:
        """How many cases every method gets."""
        return self.data.patients * self.start.per_patient * (1 + len(self.conditions))
