"""What the colon contains: stool of three consistencies, fluid or nothing, bubbles, lumps that rise above the rest."""

import numpy as np

from ..rendering.shapes import Part, Shape, ellipsoid, rod_axes, soft
from .colon_segments import Segment

# Across the bowel, about which bubbles and other inclusions are placed.
_POSTERIOR = np.array([0.0, 1.0, 0.0])


def filled_segments(
    random: np.random.Generator, segments: list[Segment], content: str, *, wall_mm: float, wall_hu: float, seed: int
) -> Part:
    """A few segments with their wall and content.

    Paste is homogeneous, mash has fine grey mottles, crumbs are soft tissue with small bubbles: a layer nearly as thick
    as the bowel, whose varying thickness leaves gas in its gaps.
    """
    grain = float(random.uniform(2.6, 4.4))
    inner, mottle, shell, variation, outer = float(random.normal(18, 9)), 12.0, wall_mm, 0.5, wall_hu
    if content == "paste":
        inner, mottle = float(random.normal(40, 14)), float(random.uniform(20, 40))
    elif content == "mash":
        inner, mottle = float(random.normal(-20, 30)), float(random.uniform(60, 130))
    elif content == "crumbs":
        calibre = float(np.mean([one.radius for one in segments]))
        inner, mottle, shell = float(random.uniform(-850, -400)), 60.0, calibre * float(random.uniform(0.8, 1.8))
        variation, outer = float(random.uniform(1.0, 1.3)), float(random.normal(30, 14))
    elif content == "empty":
        inner = wall_hu - 8
    shapes = tuple(one.shape(0.0).made_of(shell_mm=shell, inner_hu=inner) for one in segments)
    return Part(
        shapes, outer, blend_mm=2.0, texture_hu=mottle, texture_mm=(grain, grain, grain), texture_seed=seed,
        shell_variation=variation,
    )  # fmt: skip


def lumps(random: np.random.Generator, segments: list[Segment], level: float) -> list[Shape]:
    """Stool has no level: lumps of it, to be carved from the gas, rise above the plane (``level``: world y, mm)."""
    found: list[Shape] = []
    for one in segments:
        size = float(one.radius * random.uniform(0.35, 0.75))
        place = np.array([one.centre[0], level + size * random.uniform(-0.5, 0.6), one.centre[2]])
        place += random.normal(0, 0.35 * one.radius, 3) * [1, 0, 1]
        found.append(ellipsoid(place, (size * 1.2, size, size * float(random.uniform(0.8, 1.4)))).carving())
    return found


def bubbles(random: np.random.Generator, segments: list[Segment], frothy: float) -> list[Part]:
    """Pockets of gas in soft stool, 2 to 8 mm; ``frothy`` of them in each segment on average."""
    shapes: list[Shape] = []
    for one in segments:
        for _ in range(int(random.poisson(frothy))):
            axes = rod_axes(one.along, _POSTERIOR)
            far = one.radius * 0.72 * np.sqrt(random.random())
            angle = float(random.uniform(0, 2 * np.pi))
            place = one.centre + far * (np.cos(angle) * axes[0] + np.sin(angle) * axes[1])
            place = place + random.uniform(-0.5, 0.5) * one.along
            size = float(np.clip(random.lognormal(0.95, 0.45), 1.0, 7.0))
            shapes.append(ellipsoid(place, (size * float(random.uniform(0.8, 2.0)), size, size)))
    return [soft(tuple(shapes), float(random.uniform(-900, -500)), blend_mm=1.0)] if shapes else []
