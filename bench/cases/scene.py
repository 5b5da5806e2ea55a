"""The set-up of cases as a protocol states it: content, camera, distributions of poses, image formation."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from bench.geometry import Camera, StandardView
from bench.perturb import NeighbourMotion, PoseDistribution, StartDistribution
from bench.volume.region import Box
from bench.xray import Appearance, Formation, LowDose

if TYPE_CHECKING:
    from bench.protocol import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The set-up of simulated cases.

    Attributes:
        region: Part of the CT: ``lumbar``, ``whole`` or a label's name.
        margin_mm: Round the region's labels.
        moving: Content that methods are given: ``bone``, ``body``, ``everything`` or a label's name.
        target: Content that the X-ray shows.
        target_region: Part of the CT that the X-ray shows, whole of any box; None = what methods are given.
        box: To which the CT is cropped before ``region``; None = not at all.
        camera: Intrinsics of every view.
        view: Nominal orientation of the first view.
        depth_mm: Source to rotation centre at the nominal pose.
        turns_deg: Of further views, from the first one about the vertical axis through the nominal rotation centre.
        truth: Distribution of the true pose about the nominal pose.
        search: Half-widths about the nominal pose that hold the truth, degrees and mm; draws beyond are redrawn.
        start: Distribution of the start; None = the nominal pose.
        photons: Per pixel before the logarithm; None = no noise. For images without ``formation``.
        kernel: Of the projector: ``auto``, or Siddon's exact paths.
        formation: Image formation beyond the line integral; None = line integrals of one energy.
        appearance: Distribution of effects that differ between exposures; needs ``formation``.
        neighbours: How bones beside the registered one have moved since the CT.
        low_dose: LGFF-Reg's degradation of the image.
    """

    region: str
    margin_mm: float
    moving: str
    target: str
    target_region: str | None = None
    box: Box | None = None
    camera: Camera
    view: StandardView
    depth_mm: float
    turns_deg: tuple[float, ...] = ()
    truth: PoseDistribution
    search: tuple[float, ...]
    start: StartDistribution | None = None
    photons: float | None = None
    kernel: Literal["auto", "siddon"] = "auto"
    formation: Formation | None = None
    appearance: Appearance | None = None
    neighbours: NeighbourMotion | None = None
    low_dose: LowDose | None = None

    @property
    def same_volume(self) -> bool:
        """Whether the X-ray shows what methods are given of the CT, and nothing else."""
        whole = self.target_region == self.region and self.box is None
        return self.target == self.moving and (self.target_region is None or whole)

    def described(self) -> dict[str, Any]:
        """All settings that change a case, as plain values for a weights' card and a checkpoint."""
        parts = ("formation", "appearance", "neighbours", "low_dose")
        stated = {name: plain_table(getattr(self, name)) for name in parts if getattr(self, name) is not None}
        return {
            "region": self.region,
            "margin_mm": self.margin_mm,
            "moving": self.moving,
            "target": self.target,
            "target_region": self.region if self.target_region is None else self.target_region,
            "camera": camera_table(self.camera),
            "view": self.view.name,
            "depth_mm": self.depth_mm,
            "truth": plain_table(self.truth),
            "search": list(self.search),
            "start": {} if self.start is None else plain_table(self.start),
            "photons": 0.0 if self.photons is None else self.photons,
            "kernel": self.kernel,
            **({"turns_deg": list(self.turns_deg)} if self.turns_deg else {}),
            **({} if self.box is None else {"box": [list(each) for each in self.box]}),
            **stated,
        }


def scene_of(name_or_path: str, *, profile: str = "full", **changes: Any) -> Scene:
    """The set-up of a protocol.

    Args:
        name_or_path: Such as ``sopi-sim``, or the path of a protocol file.
        profile: Of the protocol.
        changes: Fields of ``Scene`` to change, such as ``start=None``.

    Raises:
        FluorobenchError: No such protocol or profile, or a file that cannot be used.
    """
    from bench.protocol import read_protocol

    return replace(protocol_scene(read_protocol(name_or_path, profile)), **changes)


def protocol_scene(protocol: "Protocol") -> Scene:
    """The set-up that a resolved protocol states in its tables data, camera, target and start."""
    data, camera, target = protocol.data, protocol.camera, protocol.target
    return Scene(
        region=data.region,
        margin_mm=data.margin_mm,
        moving=data.moving,
        target=data.target,
        target_region=data.target_region,
        box=data.box,
        camera=camera.camera,
        view=camera.standard_view,
        depth_mm=camera.depth_mm,
        turns_deg=camera.turns_deg,
        truth=target.distribution,
        search=target.search,
        start=protocol.start.used,
        photons=target.photons,
        kernel=target.kernel,
        formation=target.formation,
        appearance=target.appearance,
        neighbours=target.neighbours,
        low_dose=target.low_dose,
    )


S = TypeVar("S", bound=Scene)


def extended(kind: type[S], scene: Scene, **more: Any) -> S:
    """A scene of a subclass that has the fields of another scene.

    Args:
        kind: The subclass.
        scene: A ``Scene``, or of a class that ``kind`` extends.
        more: Fields that are to differ, and those that ``kind`` adds.
    """
    shared = {each.name: getattr(scene, each.name) for each in fields(scene)}
    return kind(**{**shared, **more})


def camera_table(camera: Camera) -> dict[str, Any]:
    """A camera as plain values."""
    K = [[float(number) for number in row] for row in camera.K]
    return {"K": K, "height": camera.height, "width": camera.width, "sdd_mm": camera.sdd_mm or 0.0}


def plain_table(settings: Any) -> dict[str, Any]:
    """A dataclass of settings as plain values: lists for tuples, nothing for None."""
    table: dict[str, Any] = _plain(asdict(settings))
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        table = cast("Mapping[str, Any]", value)
        return {key: _plain(each) for key, each in table.items() if each is not None}
    return [_plain(each) for each in cast("tuple[Any, ...]", value)] if isinstance(value, tuple | list) else value
