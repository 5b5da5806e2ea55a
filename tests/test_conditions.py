"""Imaging conditions: metal, collimator, vignetting, gain and movement against closed forms; draws are repeated."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cases.build import build_case
from bench.cases.hashes import problem_hash
from bench.cases.prepare import load_patient, open_dataset, patient_ids
from bench.drr import AttenuationMap
from bench.geometry import Camera
from bench.protocol import ProtocolError, validate
from bench.volume import AttenuationLaw
from bench.xray import Appearance, AppearanceError, Formation, ImagingConditions, Materials, form_image
from bench.xray.conditions import ConditionsError
from bench.xray.hardware import Cylinder, metal_paths
from bench.xray.spectrum import tube_spectrum

CAMERA = Camera.centred(sdd_mm=1000.0, height=61, width=81, spacing_mm=4.0)
POSE = np.eye(4)
POSE[2, 3] = 700.0
EMPTY = Materials.split(
    AttenuationMap(np.zeros((4, 4, 4), np.float32), np.diag([4.0, 4.0, 4.0, 1.0])), AttenuationLaw()
)
PLAIN = Formation(polyenergetic=False)
ALL = Appearance(
    collimator=(0.05, 0.2), collimator_deg=(-10, 10), vignetting=(0.1, 0.4), vignetting_offset=(-0.2, 0.2),
    gain=(0.8, 1.25), motion_px=(0.5, 2.0), screws=(2, 4), tools=(1, 2),
)  # fmt: skip
CORNERS = np.array([[-40.0, -50.0, -80.0], [40.0, 50.0, 80.0]])


def rod(start: tuple[float, float, float], end: tuple[float, float, float], radius: float = 10.0) -> Cylinder:
    return Cylinder(start, end, radius, "steel")


def image(conditions: ImagingConditions, formation: Formation = PLAIN) -> np.ndarray:
    return form_image(EMPTY, POSE, CAMERA, formation, np.random.default_rng(0), conditions=conditions)


def test_a_rod_across_the_beam_is_as_thick_as_its_chord() -> None:
    path = metal_paths([rod((0, -100, 0), (0, 100, 0))], POSE, CAMERA)["steel"]
    # The ray of column u passes the axis at x = 700 sin(angle): a chord of a circle.
    angle = np.arctan((np.arange(81) - 40) * 4 / 1000)
    expected = 2 * np.sqrt(np.maximum(100 - (700 * np.sin(angle)) ** 2, 0))
    np.testing.assert_allclose(path[30], expected, atol=1e-9)
    assert path[30].max() == pytest.approx(20.0)


def test_a_rod_along_the_beam_is_as_thick_as_it_is_long() -> None:
    path = metal_paths([rod((0, 0, -30), (0, 0, 50), 15)], POSE, CAMERA)["steel"]
    assert path[30, 40] == pytest.approx(80.0)
    assert path[30, 50] == 0.0


def test_a_rod_at_a_slant_has_the_volume_that_it_has() -> None:
    fine = Camera.centred(sdd_mm=1e6, height=400, width=400, spacing_mm=0.5)
    far = np.eye(4)
    far[2, 3] = 1e6 - 1000  # parallel rays: the sum of paths times the pixel's area is the volume
    path = metal_paths([Cylinder((-30, -20, -40), (25, 30, 60), 7.0, "titanium")], far, fine)["titanium"]
    length = float(np.linalg.norm([55, 50, 100]))
    assert path.sum() * 0.25 == pytest.approx(np.pi * 49 * length, rel=5e-3)


def test_the_box_of_pixels_that_is_looked_at_cuts_nothing_off() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        ends = random.uniform(-80, 80, size=(2, 3))
        piece = Cylinder(tuple(ends[0]), tuple(ends[1]), float(random.uniform(1, 20)), "steel")
        path = metal_paths([piece], POSE, CAMERA)["steel"]
        border = np.concatenate([path[0], path[-1], path[:, 0], path[:, -1]])
        shown = np.argwhere(path > 0)
        assert not border.any() or len(shown)
        wide = Camera.centred(sdd_mm=1000.0, height=181, width=201, spacing_mm=4.0)
        np.testing.assert_allclose(metal_paths([piece], POSE, wide)["steel"][60:121, 60:141], path, atol=1e-9)


def test_metal_attenuates_as_the_table_says() -> None:
    found = image(ImagingConditions(hardware=(rod((0, -100, 0), (0, 100, 0), 0.5),)), Formation())
    spectrum = tube_spectrum()
    expected = -np.log((spectrum.weights * np.exp(-spectrum.metals["steel"] * 1.0)).sum())
    assert found[30, 40] == pytest.approx(expected, rel=1e-4)
    assert expected > 0.5


def test_a_collimator_shuts_what_it_covers() -> None:
    conditions = ImagingConditions(left=0.25, top=0.1, leakage=0.01)
    valid, beam = conditions.valid(CAMERA), conditions.beam(CAMERA)
    assert valid is not None
    assert not valid[:, :22].any()
    assert not valid[:8].any()
    assert valid[15:, 30:].all()
    np.testing.assert_allclose(beam[15:, 30:], 1.0)
    np.testing.assert_allclose(beam[:, :15], 0.01)
    np.testing.assert_allclose(image(conditions)[:, :15], -np.log(0.01), rtol=1e-5)
    assert ImagingConditions().valid(CAMERA) is None


def test_a_turned_collimator_turns() -> None:
    straight, turned = (
        ImagingConditions(left=0.3).beam(CAMERA),
        ImagingConditions(left=0.3, collimator_deg=90.0).beam(CAMERA),
    )
    assert straight[30, 5] < 0.1 < straight[2, 40]
    assert turned[30, 20] > 0.9
    # Turned by a quarter, the left blade comes from above, a share of the width from there.
    assert ImagingConditions(left=0.45, collimator_deg=90.0).beam(CAMERA)[5, 40] < 0.1


def test_vignetting_loses_its_share_at_the_corner() -> None:
    beam = ImagingConditions(vignetting=0.4).beam(CAMERA)
    assert beam[30, 40] == pytest.approx(1.0)
    assert beam[0, 0] == pytest.approx(0.6, abs=0.02)
    moved = ImagingConditions(vignetting=0.4, vignetting_x=0.5).beam(CAMERA)
    assert moved[30, 60] == pytest.approx(1.0, abs=1e-3)


def test_gain_is_a_shift_of_the_line_integrals_and_meets_saturation() -> None:
    np.testing.assert_allclose(image(ImagingConditions(gain=1.5)), -np.log(1.5), atol=1e-6)
    saturated = Formation(polyenergetic=False, saturation=1.2)
    np.testing.assert_allclose(image(ImagingConditions(gain=1.5), saturated), -np.log(1.2), atol=1e-6)


def test_movement_is_the_mean_along_it() -> None:
    point = np.zeros((21, 21))
    point[10, 10] = 1.0
    moved = ImagingConditions(motion_px=4.0, motion_deg=0.0).moved(point)
    assert moved.sum() == pytest.approx(1.0)
    assert moved[10].sum() == pytest.approx(1.0)
    columns = np.arange(21) - 10
    assert (moved[10] * columns).sum() == pytest.approx(0.0, abs=1e-9)
    assert (moved[10] * columns**2).sum() == pytest.approx(16 / 12, abs=0.6)
    np.testing.assert_array_equal(
        ImagingConditions(motion_px=4.0, motion_deg=90.0).moved(point)[:, 10] > 0, moved[10] > 0
    )


def test_a_recorded_scene_is_the_scene() -> None:
    conditions = ALL.draw(np.random.default_rng(5), CORNERS)
    assert 3 <= len(conditions.hardware) <= 6
    assert ImagingConditions.from_record(conditions.record()) == conditions
    assert conditions.record().keys() >= {"conditions_left", "conditions_gain", "conditions_hardware_0_6"}
    with pytest.raises(ConditionsError, match="conditions_left"):
        ImagingConditions.from_record({})


def test_draws_keep_to_their_ranges_and_defaults_leave_everything_out() -> None:
    assert Appearance().draw(np.random.default_rng(0), CORNERS).beam(CAMERA).tolist() == np.ones((61, 81)).tolist()
    assert Appearance().draw(np.random.default_rng(0), CORNERS).hardware == ()
    drawn_conditions = [ALL.draw(np.random.default_rng(seed), CORNERS) for seed in range(200)]
    for name, low, high in (
        ("left", 0.05, 0.2),
        ("gain", 0.8, 1.25),
        ("motion_px", 0.5, 2.0),
        ("vignetting", 0.1, 0.4),
    ):
        drawn = np.array([getattr(conditions, name) for conditions in drawn_conditions])
        assert low <= drawn.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < drawn.max() <= high


def test_screws_come_from_behind() -> None:
    for seed in range(20):
        for piece in Appearance(screws=(1, 1)).draw(np.random.default_rng(seed), CORNERS).hardware:
            assert piece.metal == "titanium"
            assert piece.start[1] > piece.end[1] + 20  # LPS: larger y is further back


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"collimator": (0.1, 0.6)}, "below 0.5"),
        ({"gain": (0.0, 1.0)}, "gain must be positive"),
        ({"motion_px": (2.0, 1.0)}, "motion_px"),
        ({"tools": (-1, 1)}, "tools"),
    ],
)
def test_bad_ranges_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(AppearanceError, match=message):
        Appearance(**settings)


def protocol(tmp_path: Path, **target: Any) -> Any:
    """One small phantom, one start."""
    distribution = {"kind": "normal", "width": [3.0] * 6}
    tables = {
        "name": "conditions", "title": "t", "seed": 3, "profile": "quick",
        "data": {"dataset": "phantom", "patients": 1, "target": "body", "target_region": "whole",
                 "settings": {"size": 32, "spacing_mm": 8.0, "cache_dir": str(tmp_path)}},
        "camera": {"view": "AP", "sdd_mm": 1011.7, "height": 40, "width": 40, "spacing_mm": 5.0, "depth_mm": 700.0},
        "target": {"distribution": distribution, "search": [20.0] * 6, **target},
        "start": {"distribution": "u", "per_patient": 1, "distributions": {"u": distribution}},
        "methods": [{"label": "Initial", "plugin": "initial"}],
    }  # fmt: skip
    return validate(tables, source="test")


def test_a_case_writes_its_strengths_down_and_repeats_them(tmp_path: Path) -> None:
    appearance = {"collimator": [0.05, 0.2], "tools": [1, 2], "gain": [0.5, 2.0]}
    wanted = protocol(tmp_path, formation={"photons": 1000.0}, appearance=appearance, low_dose={})
    dataset = open_dataset(wanted)
    staged = load_patient(wanted, dataset, patient_ids(wanted, dataset)[0])
    posed = build_case(wanted, staged, 0)
    drawn = posed.problem_record.views[0].drawn
    assert drawn is not None
    assert {"conditions_left", "conditions_hardware_0_0", "low_dose_fog", "low_dose_seed"} <= drawn.keys()
    again = build_case(wanted, staged, 0, recorded=posed.problem_record)
    assert again.problem_record == posed.problem_record
    # What stands in the file is what is made, not a second draw.
    view = posed.problem_record.views[0].model_copy(update={"drawn": {**drawn, "conditions_gain": 1.0}})
    other = build_case(wanted, staged, 0, recorded=posed.problem_record.model_copy(update={"views": [view]}))
    assert other.problem_record.target_hash != posed.problem_record.target_hash
    assert problem_hash(other.problem_record) != problem_hash(posed.problem_record)
    valid = posed.case.problem.views[0].valid
    assert valid is not None
    assert 0.2 < valid.mean() < 0.9


def test_an_appearance_needs_formation(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"target\.formation"):
        protocol(tmp_path, appearance={})
