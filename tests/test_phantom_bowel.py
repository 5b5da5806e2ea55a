"""Bowel: the colon is a tube with folds and one level of gas, loops of small bowel lie side by side."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from bench.geometry import Matrix
from bench.volume import FloatGrid

from .phantom_parts import inside, rendered

colon, segments_of, small_bowel, mesentery, residue = (
    inside(f"soft_tissue.{name}") for name in ("colon", "colon_segments", "small_bowel", "mesentery", "residue")
)
GAS_HU, Piece, Part = (
    inside("soft_tissue.gas").GAS_HU, inside("soft_tissue.colon_course").Piece, inside("rendering.shapes").Part
)  # fmt: skip
ADDS, CARVES, HALF_SPACE = (getattr(inside("rendering.shapes"), name) for name in ("ADDS", "CARVES", "HALF_SPACE"))
FRONT, SIDE = 110.0, 130.0


def drawn(seed: int) -> Any:
    return inside("person.person").draw_person(seed, fractures=False)


def painted(parts: list[Any], size: int = 56, spacing_mm: float = 2.0) -> FloatGrid:
    """HU about the origin, air where nothing is painted."""
    return rendered(parts, (size, size, size), np.full(3, -0.5 * (size - 1) * spacing_mm), spacing_mm)[0]


def straight(gas: float, content: str = "fluid") -> Any:
    line = [np.array([0.0, 0.0, float(z)]) for z in range(-48, 49, 24)]
    return Piece(line=line, radius=18.0, content=content, gas=gas)


def winding(gas: float, content: str = "fluid") -> Any:
    line = [np.array([20.0 * n - 70.0, -14 * np.sin(n), 5.0 * n - 17.5]) for n in range(8)]
    return Piece(line=line, radius=15.0, content=content, gas=gas)


def built(piece: Any, seed: int = 3) -> tuple[list[Any], list[Any]]:
    random = np.random.default_rng(seed)
    course = segments_of.smoothed_course(random, piece.line, 0.6 * piece.radius)
    segments = segments_of.draw_segments(random, course[0], piece.radius)
    return colon.painted_piece(random, piece, 40.0, segments, course), segments


def test_a_smoothed_course_keeps_its_ends_and_its_points_are_apart() -> None:
    line = [np.array([float(x), 12.0 * (n % 2), 0.0]) for n, x in enumerate(range(0, 200, 20))]
    points, reach = segments_of.smoothed_course(np.random.default_rng(1), line, 10.0)
    assert np.linalg.norm(points[0] - line[0]) < 6
    assert np.linalg.norm(points[-1] - line[-1]) < 6
    steps = np.diff(reach)
    assert (steps > 4).all()
    assert (steps < 25).all()
    assert steps.std() > 1
    assert np.ptp(points[2:-2, 1]) < 6, "a zigzag of 12 mm is smoothed"


def test_gas_lies_in_front_of_one_plane() -> None:
    parts, _ = built(straight(0.5))
    ground = painted([part for part in parts if part.shell_hu != GAS_HU])
    gas = np.argwhere((painted(parts) < -500) & (ground > -500))
    depths = gas[:, 1] * 2.0 - 55.0
    assert len(gas) > 300
    assert (depths > depths.max() - 3).mean() > 0.08, "the level is flat"
    assert np.median(depths) < 0, "gas is in front"


@pytest.mark.parametrize("content", ["fluid", "mash"])
def test_gas_of_a_piece_has_one_level(content: str) -> None:
    def levels(gas: float) -> list[float]:
        shapes = [shape for part in built(winding(gas, content))[0] for shape in part.shapes]
        return [float(shape.frame.origin[1]) for shape in shapes if shape.kind == HALF_SPACE]

    assert len(levels(0.5)) >= 3
    assert len(set(levels(0.5))) == 1
    assert not levels(0.0)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_gas_fills_the_given_share_from_the_front(share: float) -> None:
    hu, whole = (painted(built(winding(gas), seed=2)[0], size=100) for gas in (share, 0.0))
    bowel = whole > -400
    gas = bowel & (hu < -500)
    # Wall and folds are a fifth to a half of a bowel this thin.
    assert 0.45 * share < gas.sum() / bowel.sum() < 1.05 * share
    assert np.argwhere(gas)[:, 1].max() <= np.argwhere(bowel & ~gas)[:, 1].max()


def test_stool_is_grey_and_rarely_black() -> None:
    # Mash and crumbs contain bubbles.
    for content, dark, low, high in (("paste", 0.01, 0, 80), ("mash", 0.35, -250, 60), ("crumbs", 0.7, -600, 60)):
        hu = painted(built(winding(0.0, content), seed=7)[0], size=100)
        core = hu[ndimage.binary_erosion(ndimage.binary_fill_holes(hu > -999), iterations=3)]
        assert (core < -400).mean() < dark, content
        assert low < core.mean() < high, content


def test_folds_cut_in_from_one_side_and_leave_the_lumen_open() -> None:
    parts, segments = built(straight(0.95))
    folds = {id(shape) for part in parts for shape in part.shapes if shape.role == CARVES}
    assert len(folds) >= len(segments) / 3
    hu = painted(parts)
    # Every section across the bowel has gas, but not the same amount: folds stand in it.
    areas = np.array([(hu[12:44, 12:44, k] < -500).sum() for k in range(12, 44)])
    without = painted([_unfolded(part) for part in parts])
    whole = np.array([(without[12:44, 12:44, k] < -500).sum() for k in range(12, 44)])
    assert (areas > 0.2 * whole).all()
    assert (areas < 0.93 * whole).any()


def _unfolded(part: Any) -> Any:
    kept = tuple(shape for shape in part.shapes if shape.role != CARVES)
    return Part(kept, part.shell_hu, blend_mm=part.blend_mm)


def test_the_wall_is_no_chain_of_balls() -> None:
    _, segments = built(straight(0.9))
    calibres = np.array([one.calibres[0] for one in segments])
    neighbours = np.abs(np.diff(np.log(calibres)))
    assert np.median(neighbours) < 0.2
    joined = [np.allclose(a.end, b.start) and a.calibres[1] == b.calibres[0] for a, b in itertools.pairwise(segments)]
    assert all(joined)


@pytest.mark.parametrize("seed", range(4))
def test_loops_of_small_bowel_lie_side_by_side(seed: int) -> None:
    person = drawn(seed)
    loops = small_bowel.draw_loops(person, person.random("loops"), front=FRONT, side=SIDE)
    assert len(loops) > 12
    points = np.concatenate([np.array(loop.line) for loop in loops])
    owner = np.concatenate([np.full(len(loop.line), n) for n, loop in enumerate(loops)])
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1)[owner[:, None] != owner[None]]
    assert gaps.min() > 13
    assert (points[:, 1] <= -20).all(), "before the psoas"
    middle = np.abs(points[:, 0]) < 40
    assert middle.mean() > 0.15, "over the spine, too"
    depths = [loop.middle[1] for loop in loops]
    assert depths == sorted(depths, reverse=True)


def test_who_has_no_gas_has_no_bubbles_and_most_others_have() -> None:
    counts: dict[bool, list[int]] = {True: [], False: []}
    for seed in range(60):
        person = drawn(seed)
        loops = small_bowel.draw_loops(person, person.random("loops"), front=FRONT, side=SIDE)
        parts = small_bowel.small_bowel(person, person.random("small bowel"), loops, 40.0)
        counts[person.gas > 0.02].append(sum(part.shell_hu < -900 for part in parts))
    assert sum(counts[False]) <= 3 * max(1, len(counts[False]))
    assert np.mean(np.array(counts[True]) >= 3) > 0.8


def test_mesenteric_vessels_run_from_the_root_to_their_ends() -> None:
    ends = [np.array([50.0, -80.0, -20.0]), np.array([-40.0, -70.0, -60.0])]
    parts = mesentery.mesentery(drawn(1), np.random.default_rng(0), ends)
    tips = np.array([np.asarray(part.shapes[0].frame.origin) for part in parts])
    for end in ends:
        assert np.linalg.norm(tips - end, axis=1).min() < 14
    thin = [shape.numbers[1] for part in parts for shape in part.shapes]
    assert min(thin) > 0.3
    assert max(thin) < 4


def test_residue_is_within_the_lumen_and_diverticula_are_beside_it() -> None:
    _, segments = built(straight(0.2, "mash"))
    left = residue.Residue(
        random=np.random.default_rng(2), specks=2.0, tablets=0.5, dense_hu=800.0, diverticula=1.0, coated=True
    )  # fmt: skip
    within = [shape for part in left.within(straight(0.2, "mash"), segments) for shape in part.shapes]
    beside = [shape for part in left.beside(segments, 40.0) for shape in part.shapes]
    assert len(within) > 8
    assert len(beside) > 2
    assert all(np.hypot(*one.frame.origin[:2]) < 1.36 * 18 for one in within)
    far = np.array([np.hypot(*one.frame.origin[:2]) for one in beside])
    assert (far > 6).all()
    assert (far < max(one.radius for one in segments) + 8).all()
    assert not left.within(straight(0.2, "fluid"), []), "no segment, no residue"


def test_the_bowel_of_a_seed_is_always_the_same_and_another_seed_has_another() -> None:
    one, again, other = (np.concatenate([_rows(part) for part in bowel(seed)]) for seed in (5, 5, 6))
    assert np.array_equal(one, again)
    assert one.shape != other.shape or not np.array_equal(one, other)


def bowel(seed: int) -> list[Any]:
    made: list[Any] = inside("soft_tissue.bowel").bowel(drawn(seed), FRONT, SIDE)
    return made


def _rows(part: Any) -> Matrix:
    return np.stack([shape.row() for shape in part.shapes])


def test_no_part_is_painted_in_a_box_larger_than_it_needs() -> None:
    """The cost of a part is its box times its shapes."""
    for part in bowel(7):
        low, high = part.bounds()
        assert (high - low).max() < 220
        assert sum(shape.role == ADDS for shape in part.shapes) <= 60
