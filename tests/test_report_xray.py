"""Table 3, Figures 4 and 5 and the capture range of a small run whose answers, image scores and contents are known."""

import csv
import io
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.cases.records import ImageProvenance, ImageSource
from bench.contract import Case
from bench.protocol import read_protocol
from bench.registry import load, module
from bench.score.budgets import DRR_MOST, max_evaluations, with_budgets
from bench.score.capture_range import MIN_STARTS
from bench.score.images import IMAGE_COLUMNS, TRUTH, with_image_scores
from bench.score.provenance import PROVENANCE_PREFIX, PROVENANCE_TYPES, image_provenance
from bench.score.statistics import of_label

from .test_report import CASES, HOSTILE, LABELS, FakeRun, compile_latex
from .test_score import MATCHED, PROBLEMS

SIMULATED = ImageProvenance(source=ImageSource.FORMED, moving_content="bone", target_content="body")
REAL = ImageProvenance(source=ImageSource.REAL, moving_content="bone", acquisition="0002", view=1)
TIMES_OF_CORNERS = {"Initial": np.nan, "Opt-GC": 1.0, "Opt-NGI": 2.0, HOSTILE: 4.0, TRUTH: 0.5}


@dataclass
class XrayRun(FakeRun):
    """The same answers, contents going round; image scores of case n are n times the label's, NaN for n = 0."""

    images: tuple[ImageProvenance, ...] = (SIMULATED,)
    pictures: bool = True

    @cached_property
    def scores(self) -> pd.DataFrame:
        rows = super().scores
        order = [list(self.cases).index(str(name)) for name in rows["case_id"]]
        cells = [self.images[index % len(self.images)].model_dump(mode="json") for index in order]
        images = pd.DataFrame(cells, index=rows.index).add_prefix(PROVENANCE_PREFIX).astype(PROVENANCE_TYPES)
        rows = pd.concat([rows.drop(columns=list(images.columns)), images], axis=1)
        return with_image_scores(rows, self._images()) if self.pictures else rows

    def _images(self) -> dict[tuple[str, str], dict[str, float]]:
        return {
            (label, name): {each.name: times * index if index else np.nan for each in IMAGE_COLUMNS}
            for label, times in TIMES_OF_CORNERS.items()
            for index, name in enumerate(self.cases)
        }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> XrayRun:
    return XrayRun(tmp_path_factory.mktemp("xray"))


def read(paths: list[Path], suffix: str) -> list[dict[str, str]]:
    """The rows of the CSV file whose name ends so."""
    (path,) = [each for each in paths if each.name.endswith(f"{suffix}.csv")]
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_table3_is_the_papers_with_its_values_below(run: XrayRun) -> None:
    rows = read(load("reports", "sopi_table3")().write(run), "simulated_xray")
    ours, published = [row for row in rows if row["method"] == "Opt-GC"]
    found = of_label(run.scores, "Opt-GC")
    for name in ("sopi_rx_error_deg", "sopi_ry_error_deg", "sopi_tx_error_mm", "sopi_tz_error_mm", "seconds"):
        assert float(ours[name]) == pytest.approx(found[name].mean())
    assert float(ours["img_sim_paper"]) == pytest.approx(np.mean([1, 2, 3, 4, 5]))
    assert (ours["source"], published["source"]) == ("simulated X-ray", "published")
    assert (published["sopi_rx_error_deg"], published["sopi_tx_error_mm"], published["cases"]) == ("4.7", "7.15", "5")
    assert [row["source"] for row in rows if row["method"] == HOSTILE] == ["simulated X-ray"]
    assert next(row for row in rows if row["method"] == "Opt-NGI")["no_pose"] == "1"
    true = rows[-1]
    assert (true["method"], float(true["img_sim_paper"]), float(true["sopi_rx_error_deg"])) == (
        "(the true pose)",
        1.5,
        0,
    )


