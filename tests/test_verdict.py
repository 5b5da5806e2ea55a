"""The verdict on an answer: from synthetic checks, and from a search on a small volume."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest

from bench.contract import Case, Estimate, Outcome, Problem
from bench.geometry import Matrix, PoseFrame, compose, invert
from bench.register.search import Prepared, prepared_volume
from bench.single import check as checking
from bench.single.answer import METHOD
from bench.single.check import AGREEMENT_MM, Check, check_answer
from bench.single.depth import IN_PLANE_MM, depth_half_width, measure
from bench.single.opinion import ROUGH, Answer, apart, searched
from bench.single.plausible import ImpossibleError, doubtful, require_possible
from bench.single.trust import Trust, in_words
from bench.single.turned import COUNT, turned
from bench.single.verdict import Assessed, assess, judge
from bench.volume import Volume

from .registration import build_case, cluster

T = TypeVar("T")


@pytest.fixture(scope="module")
def case() -> Case:
    """Two views; the search box holds the truth."""
    return build_case(cluster(), sides=True)


@pytest.fixture(scope="module")
def one_view() -> Case:
    return build_case(cluster())


def shifted(case: Case, mm: float) -> Matrix:
    """The truth moved along the image's columns."""
    return PoseFrame(case.truth, case.problem.centre).pose([0, 0, 0, mm, 0, 0])


def estimate(pose: Matrix, outcome: Outcome = Outcome.CONVERGED) -> Estimate:
    return Estimate(pose=pose, outcome=outcome)


def checked(case: Case, mm: float = 1.0, *, other: Matrix | None = None, fit: float = 0.6, repeated: int = 1) -> Check:
    """The second similarity's best pose lies ``mm`` away from the truth."""
    second = shifted(case, mm) if other is None else other
    return Check(
        similarity="lncc",
        searches=1,
        repeated=repeated,
        fit=fit,
        agreed=mm <= AGREEMENT_MM,
        apart=apart(case.problem, case.truth, second),
        pose=case.truth,
        other_pose=second,
    )


def test_an_answer_found_again_is_trusted(case: Case) -> None:
    verdict = judge(case.problem, estimate(case.truth), checked(case))
    assert (verdict.trust, verdict.reasons, verdict.depth_interval_mm) == (Trust.TRUSTED, (), None)


@pytest.mark.parametrize(
    ("outcome", "mm", "trust", "said"),
    [
        (Outcome.CONVERGED, 30, Trust.NOT_TRUSTED, "another pose, 30.0 mm away, is the best by lncc"),
        (Outcome.CONVERGED, 4, Trust.DOUBTFUL, "another pose, 4.0 mm away, is the best by lncc"),
        (Outcome.BUDGET, 1, Trust.DOUBTFUL, "stopped at its budget"),
        (Outcome.SECONDS, 1, Trust.DOUBTFUL, "stopped at its limit in seconds"),
        (Outcome.LEFT_VIEW, 1, Trust.NOT_TRUSTED, "left the field of view"),
    ],
)
def test_what_speaks_against_an_answer(case: Case, outcome: Outcome, mm: float, trust: Trust, said: str) -> None:
    verdict = judge(case.problem, estimate(case.truth, outcome), checked(case, mm))
    assert verdict.trust == trust
    assert len(verdict.reasons) == 1
    assert said in verdict.reasons[0]


@pytest.mark.parametrize(
    ("confidence", "trust"), [(0.99, Trust.TRUSTED), (0.9, Trust.DOUBTFUL), (0.2, Trust.NOT_TRUSTED)]
)
def test_an_answer_that_its_method_does_not_believe_is_not_trusted(case: Case, confidence: float, trust: Trust) -> None:
    given = replace(estimate(case.truth), confidence=confidence)
    found = checked(case)
    verdict = judge(case.problem, given, found)
    assert verdict.trust == trust
    assert any("the method itself" in reason for reason in verdict.reasons) is (confidence < 0.95)
    lines = in_words(Assessed(given, found, verdict).written())
    assert any(f"{100 * confidence:.1f} % probable" in line for line in lines)


def test_an_answer_at_the_bounds_is_not_trusted_although_it_was_found_again(case: Case) -> None:
    pose = case.problem.frame.pose([0, 0, 0, case.problem.search[3], 0, 0])
    verdict = judge(case.problem, estimate(pose), checked(case))
    assert verdict.trust == Trust.NOT_TRUSTED
    assert verdict.reasons[0].startswith("tx_mm ended at the bounds")


