"""The spinous process, the gap to its neighbours, and the ligament that separates the last one from the sacrum.

Local axes: x left, y posterior, z superior, origin in the middle of the body. Laminae and spinous process follow an L3
in a CT of 1.5 mm (heights of the borders read off at five depths), stretched to each person's dimensions; on the mean
shape of 87 patients (Clouthier et al., J Biomech 146, 2023) the process is taller, 23.5 mm on average.
"""

from dataclasses import dataclass

import numpy as np

from bench.geometry import Matrix

from ..person.person import Person
from ..rendering.shapes import Part, Shape, capsule, soft
from .materials import VertebraMaterials
from .regions import SPINOUS

# Height of a spinous process against L2 to L4.
_TALL = {"T11": 0.72, "T12": 0.85, "L1": 0.93, "L5": 0.78, "L6": 0.78}
# Least gap between two spinous processes.
_APART_MM = 5.8
_LIGAMENT_HU = 40.0


@dataclass(frozen=True, slots=True)
class SpinousCourse:
    """Course of a spinous process in its vertebra's frame, mm.

    Attributes:
        root: Where it leaves the laminae, at half its height.
        end: Middle of its posterior edge.
        tall: Half of its height.
        bow: Lateral deviation of its middle, to the left.
    """

    root: tuple[float, float, float]
    end: tuple[float, float, float]
    tall: float
    bow: float


def spinous_course(person: Person, level: str) -> SpinousCourse:
    """Slopes down by 15 to 27 degrees in the lumbar spine, steeper at T11."""
    size, random = person.vertebrae[level], person.random("spinous" + level)
    slope = np.radians((32.0 if level == "T11" else 15.0 if level in ("L5", "L6") else 20.0) + random.normal(0, 3.0))
    tall = 0.31 * size.posterior_height * _TALL.get(level, 1.0) * random.normal(1, 0.06)
    back, length = size.wall + size.canal_depth, size.spinous_length
    end = (float(random.normal(0, 1.6)), back + length - 4.0, float(-4.0 - np.tan(slope) * (length - 6.0)))
    return SpinousCourse((0.0, back + 2.0, -4.0), end, float(tall), float(random.normal(0, 0.8)))


def spinous_process(person: Person, level: str, materials: VertebraMaterials) -> list[Shape]:
    """A hatchet, thin above and thick along its lower border; in the vertebra's frame."""
    course = spinous_course(person, level)
    (_, front, high), (sway, rear, low), tall = course.root, course.end, course.tall
    sunk = low - 0.85 * tall
    waist = (0.5 * sway + course.bow, 0.55 * front + 0.45 * rear, 0.55 * high + 0.45 * low)
    belly = (waist[0], waist[1], waist[2] - 0.9 * tall)
    blades = (
        capsule(course.root, waist, (2.3, tall), (1.8, tall * 0.92)),
        capsule(waist, (sway, rear - 1.5, low), (1.8, tall * 0.92), (1.8, tall * 0.88)),
    )
    base = capsule((0, front + 0.5, high - 2.5), (0, front + 10, high - 8), (4.6, 6.5), (2.8, 5.0))
    keels = (
        capsule((0, front + 4, high - 0.95 * tall), belly, (4.4, 3.0), (3.6, 3.0)),
        capsule(belly, (sway, rear - 4.5, sunk), (3.6, 3.0), (3.2, 3.3)),
    )
    rim = capsule((sway, rear + 1, low + 0.45 * tall), (sway, rear, sunk), (2.2, 2.6), (3.6, 3.2))
    return [materials.spinous.fill(shape, SPINOUS) for shape in (*blades, base, *keels, rim)]


def spinous_blade(person: Person, level: str, materials: VertebraMaterials) -> list[Shape]:
    """The taller, thicker middle of a spinous process, in the world; none at the last level, which stays short."""
    if level == person.levels[-1]:
        return []
    course = spinous_course(person, level)
    (_, front, high), (sway, rear, low), tall = course.root, course.end, course.tall
    start, end = (0.0, front + 3.0, high + 0.5), (sway, rear - 2.0, low - 0.5)
    shape = capsule(start, end, (2.8, 1.12 * tall), (2.5, 1.05 * tall))
    return [materials.spinous.fill(shape, SPINOUS).within(person.frames[level])]


def interspinous_gap(person: Person, upper: str, lower: str) -> Shape:
    """Keeps two spinous processes apart in a lordotic spine: a hole, in the world, that is carved from both."""
    front, rear = (
        (_border(person, upper, share, below=True) + _border(person, lower, share, below=False)) / 2
        for share in (0.12, 1.1)
    )
    up, half = person.frames[upper].axes[2] + person.frames[lower].axes[2], _APART_MM / 2
    return capsule(front, rear, (half, 7.0), (half, 12.0), flat_along=up).carving()


def _border(person: Person, level: str, share: float, *, below: bool) -> Matrix:
    """World point of a spinous process's lower or upper edge at a share of its course."""
    course = spinous_course(person, level)
    root, end = np.array(course.root), np.array(course.end)
    edge = -0.85 * course.tall - 3.2 if below else 1.08 * course.tall
    return np.asarray(person.frames[level].to_world(root + share * (end - root) + [0, 0, edge]))


def lumbosacral_ligament(person: Person, level: str) -> list[Part]:
    """Separates the last lamina and spinous process from the sacrum, which is painted before; none at other levels."""
    if level != person.levels[-1]:
        return []
    size, course, frame = person.vertebrae[level], spinous_course(person, level), person.frames[level]
    (_, front, high), (sway, rear, low), tall = course.root, course.end, course.tall
    sunk, wide = low - 0.85 * tall, 0.36 * size.canal_width
    shapes = (
        capsule((0, front + 4.0, high), (sway, rear + 1.0, low), (4.2, tall + 1.8), (4.2, tall + 1.8)),
        capsule((0, front + 1.0, high - 0.95 * tall), (sway, rear - 1.0, sunk), (6.4, 6.0), (5.4, 5.2)),
        *(
            capsule((side * wide, front - 4.0, -6.0), (0, front + 4.0, -8.0), (5.4, 9.5), flat_along=(side, 1, 0.4))
            for side in (-1.0, 1.0)
        ),
    )
    part = soft(tuple(shape.within(frame) for shape in shapes), _LIGAMENT_HU)
    return [Part(part.shapes, part.shell_hu, label=-1, blend_mm=1.0)]