def test_audited_table3_counts_what_is_defined_and_splits_the_failures(run: XrayRun) -> None:
    rows = {row["method"]: row for row in read(load("reports", "sopi_table3")().write(run), "audited")}
    assert set(rows) == {*LABELS, "(the true pose)"}
    assert [rows["Opt-GC"][f"dist_err_orb_{name}"] for name in ("mm_median", "defined")] == ["3.0", "5"]
    assert [rows["Initial"][f"dist_err_surf_{name}"] for name in ("mm_median", "defined")] == ["", "0"]
    assert float(rows["(the true pose)"]["dist_err_surf_mm_median"]) == 1.5
    for label in LABELS:
        row, kinds = rows[label], of_label(run.scores, label)["failure"]
        parts = [float(row[f"{kind}_percent"]) for kind in ("wrong_basin", "depth_only")]
        no_pose = 100 * float((kinds == "no_pose").mean())
        assert float(row["failure_strict_percent"]) == pytest.approx(sum(parts) + no_pose)
        assert parts[1] == pytest.approx(100 * float((kinds == "depth_only").mean()))
    assert float(rows["Opt-NGI"]["mtre_mm_p95"]) == np.inf


def test_table3_prints_what_a_row_was_allowed_beside_what_it_took(tmp_path: Path) -> None:
    run = XrayRun(tmp_path)
    allowed = run.scores["label"].map({"Opt-GC": 3200.0}).astype(float)
    run.__dict__["scores"] = run.scores.assign(**{DRR_MOST: allowed})
    paths = load("reports", "sopi_table3")().write(run)
    (text,) = [path.read_text() for path in paths if path.name.endswith("_audited.md")]
    last = {line.split(" |")[0].removeprefix("| "): line.split(" | ")[-1] for line in text.splitlines()}
    assert last["Opt-GC"].startswith("1200 (3200)")
    assert last["Initial"].startswith("1200 |")
    rows = {row["method"]: row for row in read(paths, "audited")}
    assert [rows[label][DRR_MOST] for label in ("Opt-GC", "Initial")] == ["3200.0", ""]


def test_budgets_are_those_of_the_settings_and_count_views() -> None:
    chosen = read_protocol("sopi-xray", "smoke")
    methods = {each.label: each for each in chosen.methods}
    assert np.isnan(max_evaluations(methods["Nominal"]))
    sgc, gc = (max_evaluations(methods[label]) for label in ("Opt-SGC", "Opt-GC"))
    assert sgc == 8 * (50 * 18 + 20 * 15) + 12 * 20
    assert gc != sgc
    two = [each.model_copy(update={"views": 2 * each.views}) for each in PROBLEMS]
    rows = pd.DataFrame({"label": ["Opt-SGC", "Nominal"], "case_id": [two[0].case_id] * 2})
    found = with_budgets(rows, chosen, two)[DRR_MOST]
    assert found[0] == 2 * sgc
    assert np.isnan(found[1])


def test_without_an_sdd_corners_are_measured_at_the_isocentre(tmp_path: Path) -> None:
    run = XrayRun(tmp_path)
    run.scores = run.scores.assign(
        double_geodesic_mm=np.nan,
        dist_err_orb_mm=np.nan,
        dist_err_orb_isocentre_mm=7.0,
    )
    table = load("reports", "sopi_table3")().audited(run)
    assert "at the isocentre" in table.notes[0]
    assert [cells[3] for cells in table.printed()][:4] == ["7.00 (6)"] * 4


def test_a_run_scored_without_images_leaves_their_cells_empty(tmp_path: Path) -> None:
    paths = load("reports", "sopi_table3")().write(XrayRun(tmp_path, pictures=False))
    assert {row["img_sim_paper"] for row in read(paths, "simulated_xray") if row["source"] != "published"} == {""}
    assert {row["dist_err_orb_defined"] for row in read(paths, "audited")} == {"0"}