def test_content_beyond_the_image_is_a_doubt_and_no_check_is_no_trust(case: Case) -> None:
    assert judge(case.problem, estimate(case.truth), None).trust == Trust.NOT_CHECKED
    views = tuple(replace(view, valid=np.zeros((64, 64), dtype=np.bool_)) for view in case.problem.views)
    verdict = judge(replace(case.problem, views=views), estimate(case.truth), None)
    assert verdict.trust == Trust.DOUBTFUL
    assert "100 % of the content lie beyond the image of view 1" in verdict.reasons[0]


def test_one_view_states_a_depth_interval_that_holds_all_agreeing_answers(one_view: Case) -> None:
    deeper = PoseFrame(one_view.truth, one_view.problem.centre).pose([0, 0, 0, 0, 0, 25])
    half = depth_half_width(one_view.problem, one_view.truth)
    verdict = judge(one_view.problem, estimate(one_view.truth), checked(one_view, other=deeper))
    depth = float((one_view.truth @ [*one_view.problem.centre, 1])[2])
    assert verdict.depth_interval_mm == pytest.approx((depth - half, depth + 25 + half))


def test_the_depth_interval_moves_the_surface_in_the_plane_by_what_it_is_made_for(one_view: Case) -> None:
    problem = one_view.problem
    half = depth_half_width(problem, one_view.truth)
    deeper = compose(np.eye(3), [0, 0, half]) @ one_view.truth
    assert apart(problem, one_view.truth, deeper)["mrpd_mm"] == pytest.approx(IN_PLANE_MM, rel=0.35)


@pytest.mark.parametrize(
    ("degrees", "half_mm", "name"), [(8, 6.8, "mrpd_mm"), (30, 2.0, "mtre_mm"), (90, 1.0, "mtre_mm")]
)
def test_two_views_determine_depth_by_the_angle_between_their_beams(
    case: Case, degrees: float, half_mm: float, name: str
) -> None:
    """At 8 degrees a head was 3.2 mm off in depth and 0.5 mm across the beam."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    middle = (case.problem.start @ [*case.problem.centre, 1.0])[:3]
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    about = compose(turn, middle - turn @ middle)
    first = case.problem.views[0]
    problem = replace(case.problem, views=(first, replace(first, camera_from_rig=about)))
    assert depth_half_width(problem, problem.start) == pytest.approx(half_mm, rel=0.05)
    assert measure(problem) == name
    interval = judge(problem, estimate(problem.start), None).depth_interval_mm
    assert (interval is not None) == (name == "mrpd_mm")


def searches_that_end(monkeypatch: pytest.MonkeyPatch, *, first: Matrix, second: Matrix, near: Matrix) -> None:
    """Searches of the first and of the second similarity end at these poses, local ones at ``near``."""

    def search(_: Problem, similarity: str, *__: object) -> Answer:
        return Answer(first if similarity == checking.FIRST else second, 0.5)

    monkeypatch.setattr(checking, "searched", search)
    monkeypatch.setattr(checking, "searched_near", always(Answer(near, 0.5)))


def always(value: T) -> Callable[..., T]:
    """A function of any arguments that returns this."""

    def give(*_: object, **__: object) -> T:
        return value

    return give


def test_an_answer_that_both_prefer_is_doubted_where_the_images_agree_little(case: Case) -> None:
    """Both similarities met 14 mm off on a wrist, where the images agreed by 0.27; at right poses they do by 0.39."""
    verdict = judge(case.problem, estimate(case.truth), checked(case, fit=0.27))
    assert verdict.trust == Trust.DOUBTFUL
    assert "X-ray and CT agree little here: 0.27 by sgc" in verdict.reasons[0]
    assert judge(case.problem, estimate(case.truth), checked(case, fit=0.39, repeated=2)).trust == Trust.TRUSTED


def test_a_likely_answer_that_few_searches_found_is_doubted(case: Case) -> None:
    """A wrist at 0.43, where it is right at 0.54, was 2.9 mm off: none of eight searches from elsewhere ended there."""
    verdict = judge(case.problem, estimate(case.truth), checked(case, fit=0.43, repeated=1))
    assert verdict.trust == Trust.DOUBTFUL
    assert "agree by 0.43 only (1 at most); searches from elsewhere that ended here: 1," in verdict.reasons[0]


def test_one_search_is_enough_where_it_agrees_and_the_images_do(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    close = shifted(case, 0.9 * AGREEMENT_MM)
    searches_that_end(monkeypatch, first=close, second=close, near=close)
    check = check_answer(case.problem, case.truth)
    assert (check.searches, check.agreed) == (1, True)
    assert check.apart["mtre_mm"] == pytest.approx(0.9 * AGREEMENT_MM)
    assert np.array_equal(check.pose, case.truth)


def test_a_local_search_that_agrees_is_the_last(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second similarity failed from elsewhere, but has its best pose at the answer, where the images agree."""
    searches_that_end(monkeypatch, first=case.truth, second=shifted(case, 25), near=case.truth)
    check = check_answer(case.problem, case.truth, replaceable=True)
    assert (check.searches, check.agreed) == (2, True)


