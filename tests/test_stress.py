"""The protocol ``stress``: each factor changes what it should and only that."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cases.build import BuiltCase, build_case, case_ids
from bench.cases.prepare import PreparedPatient, load_patient, open_dataset, patient_ids
from bench.contract import View
from bench.errors import FluorobenchError
from bench.protocol import Protocol, ProtocolError, protocol_hash, read_protocol
from bench.registry import load
from bench.run.resume import run_or_resume
from bench.score.conditions import curves
from bench.score.finished import open_run

SMALL: dict[str, Any] = {"dataset": "phantom", "settings": {"size": 64, "spacing_mm": 4.0}, "patients": 1}
# Half as many pixels along each edge.
CAMERA = {"height": 128, "width": 128, "spacing_mm": 1.59672}
# For voxels of 4 mm.
SLICES = {"own": 4.0, "levels": [{"strength": size, "told": {"slice_mm": size}} for size in (8.0, 12.0)]}
QUIET = {"formation": {"photons": 1e12, "electronic_noise": 0.0}}


def stress(target: Mapping[str, Any] | None = None, **tables: Any) -> Protocol:
    """The quick profile on one small patient with one start."""
    factors = {"stress": {"factors": {"slices": SLICES}}}
    over = {"data": SMALL, "camera": CAMERA, "start": {"per_patient": 1}, "target": target or {}, **factors, **tables}
    return read_protocol("stress", "quick", over)


def prepared(protocol: Protocol) -> PreparedPatient:
    dataset = open_dataset(protocol)
    return load_patient(protocol, dataset, patient_ids(protocol, dataset)[0])


def all_cases(protocol: Protocol) -> dict[str, BuiltCase]:
    """By what their names end in; the own one under an empty text."""
    patient = prepared(protocol)
    names = case_ids(protocol, patient.id)
    return {name.partition("@")[2]: build_case(protocol, patient, index) for index, name in enumerate(names)}


@pytest.fixture(scope="module")
def cases() -> dict[str, BuiltCase]:
    return all_cases(stress())


@pytest.fixture(scope="module")
def quiet() -> dict[str, BuiltCase]:
    """Without noise."""
    return all_cases(stress(QUIET))


def view(case: BuiltCase) -> View:
    return case.case.problem.views[0]


def image(case: BuiltCase) -> np.ndarray:
    found = view(case).image
    assert found is not None
    return found


OF_THE_VOLUME = ("labels-eroded", "labels-grown", "slices")
OF_THE_CAMERA = ("focal-length", "principal-point")
OF_THE_IMAGE = ("air-level", "dose", "scatter", "filter", "metal", "neighbours", "body")


def test_every_factor_is_here_in_several_strengths() -> None:
    factors = stress().stress
    assert factors is not None
    assert set(factors.used) == {*OF_THE_VOLUME, *OF_THE_CAMERA, *OF_THE_IMAGE}
    assert min(len(factor.levels) for factor in factors.used.values()) >= 2


def test_each_factor_changes_what_it_should_and_only_that(cases: dict[str, BuiltCase]) -> None:
    own = cases[""]
    for name, case in cases.items():
        factor, problem = name.partition("=")[0], case.case.problem
        same = {
            "image": np.array_equal(image(case), image(own)),
            "camera": np.array_equal(view(case).camera.K, view(own).camera.K),
            "volume": problem.volume.fingerprint() == own.case.problem.volume.fingerprint(),
        }
        other = {key for key, equal in same.items() if not equal}
        kinds = {"image": OF_THE_IMAGE, "camera": OF_THE_CAMERA, "volume": OF_THE_VOLUME}
        assert other == {key for key, names in kinds.items() if factor in names}, name
        np.testing.assert_array_equal(case.case.truth, own.case.truth)
        for part in ("start", "nominal", "centre", "search"):
            np.testing.assert_array_equal(getattr(problem, part), getattr(own.case.problem, part))
        assert problem.seed == own.case.problem.seed
        assert case.problem_record.landmarks_hash == own.problem_record.landmarks_hash


def test_own_cases_are_those_of_mismatch(cases: dict[str, BuiltCase]) -> None:
    over = {"data": SMALL, "camera": CAMERA, "start": {"per_patient": 1}}
    mismatch = read_protocol("mismatch", "quick", over)
    built = build_case(mismatch, prepared(mismatch), 0)
    assert built.problem_record == cases[""].problem_record
    assert built.truth_record == cases[""].truth_record


def test_told_cameras_are_off_by_the_strength(cases: dict[str, BuiltCase]) -> None:
    true = view(cases[""]).camera
    for percent in (0.5, 1, 2):
        camera = view(cases[f"focal-length={percent:g}"]).camera
        assert abs(camera.K[0, 0] / true.K[0, 0] - 1) == pytest.approx(percent / 100)
    for pixels in (2, 5, 10):
        offset = view(cases[f"principal-point={pixels}"]).camera.K[:2, 2] - true.K[:2, 2]
        assert np.linalg.norm(offset) == pytest.approx(pixels)


def test_told_volumes_hold_less_more_or_coarser_bone(cases: dict[str, BuiltCase]) -> None:
    def voxels(name: str) -> int:
        return int(np.asarray(cases[name].case.problem.volume.mask).sum())

    assert voxels("labels-eroded=2") < voxels("labels-eroded=1") < 0.8 * voxels("")
    assert voxels("labels-grown=2") > voxels("labels-grown=1") > 1.2 * voxels("")
    np.testing.assert_allclose(cases["slices=8"].case.problem.volume.spacing_mm, [4, 4, 8])


def test_an_unknown_air_level_is_a_shift_of_all_line_integrals(cases: dict[str, BuiltCase]) -> None:
    for factor in (2, 10):
        shift = image(cases[f"air-level={factor}"]) - image(cases[""])
        np.testing.assert_allclose(shift, np.log(factor), atol=1e-5)


def test_noise_grows_as_the_dose_falls() -> None:
    # Without blur and electronic noise the variance of a line integral is 1 / photons behind the patient; the part of
    # the image where many are left, so that the logarithm is nearly linear.
    plain = {"formation": {"blur_px": 0.0, "electronic_noise": 0.0, "photons": 1e6}}
    levels = [{"strength": photons, "target": {"formation": {"photons": photons}}} for photons in (1e5, 1e4)]
    dose = {"heading": "Dose", "axis": "photons", "own": 1e6, "scale": "log", "levels": levels}
    noisy = all_cases(stress(plain, stress={"use": ["dose"], "factors": {"dose": dose}}))
    ideal = image(
        all_cases(stress({"formation": {**plain["formation"], "photons": 1e15}}, stress={"use": ["dose"]}))[""]
    )
    thin = ideal < np.percentile(ideal, 30)
    for name, photons in (("", 1e6), ("dose=100000", 1e5), ("dose=10000", 1e4)):
        expected = float(np.mean(np.exp(ideal[thin]) / photons))
        assert float(np.mean((image(noisy[name]) - ideal)[thin] ** 2)) == pytest.approx(expected, rel=0.15), name


def test_scatter_is_as_much_more_as_stated(quiet: dict[str, BuiltCase]) -> None:
    total = {name: float(np.exp(-image(case).astype(float)).sum()) for name, case in quiet.items()}
    primary = 0.7 * total[""]  # scatter fraction 0.3
    for ratio in (0.86, 1.72, 3.44):
        assert total[f"scatter={ratio:g}"] / primary - 1 == pytest.approx(ratio, rel=2e-3)


def test_a_filter_hardens_the_beam(quiet: dict[str, BuiltCase]) -> None:
    own, thin, thick = (image(quiet[name]).mean() for name in ("", "filter=0.3", "filter=0.9"))
    assert own > thin + 0.1 > thick + 0.2


def test_metal_covers_more_of_the_image_the_more_pieces_there_are(quiet: dict[str, BuiltCase]) -> None:
    shares = [float((image(quiet[f"metal={count}"]) - image(quiet[""]) > 0.1).mean()) for count in (4, 12)]
    assert 0.01 < shares[0] < shares[1]
    drawn = quiet["metal=12"].problem_record.views[0].drawn
    assert drawn is not None
    assert len([key for key in drawn if key.endswith("_7") and "hardware" in key]) == 12


def test_all_bones_but_the_registered_one_move(quiet: dict[str, BuiltCase]) -> None:
    drawn = quiet["neighbours=8"].problem_record.views[0].drawn
    assert drawn is not None
    moved = {key.split("_")[1] for key in drawn}
    assert {"L1", "L2", "L4", "L5", "T12", "sacrum"} <= moved
    assert "L3" not in moved
    weak, strong = (np.abs(image(quiet[f"neighbours={turn}"]) - image(quiet[""])) for turn in (2, 8))
    assert 0.03 < weak.max() < strong.max()
    assert weak.mean() < strong.mean()


FACTOR = {"heading": "Dose", "axis": "photons", "own": 4.0, "levels": [{"strength": 5.0, "told": {"slice_mm": 5.0}}]}


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"use": ["does"]}, "no factor named 'does'; did you mean 'dose'"),
        ({"factors": {"dose": {**FACTOR, "own": 5.0}}}, "strengths must lead away from own in one direction; got"),
        ({"factors": {"dose": {**FACTOR, "own": 0.0, "scale": "log"}}}, "logarithmic axis must be positive; got"),
        ({"factors": {"dose": {**FACTOR, "levels": [{"strength": 5.0}]}}}, "the level of strength 5 changes nothing"),
        ({"factors": {"dose": {**FACTOR, "levels": [{"strength": 5.0, "target": {"search": [1.0]}}]}}},
         "a level may change .* of target; got search"),
        ({"factors": {"dose": {**FACTOR, "levels": [{"strength": 5.0, "told": {"focal": 1.0}}]}}},
         "stress.factors.dose: told.focal: "),
        ({"factors": {"dose": {**FACTOR, "levels": [{"strength": 5.0, "told": {"slice_mm": -1.0}}]}}},
         "told.slice_mm must be finite and not negative; got -1.0"),
        ({"factors": {"a dose": FACTOR}}, "names of factors are letters, digits and hyphens; got 'a dose'"),
    ],
)  # fmt: skip
def test_bad_values_are_refused_in_one_line(tables: dict[str, Any], said: str) -> None:
    with pytest.raises(ProtocolError, match=said) as caught:
        stress(stress=tables)
    assert "\n" not in str(caught.value)


def test_real_x_rays_cannot_be_formed_otherwise() -> None:
    with pytest.raises(ProtocolError, match=r"stress changes how images are made, and target\.real takes them from"):
        stress({"real": True})


def test_slices_that_the_ct_does_not_have_are_refused() -> None:
    levels = [{"strength": 5.0, "told": {"slice_mm": 3.0}}]
    thin = stress(stress={"use": ["slices"], "factors": {"slices": {**FACTOR, "levels": levels}}})
    with pytest.raises(FluorobenchError, match="as thick as the CT's"):
        all_cases(thin)


def test_runs_of_other_protocols_keep_their_names() -> None:
    protocol = read_protocol("sopi-sim", "quick")
    assert "stress" not in protocol.model_dump_json(exclude={"stress"})
    told = protocol.model_copy(update={"told": None})
    assert protocol_hash(told) == protocol_hash(protocol)


def test_a_run_ends_with_curves_of_every_factor(tmp_path: Path) -> None:
    rows = [{"label": label, "plugin": label.casefold()} for label in ("Initial", "Nominal")]
    used = {"use": ["dose", "labels-grown"]}
    protocol = stress(data={**SMALL, "patients": 6}, methods=rows, stress=used)
    lines = list[str]()
    journal = run_or_resume(protocol, tmp_path, fresh=False, show=lambda steps: [*steps].clear(), report=lines.append)
    run = open_run(journal.folder)
    assert len(run.scores) == protocol.cases * 2 == 6 * (1 + 3 + 2) * 2
    assert "x 6 conditions" in run.description
    assert "idealised: perfect labels, exact calibration, known air level, the same voxels" in run.description
    case_id = f"{journal.patients()[0].patient_id}/000@dose=500"
    assert run.case(case_id).problem.case_id == case_id
    found = curves(run.scores, run.labels)
    assert [(each.factor, each.label) for each in found][:2] == [
        ("Labels grown", "Initial"),
        ("Labels grown", "Nominal"),
    ]
    assert found[2].strengths.tolist() == [20000, 5000, 1500, 500]
    assert found[2].success["strict"].shape == (6, 4)
    paths = {path.name: path for path in load("reports", "stress")().write(run)}
    assert {f"stress_{kind}.{end}" for kind in ("strict", "basin") for end in ("png", "pdf", "csv", "tex")} <= set(
        paths
    )
    points = list(csv.DictReader(paths["stress_success.csv"].open()))
    assert len(points) == 2 * (3 + 4)
    nominal = run.scores[(run.scores["label"] == "Nominal") & (run.scores["stress_factor"] == "")]
    expected = 100 * float(nominal["failure"].isin(["success", "depth_only"]).mean())
    # The nominal pose does not depend on the image.
    assert {round(float(each["basin_percent"]), 6) for each in points if each["method"] == "Nominal"} == {
        round(expected, 6)
    }
