"""The set-up of cases as a protocol states it: content, camera, distributions of poses, image formation."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from bench.geometry import Camera, StandardView
from bench.perturb import NeighbourMotion, PoseDistribution, StartDistribution
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
        target_region: Part of the CT that the X-ray shows; None = ``region``.
        camera: Intrinsics of the one view.
        view: Nominal orientation.
        depth_mm: Source to rotation centre at the nominal pose.
        truth: Distribution of the true pose about the nominal pose.
        search: Half-widths about the nominal pose that hold the truth, degrees and mm; draws beyond are redrawn.
        start: Distribution of the start; None = the nominal pose.
        photons: Per pixel before the logarithm; None = no noise. For images without ``formation``.
        kernel: Of the projector: ``auto``, or Siddon's exact paths.
        formation: Image formation beyond the line integral; None = line integrals of one energy.
        appearance: What differs between exposures, with ``formation`` alone.
        neighbours: How bones beside the registered one have moved since the CT.
        low_dose: LGFF-Reg's degradation of the image.
    """

    region: str
    margin_mm: float
    moving: str
    target: str
    target_region: str | None = None
    camera: Camera
    view: StandardView
    depth_mm: float
    truth: PoseDistribution
    search: tuple[float, ...]
    start: StartDistribution | None = None
    photons: float | None = None
    kernel: Literal["auto", "siddon"] = "auto"
    formation: Formation | None = None
    appearance: Appearance | None = None
    neighbours: NeighbourMotion | None = None
    low_dose: LowDose | None = None


def scene_of(name_or_path: str, *, profile: str = "full", **changes: Any) -> Scene:
    """The set-up of a protocol.

    Args:
        name_or_path: Such as ``sopi-sim``, or the path of a protocol file.
        profile: Of the protocol.
        changes: Fields of ``Scene`` that are to differ, such as ``start=None``.

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
        camera=camera.camera,
        view=camera.standard_view,
        depth_mm=camera.depth_mm,
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