@pytest.mark.parametrize(
    ("images", "suffix", "said"),
    [
        ((SIMULATED,), "simulated_xray", "simulated X-rays"),
        ((REAL,), "real_xray", "real X-rays"),
        ((REAL, SIMULATED), "real_and_simulated_xray", "real X-ray and simulated X-rays"),
    ],
)
def test_every_file_and_caption_says_where_its_images_are_from(
    tmp_path: Path, images: tuple[ImageProvenance, ...], suffix: str, said: str
) -> None:
    run = XrayRun(tmp_path, images=images)
    tables = load("reports", "sopi_table3")().write(run)
    assert [path.name for path in tables[:3]] == [f"sopi_table3_{suffix}{end}" for end in (".tex", ".csv", ".md")]
    assert said in tables[2].read_text()
    assert said in tables[5].read_text()
    for name in ("sopi_figure4", "sopi_figure5"):
        assert {path.stem for path in load("reports", name)().write(run)} == {f"{name}_{suffix}"}


@pytest.mark.parametrize("name", ["sopi_table3", "capture_range"])
def test_tables_compile(run: XrayRun, name: str) -> None:
    found = [path for path in load("reports", name)().write(run) if path.suffix == ".tex"]
    assert len(found) == (3 if name == "sopi_table3" else 1)
    for path in found:
        compile_latex(path)


@pytest.mark.parametrize("name", ["sopi_figure4", "sopi_figure5", "capture_range"])
def test_figures_are_written_whole_and_the_same_again(run: XrayRun, name: str) -> None:
    def written() -> list[bytes]:
        paths = [path for path in load("reports", name)().write(run) if path.suffix in (".pdf", ".png")]
        return [path.read_bytes() for path in paths]

    first = written()
    assert [data[:4] for data in first] == [b"%PDF", b"\x89PNG"]
    assert written() == first


def test_figure4_shows_the_middling_case_in_the_papers_order() -> None:
    figure4 = module("reports", "sopi_figure4")
    rows = pd.DataFrame({"case_id": list("aabbcc"), "mtre_mm": [1.0, 9.0, 4.0, 4.0, np.nan, np.nan]})
    assert figure4.typical_case(rows) == "a"  # medians 5, 4, infinite
    assert figure4.in_paper_order(("Initial", "Mine", "Opt-NGI", "Opt-GC")) == ["Opt-GC", "Opt-NGI", "Mine"]


def test_figure4_goes_near_to_small_objects_only() -> None:
    near = module("reports", "sopi_figure4").neighbourhood
    image = np.zeros((100, 120), dtype=np.float32)
    image[40:60, 30:40] = 1
    rows, columns = near(image)
    assert ((rows.start, rows.stop), (columns.start, columns.stop)) == ((34, 66), (19, 51))
    image[2:98, 30:40] = 1
    assert image[near(image)].shape[0] == 100
    assert image[near(np.zeros_like(image))].shape == (100, 120)


def test_figure4_where_a_method_has_no_pose(run: XrayRun) -> None:
    silent = next(row.case_id for row in run.scores.itertuples() if row.failure == "no_pose")
    paths = load("reports", "sopi_figure4")(case=str(silent)).write(run)
    assert all(path.stat().st_size > 5000 for path in paths)


def test_figure4_clips_metal_and_leaves_what_is_behind_a_collimator_out(run: XrayRun) -> None:
    case = next(iter(run.cases.values()))
    view = case.problem.views[0]
    image, valid = np.tile(np.linspace(0, 1, 96, dtype=np.float32), (96, 1)), np.ones((96, 96), dtype=bool)
    image[:10], valid[:10] = 50, False
    image[50, :40] = 30  # a rod
    seen = Case(replace(case.problem, views=(replace(view, image=image, valid=valid),)), case.truth)
    shown = module("reports", "sopi_figure4")._target(seen, (slice(None), slice(None)))
    assert shown.max() < 1
    assert shown.max() > 0.9