def test_agreement_on_a_pose_that_fits_little_is_searched_further(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both similarities meet in a wrong place; searches from elsewhere find the right one."""
    wrong = shifted(case, 25)
    monkeypatch.setattr(checking, "PLAIN", 0.8)
    searches_that_end(monkeypatch, first=case.truth, second=wrong, near=wrong)
    check = check_answer(case.problem, wrong, replaceable=True)
    assert np.array_equal(check.pose, case.truth)
    assert check.searches > 2


def test_the_search_goes_on_no_longer_than_until_answer_and_images_agree(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The method ended in a wrong place, the second similarity in the right one: one local search of each is enough."""
    searches_that_end(monkeypatch, first=shifted(case, 25), second=case.truth, near=case.truth)
    check = check_answer(case.problem, shifted(case, 25), replaceable=True)
    assert np.array_equal(check.pose, case.truth)
    assert (check.searches, check.agreed) == (4, True)


@pytest.mark.parametrize(("repetitions", "settled"), [(2, True), (99, False)])
def test_a_likely_answer_that_searches_from_elsewhere_find_again_needs_no_more(
    case: Case, monkeypatch: pytest.MonkeyPatch, repetitions: int, settled: bool
) -> None:
    monkeypatch.setattr(checking, "PLAIN", 2.0)
    monkeypatch.setattr(checking, "REPETITIONS", repetitions)
    searches_that_end(monkeypatch, first=case.truth, second=case.truth, near=case.truth)
    check = check_answer(case.problem, case.truth, replaceable=True)
    assert check.agreed
    assert (check.searches < 6) is settled


def test_two_views_are_also_searched_from_the_pose_of_each(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches of both views fail; the pose of one view leads to the right one."""
    wrong, alone = shifted(case, 25), shifted(case, 5)
    monkeypatch.setattr(checking, "PLAIN", 0.8)
    monkeypatch.setattr(checking, "POOR", 0.7)

    def search(problem: Problem, similarity: str, *_: object) -> Answer:
        return Answer(alone if len(problem.views) == 1 and similarity == checking.FIRST else wrong, 0.5)

    def near(_: Problem, __: str, pose: Matrix, *___: object, **____: object) -> Answer:
        return Answer(case.truth if pose is alone or pose is case.truth else wrong, 0.5)

    monkeypatch.setattr(checking, "searched", search)
    monkeypatch.setattr(checking, "searched_near", near)
    check = check_answer(case.problem, wrong, replaceable=True)
    assert np.array_equal(check.pose, case.truth)
    assert check.agreed


def test_the_best_pose_by_the_second_similarity_counts_even_where_it_was_not_asked_for(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = shifted(case, 25)
    searches_that_end(monkeypatch, first=wrong, second=case.truth, near=wrong)
    check = check_answer(case.problem, wrong)
    assert np.array_equal(check.pose, wrong)
    assert np.array_equal(check.other_pose, case.truth)
    assert not check.agreed
    assert check.apart["mtre_mm"] == pytest.approx(25)


def test_a_volume_is_prepared_once_for_all_searches(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = list[Volume]()

    def prepare(volume: Volume) -> Prepared:
        prepared.append(volume)
        return prepared_volume(volume)

    monkeypatch.setattr("bench.single.moving.prepared_volume", prepare)
    volume = replace(case.problem.volume)
    problem = replace(case.problem, volume=volume)
    for similarity in ("sgc", "lncc"):
        searched(problem, similarity, ROUGH)
    assert prepared == [volume]


def test_a_pose_of_another_method_is_judged_as_it_is(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    searches_that_end(monkeypatch, first=case.truth, second=case.truth, near=case.truth)
    monkeypatch.setattr("bench.single.verdict.inverted_fits_better", always(True))
    found = assess(case.problem, estimate(shifted(case, 25)), "initial", {})
    assert np.array_equal(found.estimate.pose, shifted(case, 25))
    assert found.verdict.trust == Trust.NOT_TRUSTED
    assert found.verdict.reasons[-1] == "the inverted X-ray fits better: check --bright"
    assert json.loads(json.dumps(found.written()))["check"]["agreed"] is False


def test_inverted_images_are_looked_for_wherever_the_answer_is_not_plain(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one inverted view of a wrist both similarities agreed 20 mm off, where the images agreed by 0.42."""
    monkeypatch.setattr(checking, "PLAIN", 2.0)
    searches_that_end(monkeypatch, first=case.truth, second=case.truth, near=case.truth)
    monkeypatch.setattr("bench.single.verdict.inverted_fits_better", always(True))
    found = assess(case.problem, estimate(case.truth), METHOD, {})
    assert found.check is not None
    assert found.check.settled
    assert found.verdict.trust == Trust.NOT_TRUSTED


def test_inverted_images_are_named(case: Case) -> None:
    views = tuple(replace(view, image=-np.asarray(view.image)) for view in case.problem.views)
    assert checking.inverted_fits_better(replace(case.problem, views=views), shifted(case, 25))
    assert not checking.inverted_fits_better(case.problem, case.truth)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"depth": 5000.0}, "it lies 5000 mm from the source"),
        ({"depth": -300.0}, "it lies -300 mm from the source"),
        ({"aside": 3000.0}, "nothing of the content lies in any image"),
        ({"focal": 0.001}, "a cone of rays of 0.5 to 110 degrees"),
        ({"focal": 1000.0}, "a cone of rays of 0.5 to 110 degrees"),
        ({"sdd": 1e5}, "pixels of 0.005 to 20 mm; got 400 x 400"),
        ({"aspect": 3.0}, "pixels whose sides are in the ratio 0.5 to 2 : 1; got 3"),
    ],
)
def test_impossible_geometry_is_one_line(one_view: Case, change: dict[str, float], said: str) -> None:
    problem, view = one_view.problem, one_view.problem.views[0]
    K = view.camera.K.copy()
    K[[0, 1], [0, 1]] *= change.get("focal", 1.0)
    K[0, 0] *= change.get("aspect", 1.0)
    camera = replace(view.camera, K=K, sdd_mm=change.get("sdd", 1000.0 * change.get("focal", 1.0)))
    shift = [change.get("aside", 0.0), 0, change["depth"] - 700 if "depth" in change else 0.0]
    moved = compose(np.eye(3), shift) @ problem.nominal
    with pytest.raises(ImpossibleError, match=said.replace("(", r"\(")) as caught:
        require_possible(replace(problem, views=(replace(view, camera=camera),), start=moved))
    assert "\n" not in str(caught.value)


