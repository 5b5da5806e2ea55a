"""Where a person's implants are placed: screws and cement by the landmarks, a hip by the sacrum."""

import numpy as np

from bench.contract import LandmarkSet
from bench.geometry import Matrix

from ..person.fractures import heights
from ..person.person import Person
from .devices import HipSite, ImplantSettings, bone_cement, hip_implant, pedicle_screws, sites_from_landmarks
from .solids import Solid


def implants_of(person: Person, landmarks: LandmarkSet, kind: str) -> tuple[Solid, ...]:
    """Solids of ``screws``, ``cement`` or ``hip``, in painting order; empty for ``none``."""
    random, settings = person.random("implants"), ImplantSettings()
    if kind == "screws":
        points = dict(zip(landmarks.point_names, landmarks.points, strict=True))
        lumbar = [level for level in person.levels if level.startswith("L")]
        first = int(random.integers(0, len(lumbar) - 2))
        levels = lumbar[first : first + int(random.integers(2, 4))]
        return pedicle_screws(sites_from_landmarks(points, levels), settings, random)
    if kind == "cement":
        return tuple(solid for level in _cemented(person, random) for solid in _cement(person, level, random))
    if kind == "hip":
        return hip_implant(_hip(person, 1.0 if random.random() < 0.5 else -1.0), settings, random)
    return ()


def _cemented(person: Person, random: np.random.Generator) -> list[str]:
    """The fractured vertebrae, else one between T12 and L3."""
    return list(person.fractures) or [str(random.choice(["T12", "L1", "L2", "L3"]))]


def _cement(person: Person, level: str, random: np.random.Generator) -> tuple[Solid, ...]:
    size = person.vertebrae[level]
    low = min(heights(size, person.fractures.get(level)))
    half = np.array([0.36 * size.lower_width, 0.34 * size.lower_depth, 0.5 * low - 4.5])
    return bone_cement(person.frames[level].origin, np.maximum(half, 2.0), ImplantSettings(), random)


def _hip(person: Person, side: float) -> HipSite:
    """The hip joint lies about 90 mm beside and 100 mm below the middle of the sacral endplate."""
    origin = person.frames["sacrum"].origin

    def at(x: float, y: float, z: float) -> Matrix:
        return np.asarray(origin + np.array([side * x, y, z]) * person.scale)

    socket = np.array([-side * 0.75, -0.1, 0.65])
    return HipSite(
        head=at(90, -28, -100), shoulder=at(128, -20, -142), shaft=at(122, -20, -190),
        socket=np.asarray(socket / np.linalg.norm(socket)),
    )  # fmt: skip
