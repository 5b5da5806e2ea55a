"""Gut of the phantom's version 5: its colon is a tube with folds, its bends of small bowel lie side by side."""

import itertools
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from bench import registry
from bench.geometry import Matrix
from bench.volume import FloatGrid


def inside(name: str) -> Any:
    registry.load("datasets", "phantom")
    return import_module(f"bench.datasets.phantom.{name}")


colon, small_bowel, mesentery, residue = (
    inside(f"v5.{name}") for name in ("colon", "small_bowel", "mesentery", "residue")
)
GAS_HU, Piece, Part = inside("v4.bowel").GAS_HU, inside("v4.bowel").Piece, inside("v2.shapes").Part
ADDS, CARVES = inside("v2.shapes").ADDS, inside("v2.shapes").CARVES
FRONT, SIDE = 110.0, 130.0


def drawn(seed: int) -> Any:
    return inside("v5.person").draw_person(seed, fractures=False)


def painted(parts: list[Any], size: int = 56, spacing_mm: float = 2.0) -> FloatGrid:
    """HU about the origin, air where nothing is painted."""
    half = 0.5 * (size - 1) * spacing_mm
    grid: FloatGrid = inside("v2.kernels").render(
        parts, shape=(size, size, size), origin=np.full(3, -half), spacing_mm=spacing_mm
    )[0]
    return grid


def straight(gas: float, held: str = "fluid") -> Any:
    line = [np.array([0.0, 0.0, float(z)]) for z in range(-48, 49, 24)]
    return Piece(line=line, radius=18.0, held=held, gas=gas)


def built(piece: Any, seed: int = 3) -> tuple[list[Any], list[Any]]:
    random = np.random.default_rng(seed)
    course = colon.course(random, piece.line, 0.6 * piece.radius)
    lengths = colon.lengths_of(random, course[0], piece.radius)
    return colon.painted_piece(random, piece, 40.0, lengths, course), lengths


def test_a_smoothed_course_keeps_its_ends_and_its_points_are_apart() -> None:
    line = [np.array([float(x), 12.0 * (n % 2), 0.0]) for n, x in enumerate(range(0, 200, 20))]
    points, reach = colon.course(np.random.default_rng(1), line, 10.0)
    assert np.linalg.norm(points[0] - line[0]) < 6
    assert np.linalg.norm(points[-1] - line[-1]) < 6
    steps = np.diff(reach)
    assert (steps > 4).all()
    assert (steps < 25).all()
    assert steps.std() > 1
    assert np.ptp(points[2:-2, 1]) < 6, "a zigzag of 12 mm is drawn out"


def test_gas_lies_before_one_plane() -> None:
    parts, _ = built(straight(0.5))
    ground = painted([part for part in parts if part.shell_hu != GAS_HU])
    gas = np.argwhere((painted(parts) < -500) & (ground > -500))
    depths = gas[:, 1] * 2.0 - 55.0
    assert len(gas) > 300
    assert (depths > depths.max() - 3).mean() > 0.08, "the level is flat"
    assert np.median(depths) < 0, "gas is in front"


def test_folds_cut_in_from_one_side_and_leave_the_lumen_open() -> None:
    parts, lengths = built(straight(0.95))
    folds = {id(shape) for part in parts for shape in part.shapes if shape.role == CARVES}
    assert len(folds) >= len(lengths) / 3
    hu = painted(parts)
    # Every section across the gut has gas, but not the same amount: folds stand in it.
    areas = np.array([(hu[12:44, 12:44, k] < -500).sum() for k in range(12, 44)])
    without = painted([_unfolded(part) for part in parts])
    whole = np.array([(without[12:44, 12:44, k] < -500).sum() for k in range(12, 44)])
    assert (areas > 0.2 * whole).all()
    assert (areas < 0.93 * whole).any()


def _unfolded(part: Any) -> Any:
    kept = tuple(shape for shape in part.shapes if shape.role != CARVES)
    return Part(kept, part.shell_hu, blend_mm=part.blend_mm)


def test_the_wall_is_no_chain_of_balls() -> None:
    _, lengths = built(straight(0.9))
    calibres = np.array([one.calibres[0] for one in lengths])
    neighbours = np.abs(np.diff(np.log(calibres)))
    assert np.median(neighbours) < 0.2
    joined = [np.allclose(a.end, b.start) and a.calibres[1] == b.calibres[0] for a, b in itertools.pairwise(lengths)]
    assert all(joined)


@pytest.mark.parametrize("seed", range(4))
def test_bends_of_small_bowel_lie_side_by_side(seed: int) -> None:
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
    tips = np.array([_tip(part) for part in parts])
    for end in ends:
        assert np.linalg.norm(tips - end, axis=1).min() < 14
    thin = [shape.numbers[1] for part in parts for shape in part.shapes]
    assert min(thin) > 0.3
    assert max(thin) < 4


def _tip(part: Any) -> Matrix:
    return np.asarray(part.shapes[0].frame.origin)


def test_residue_is_within_the_lumen_and_diverticula_are_beside_it() -> None:
    _, lengths = built(straight(0.2, "mash"))
    left = residue.Residue(
        random=np.random.default_rng(2), specks=2.0, tablets=0.5, dense_hu=800.0, pouches=1.0, coated=True
    )  # fmt: skip
    inside = [shape for part in left.within(straight(0.2, "mash"), lengths) for shape in part.shapes]
    beside = [shape for part in left.beside(lengths, 40.0) for shape in part.shapes]
    assert len(inside) > 8
    assert len(beside) > 2
    assert all(np.hypot(*one.frame.origin[:2]) < 1.36 * 18 for one in inside)
    far = np.array([np.hypot(*one.frame.origin[:2]) for one in beside])
    widest = max(one.radii[0] for one in lengths)
    assert (far > 6).all()
    assert (far < widest + 8).all()
    assert not left.within(straight(0.2, "fluid"), []), "no length, no residue"


def test_the_gut_of_a_seed_is_always_the_same_and_another_seed_has_another() -> None:
    one, again, other = (
        np.concatenate([_rows(part) for part in inside("v5.bowel").bowel(drawn(s), FRONT, SIDE)]) for s in (5, 5, 6)
    )
    assert np.array_equal(one, again)
    assert one.shape != other.shape or not np.array_equal(one, other)


def _rows(part: Any) -> Matrix:
    return np.stack([shape.row() for shape in part.shapes])


def test_no_part_is_painted_in_a_box_larger_than_it_needs() -> None:
    """A part's cost is its box times its shapes; what made version 4's colon dear."""
    for part in inside("v5.bowel").bowel(drawn(7), FRONT, SIDE):
        low, high = part.bounds()
        assert (high - low).max() < 220
        assert sum(shape.role == ADDS for shape in part.shapes) <= 60