def test_doubtful_geometry_is_named_and_sound_geometry_is_not(one_view: Case) -> None:
    problem, view = one_view.problem, one_view.problem.views[0]
    assert doubtful(problem) == []
    require_possible(problem)
    valid = np.zeros((64, 64), dtype=np.bool_)
    valid[:, 40:] = True
    (border, beside) = doubtful(replace(problem, views=(replace(view, valid=valid),)))
    assert "62 % of the image are taken for collimator or border" in border
    assert "of the content lie beside the image" in beside
    far = replace(view, camera=replace(view.camera, K=np.diag([0.1, 0.1, 1]) @ view.camera.K, sdd_mm=None))
    assert any("pixels large" in each for each in doubtful(replace(problem, views=(far,))))


def test_turned_poses_keep_the_centre_and_turn_by_15_to_180_degrees(one_view: Case) -> None:
    poses = list(turned(one_view.problem.volume, one_view.truth))
    assert len(poses) == COUNT
    angles = [apart(one_view.problem, one_view.truth, pose)["rotation_deg"] for _, pose in poses]
    assert min(angles) == pytest.approx(15)
    assert max(angles) == pytest.approx(180)
    fixed = [pose @ invert(one_view.truth) - np.eye(4) for _, pose in poses]
    assert all(np.abs(np.linalg.det(each[:3, :3])) < 1e-9 for each in fixed)


def test_the_first_axis_is_the_longest(one_view: Case) -> None:
    """A rod along the patient's z axis: spins about it leave its ends where they are."""
    volume = one_view.problem.volume
    mask = np.zeros(volume.hu.shape, dtype=np.bool_)
    mask[14:20, 12:16, 4:40] = True
    rod = replace(volume, mask=mask)
    (_, pose) = next(iter(turned(rod, np.eye(4))))
    np.testing.assert_allclose(pose[:3, 2], [0, 0, 1], atol=0.01)
