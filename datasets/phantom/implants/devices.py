"""Metal in a patient: pedicle screws with rods, a total hip replacement, bone cement; painted into a grid of HU.

Positions are world mm in the patient's frame (LPS). Sizes are ours, from the ranges that makers' catalogues commonly
offer, not taken from one. The result is the true grid, clipped at the highest CT number; streaks of beam hardening and
photon starvation are not modelled.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.errors import FluorobenchError
from bench.geometry import Matrix, transform_points
from bench.volume import FloatGrid

from .solids import Cup, Rod, Solid

HIGHEST_HU = 3071.0
Range = tuple[float, float]


class ImplantError(FluorobenchError):
    """Implants that cannot be placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImplantSettings:
    """Distribution of implants; a pair is a uniform range, lengths are mm.

    Attributes:
        titanium_hu: Of screws, rods, cup and stem, before the cut at 3071.
        cobalt_hu: Of the head of a hip.
        cement_hu: Of bone cement with its contrast agent.
        screw_diameter: Of the shank.
        screw_length: Of the shank from the head's lower end.
        screw_entry: From the pedicle's centre back to the head's lower end.
        screw_convergence_deg: Angle by which a shank leans towards the middle.
        screw_error_deg: Standard deviation of its direction about each axis.
        tulip_diameter: Of the screw's head.
        tulip_length: Of the screw's head.
        rod_diameter: 0 leaves rods out.
        rod_overhang: Of a rod beyond the last head.
        hip_head_diameter: Of the ball.
        hip_cup_diameter: Outer, of the cup.
        hip_cup_wall: Thickness of the cup's shell.
        hip_stem_length: From the shoulder down.
        hip_stem_diameter: At the shoulder; a third of it at the tip.
        cement_ml: Volume of a body's cement.
        cement_drops: How many drops it runs into, lowest and highest.
    """

    titanium_hu: Range = (7000.0, 9000.0)
    cobalt_hu: Range = (14000.0, 18000.0)
    cement_hu: Range = (1200.0, 2400.0)
    screw_diameter: Range = (5.5, 7.5)
    screw_length: Range = (38.0, 52.0)
    screw_entry: Range = (13.0, 19.0)
    screw_convergence_deg: Range = (6.0, 22.0)
    screw_error_deg: float = 2.5
    tulip_diameter: Range = (11.0, 13.0)
    tulip_length: Range = (10.0, 15.0)
    rod_diameter: Range = (5.5, 6.35)
    rod_overhang: Range = (4.0, 12.0)
    hip_head_diameter: Range = (28.0, 36.0)
    hip_cup_diameter: Range = (48.0, 58.0)
    hip_cup_wall: Range = (3.0, 5.0)
    hip_stem_length: Range = (110.0, 150.0)
    hip_stem_diameter: Range = (15.0, 20.0)
    cement_ml: Range = (1.5, 6.0)
    cement_drops: tuple[int, int] = (3, 8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScrewSite:
    """A vertebra to be screwed: middle of its body and centres of its pedicles, world mm."""

    body: Matrix
    left_pedicle: Matrix
    right_pedicle: Matrix


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HipSite:
    """A femur to be replaced, world mm.

    Attributes:
        head: Centre of the femoral head.
        shoulder: On the axis of the shaft, at the height of the lesser trochanter.
        shaft: Farther down on that axis.
        socket: Unit vector from the head's centre into the pelvis.
    """

    head: Matrix
    shoulder: Matrix
    shaft: Matrix
    socket: Matrix


def pedicle_screws(
    sites: Sequence[ScrewSite], settings: ImplantSettings, generator: np.random.Generator
) -> tuple[Solid, ...]:
    """Two screws a vertebra, and a rod on each side along their heads where there are two or more.

    Args:
        sites: Vertebrae from top to bottom.
        settings: What to draw from.
        generator: Random generator.

    Raises:
        ImplantError: A vertebra whose pedicles coincide with each other or with its body.
    """
    metal, rod = _draw(generator, settings.titanium_hu), _draw(generator, settings.rod_diameter) / 2
    overhang = _draw(generator, settings.rod_overhang)
    solids: list[Solid] = []
    for pedicles in ("left_pedicle", "right_pedicle"):
        saddles: list[Matrix] = []
        for site in sites:
            screw, saddle = _screw(site, getattr(site, pedicles), metal, settings, generator)
            solids.extend(screw)
            saddles.append(saddle)
        if rod > 0 and len(saddles) > 1:
            solids.extend(_rod(saddles, rod, overhang, metal))
    return tuple(solids)


def _screw(
    site: ScrewSite, pedicle: Matrix, metal: float, settings: ImplantSettings, generator: np.random.Generator
) -> tuple[list[Solid], Matrix]:
    """Shank and tulip of one screw, and where its rod runs."""
    middle = (site.left_pedicle + site.right_pedicle) / 2
    forward = _unit(site.body - middle, "the pedicles and the body of a vertebra must lie apart")
    inward = _unit(middle - pedicle, "the two pedicles of a vertebra must lie apart")
    lean = np.radians(_draw(generator, settings.screw_convergence_deg))
    error = np.radians(settings.screw_error_deg) * generator.standard_normal(3)
    along = _unit(forward * np.cos(lean) + inward * np.sin(lean) + error, "a screw needs a direction")
    neck = pedicle - along * _draw(generator, settings.screw_entry)
    tip = neck + along * _draw(generator, settings.screw_length)
    shank, tulip = _draw(generator, settings.screw_diameter) / 2, _draw(generator, settings.tulip_diameter) / 2
    top = neck - along * _draw(generator, settings.tulip_length)
    solids: list[Solid] = [
        Rod(start=neck, end=tip - along * shank * 0.6, start_radius=shank, end_radius=shank * 0.6, hu=metal),
        # The round ends of a rod lie beyond its ends; the tulip keeps its length.
        Rod(start=neck - along * tulip * 0.5, end=top, start_radius=tulip, end_radius=tulip * 0.9, hu=metal),
    ]
    return solids, np.asarray((neck + top) / 2 - along * 2)


def _rod(saddles: Sequence[Matrix], radius: float, overhang: float, metal: float) -> list[Solid]:
    ends = [
        saddles[0] + overhang * _unit(saddles[0] - saddles[1], "screws must lie apart"),
        *saddles[1:-1],
        saddles[-1] + overhang * _unit(saddles[-1] - saddles[-2], "screws must lie apart"),
    ]
    joints = [ends[0], saddles[0], *saddles[1:], ends[-1]]
    return [
        Rod(start=a, end=b, start_radius=radius, end_radius=radius, hu=metal) for a, b in itertools.pairwise(joints)
    ]


def hip_implant(site: HipSite, settings: ImplantSettings, generator: np.random.Generator) -> tuple[Solid, ...]:
    """Cup, ball, neck and tapered stem of a total hip replacement.

    Raises:
        ImplantError: Points that coincide.
    """
    titanium, cobalt = _draw(generator, settings.titanium_hu), _draw(generator, settings.cobalt_hu)
    down = _unit(site.shaft - site.shoulder, "shoulder and shaft of a hip must lie apart")
    _unit(site.head - site.shoulder, "head and shoulder of a hip must lie apart")
    ball, outer = _draw(generator, settings.hip_head_diameter) / 2, _draw(generator, settings.hip_cup_diameter) / 2
    wall, wide = _draw(generator, settings.hip_cup_wall), _draw(generator, settings.hip_stem_diameter) / 2
    tip = site.shoulder + down * _draw(generator, settings.hip_stem_length)
    return (
        Cup(
            centre=site.head,
            outer=outer,
            inner=outer - wall,
            dome=_unit(site.socket, "socket needs length"),
            hu=titanium,
        ),
        Rod(start=site.head, end=site.head, start_radius=ball, end_radius=ball, hu=cobalt),
        Rod(start=site.head, end=site.shoulder, start_radius=6.0, end_radius=wide * 0.9, hu=titanium),
        Rod(start=site.shoulder, end=tip, start_radius=wide, end_radius=wide / 3, hu=titanium),
    )


def bone_cement(
    body: Matrix, half_size: Matrix, settings: ImplantSettings, generator: np.random.Generator
) -> tuple[Solid, ...]:
    """Drops of cement in a vertebral body.

    Args:
        body: Middle of the body, world mm.
        half_size: Half-extent of the spongy bone along x, y, z, mm; drops keep inside.
        settings: What to draw from.
        generator: Random generator.
    """
    count = int(generator.integers(settings.cement_drops[0], settings.cement_drops[1] + 1))
    radius = (_draw(generator, settings.cement_ml) * 1000 / count * 3 / (4 * np.pi)) ** (1 / 3)
    hu = _draw(generator, settings.cement_hu)
    drops: list[Solid] = []
    for _ in range(count):
        room = np.maximum(half_size - radius, 0)
        middle = body + generator.uniform(-1, 1, 3) * room
        stretched = np.clip(middle + generator.normal(0, radius / 2, 3), body - room, body + room)
        drops.append(Rod(start=middle, end=stretched, start_radius=radius * 0.9, end_radius=radius * 0.7, hu=hu))
    return tuple(drops)


def paint(hu: FloatGrid, affine: Matrix, solids: Sequence[Solid]) -> FloatGrid:
    """A copy of the grid with solids painted over what lies there, by share of each voxel, cut at 3071 HU.

    Args:
        hu: True HU, float32; not changed.
        affine: world_from_index, 4x4, mm.
        solids: What to paint, later ones over earlier ones; parts beyond the grid are left out.
    """
    painted = hu.copy()
    for solid in solids:
        _paint(painted, affine, solid)
    return np.asarray(np.minimum(painted, np.float32(HIGHEST_HU)))


def _paint(hu: FloatGrid, affine: Matrix, solid: Solid) -> None:
    step = abs(float(np.linalg.det(affine[:3, :3]))) ** (1 / 3)
    box = solid.bounds()
    corners = np.array([[x, y, z] for x in box[:, 0] for y in box[:, 1] for z in box[:, 2]])
    index_from_world = np.asarray(np.linalg.inv(affine), dtype=np.float64)
    indices = transform_points(index_from_world, corners)
    low = np.clip(np.floor(indices.min(axis=0)).astype(int) - 1, 0, hu.shape)
    high = np.clip(np.ceil(indices.max(axis=0)).astype(int) + 2, 0, hu.shape)
    if (low >= high).any():
        return
    part = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    size: tuple[int, ...] = tuple(each.stop - each.start for each in part)
    world = transform_points(affine, np.indices(size).reshape(3, -1).T + low.astype(np.float64))
    share = np.clip(0.5 - solid.distance(world) / step, 0, 1).astype(np.float32).reshape(size)
    hu[part] += share * (np.float32(solid.hu) - hu[part])


def sites_from_landmarks(points: Mapping[str, Matrix], levels: Sequence[str]) -> list[ScrewSite]:
    """Screw sites from named landmarks: ``L3 pedicle left``, ``L3 pedicle right`` and the four endplate corners.

    Raises:
        ImplantError: A landmark is missing.
    """
    sites: list[ScrewSite] = []
    for level in levels:
        corners = [
            f"{level} {plate} endplate {side}" for plate in ("upper", "lower") for side in ("anterior", "posterior")
        ]
        needed = [*corners, f"{level} pedicle left", f"{level} pedicle right"]
        missing = [name for name in needed if name not in points]
        if missing:
            raise ImplantError(f"no landmark {missing[0]!r} to place a screw by; screws go into levels with landmarks")
        body = np.mean([points[name] for name in corners], axis=0)
        sites.append(ScrewSite(body=body, left_pedicle=points[needed[-2]], right_pedicle=points[needed[-1]]))
    return sites


def _draw(generator: np.random.Generator, between: Range) -> float:
    return float(generator.uniform(*between))


def _unit(vector: Matrix, otherwise: str) -> Matrix:
    length = float(np.linalg.norm(vector))
    if not length > 1e-6:
        raise ImplantError(f"{otherwise}; got a distance of {length:g} mm")
    return np.asarray(vector / length)