def test_figure5_halves_are_this_run_and_plain_drrs(tmp_path: Path) -> None:
    mixed = XrayRun(tmp_path, images=(SIMULATED, MATCHED))
    left, right, source = load("reports", "sopi_figure5")()._sides(mixed)
    assert (left.cases, right.cases, source) == (CASES // 2, CASES // 2, "the same run")
    assert right.name == "simulated X-ray"
    assert list(dict.fromkeys(image_provenance(left.rows))) == [MATCHED]


def test_figure5_without_a_simulation_says_so(run: XrayRun) -> None:
    (run.folder.parent / "sopi-sim-quick-0").mkdir(exist_ok=True)
    (run.folder.parent / "sopi-sim-quick-0" / "truth.jsonl").write_text("no run\n")
    left, right, source = load("reports", "sopi_figure5")()._sides(run)
    assert left is None
    assert right.cases == CASES
    assert source.startswith("none")


def test_figure5_errors_are_finite_and_within_the_axis(run: XrayRun) -> None:
    figure5 = module("reports", "sopi_figure5")
    rows = of_label(run.scores, "Opt-NGI")
    assert figure5.axis_errors(rows, "tx").size == CASES - 1
    rows = rows.assign(sopi_rx_error_deg=[0.0, 500.0, 1.0, np.nan, 1.0, 1.0])
    assert figure5.axis_errors(rows, "rx").tolist() == [figure5.LOWEST, figure5.HIGHEST, 1.0, 1.0, 1.0]


def capture_run(folder: Path, initial: list[float], final: list[float]) -> FakeRun:
    """Final mTRE as given, final mRPD half of it."""
    run = FakeRun(folder, labels=("Opt-GC",))
    errors = {"initial_mtre_mm": initial, "mtre_mm": final, "mrpd_mm": [0.5 * error for error in final]}
    cases = [f"p/{index:03d}" for index in range(len(initial))]
    run.scores = pd.DataFrame({"label": "Opt-GC", "case_id": cases, **errors})
    return run


def test_capture_range_is_the_edge_of_the_last_good_bin(tmp_path: Path) -> None:
    initial = np.repeat([0.5, 1.5, 2.5], MIN_STARTS).tolist()
    final = [0.5] * MIN_STARTS * 2 + [0.5, 2.5] * (MIN_STARTS // 2)
    paths = load("reports", "capture_range")().write(capture_run(tmp_path, initial, final))
    (row,) = read(paths, "capture_range")
    assert (float(row["capture_range_mtre_mm"]), row["cases"], row["fewest_starts"]) == (2.0, "120", "40")
    assert float(row["success_mtre_mm_percent"]) == pytest.approx(100 * 100 / 120)
    assert (float(row["capture_range_mrpd_mm"]), float(row["success_mrpd_mm_percent"])) == (3.0, 100.0)
    assert "indications" not in paths[2].read_text()


def test_capture_range_of_too_few_starts_has_wider_bins_and_is_an_indication(tmp_path: Path) -> None:
    initial = np.linspace(0.2, 19.8, 40).tolist()  # two a mm
    paths = load("reports", "capture_range")().write(capture_run(tmp_path, initial, [0.1] * 20 + [np.nan] * 20))
    (row,) = read(paths, "capture_range")
    assert (float(row["capture_range_mtre_mm"]), row["fewest_starts"]) == (10.0, "10")
    text = paths[2].read_text()
    assert "bin of 5 mm" in text
    assert "indications" in text


def test_success_curve_counts_every_case_of_both_panels() -> None:
    curve = module("reports", "success_curve")
    errors = np.array([0.5, 2.0, 9.0, np.nan])
    assert curve.share_below(errors, 2.0) == 0.25
    assert curve.share_below(errors, 10.0) == 0.75
    assert list(curve.PANELS) == ["mtre_mm", "mtre_in_plane_mm"]


def test_success_curve_tells_near_perfect_methods_apart() -> None:
    """On an axis from 0 to 20 mm, 0.02 and 0.2 mm are a hundredth of its width apart."""
    curve = module("reports", "success_curve")
    fine, good, lost = np.full(9, 0.02), np.full(9, 0.2), np.array([15.0, np.nan])
    low = curve.left_end([fine, good, lost], 20.0)
    place = [np.log(each / low) / np.log(20.0 / low) for each in (0.02, 0.2)]
    assert place[0] > 0.1
    assert place[1] - place[0] > 0.2
    assert curve.left_end([lost], 20.0) == 1.0
    assert curve.left_end([np.array([np.nan]), np.zeros(3)], 20.0) == 0.001
