"""Tables, figures and pictures of a small run whose answers are known."""

import csv
import io
import itertools
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pytest

from bench.cases.build import view_record
from bench.cases.hashes import truth_hash
from bench.cases.records import (
    EstimateRecord,
    LandmarkRecord,
    PatientRecord,
    ProblemRecord,
    TruthRecord,
    as_list,
)
from bench.contract import Case, Estimate, Outcome, Problem, View
from bench.drr import AttenuationMap, project
from bench.files import slug
from bench.geometry import Camera, PoseFrame, StandardView, nominal_pose
from bench.registry import UnknownNameError, load, module
from bench.report.latex import escape
from bench.report.overlay import edges, grey, overlay
from bench.report.published import find_published, load_published
from bench.report.tables import Table, TableRow
from bench.score.column import Column, ColumnError
from bench.score.rows import score_rows
from bench.score.statistics import of_label
from bench.volume import Volume

from .test_score import MATCHED

HOSTILE = r"a_b & 100 % #1 \input{x} $y^2$ ~ {<|>} é"
LABELS = ("Initial", "Opt-GC", "Opt-NGI", HOSTILE)
CASES = 6
Numbers: TypeAlias = tuple[str, float | None, float | None]


def _volume() -> Volume:
    """An ellipsoid of bone with a hole, 4 mm voxels."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, 40),) * 3, indexing="ij"))
    body = (grid / np.array([0.9, 0.6, 0.5])[:, None, None, None]) ** 2
    hole = ((grid - np.array([0.3, 0.1, 0.0])[:, None, None, None]) ** 2).sum(axis=0) < 0.05
    hu = np.where((body.sum(axis=0) < 1) & ~hole, 700, -1000).astype(np.float32)
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -78
    return Volume(hu, affine)


@dataclass
class FakeRun:
    """Six cases of two patients; Opt-GC is good, Opt-NGI once silent, the hostile one lost."""

    folder: Path
    labels: tuple[str, ...] = LABELS
    description: str = "demo, 2 patients x 3 starts, 50 % of 100 & more"
    volume: Volume = field(default_factory=_volume)
    camera: Camera = field(default_factory=lambda: Camera.centred(sdd_mm=1011.7, height=96, width=96, spacing_mm=2.1))

    @cached_property
    def frame(self) -> PoseFrame:
        centre = self.volume.content_centre()
        return PoseFrame(nominal_pose(StandardView.AP, centre, 700.0), centre)

    @cached_property
    def cases(self) -> dict[str, Case]:
        attenuation, found = AttenuationMap.from_volume(self.volume), dict[str, Case]()
        for index in range(CASES):
            generator = np.random.default_rng(index)
            theta = generator.normal(0, [6, 6, 6, 9, 4, 20])
            truth, start = self.frame.pose(theta), self.frame.pose(theta + generator.uniform(-12, 12, 6))
            image = project(attenuation, truth[None], self.camera)[0, 0].numpy()
            name = f"p{index % 2}/{index}"
            problem = Problem(
                name,
                f"p{index % 2}",
                f"h{index % 2}",
                self.volume,
                (View(self.camera, image=image),),
                start,
                self.frame.nominal,
                self.frame.centre,
                np.full(6, 40.0),
                index,
            )
            found[name] = Case(problem, truth)
        return found

    @cached_property
    def answers(self) -> dict[tuple[str, str], EstimateRecord]:
        sizes = {"Opt-GC": 0.1, "Opt-NGI": 2.0, HOSTILE: 15.0}
        found = dict[tuple[str, str], EstimateRecord]()
        for label in self.labels:
            for index, (name, case) in enumerate(self.cases.items()):
                theta = self.frame.parameters(case.truth)
                noise = np.random.default_rng(50 + index).normal(0, [1, 1, 1, 1, 1, 3])
                pose = case.problem.start if label == "Initial" else self.frame.pose(theta + sizes[label] * noise)
                silent = label == "Opt-NGI" and index == 3
                found[label, name] = EstimateRecord(
                    label=label,
                    case_id=name,
                    perturbation_hash="same",
                    pose=None if silent else as_list(pose),
                    outcome=Outcome.TIMED_OUT if silent else Outcome.CONVERGED,
                    seconds=0.1 * (index + 1),
                    seconds_prepare=0.2,
                    seconds_by_phase={},
                    drr_evaluations=1200,
                )
        return found

    @cached_property
    def scores(self) -> pd.DataFrame:
        marks = LandmarkRecord(name="a", points=(self.frame.centre + 40 * np.eye(3)).tolist())
        patients = [
            PatientRecord(patient_id=f"p{n}", patient_hash=f"h{n}", dataset="d", landmarks=[marks]) for n in range(2)
        ]
        truths = [TruthRecord(case_id=name, truth=as_list(case.truth)) for name, case in self.cases.items()]
        return score_rows(
            patients, [_record(case) for case in self.cases.values()], list(self.answers.values()), truths
        )

    def case(self, case_id: str) -> Case:
        return self.cases[case_id]

    def estimate(self, label: str, case_id: str) -> Estimate:
        record = self.answers[label, case_id]
        return Estimate(np.array(record.pose), record.outcome)


def _record(case: Case) -> ProblemRecord:
    problem = case.problem
    return ProblemRecord(
        case_id=problem.case_id,
        patient_id=problem.patient_id,
        patient_hash=problem.patient_hash,
        images=MATCHED,
        start_distribution="uniform",
        views=[view_record(view) for view in problem.views],
        start=as_list(problem.start),
        nominal=as_list(problem.nominal),
        centre=problem.centre.tolist(),
        search=[40.0] * 6,
        seed=1,
        redraws=0,
        target_hash="t",
        landmarks_hash="l",
        truth_hash=truth_hash(TruthRecord(case_id=problem.case_id, truth=as_list(case.truth))),
        perturbation_hash="same",
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> FakeRun:
    return FakeRun(tmp_path_factory.mktemp("run"))


def compile_latex(tex: Path) -> str:
    """Run pdflatex in the file's folder; the text of the log."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", tex.name]
    done = subprocess.run(command, cwd=tex.parent, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-1500:]
    assert tex.with_suffix(".pdf").stat().st_size > 0
    return done.stdout


def test_tables_compile_by_themselves(run: FakeRun) -> None:
    for path in load("reports", "sopi_table1")().write(run):
        if path.suffix == ".tex":
            compile_latex(path)


def test_tables_compile_inside_another_document(run: FakeRun) -> None:
    paths = [path for path in load("reports", "sopi_table1")().write(run) if path.suffix == ".tex"]
    inputs = "\n\n".join(rf"\resizebox{{\linewidth}}{{!}}{{\input{{{path.name}}}}}" for path in paths)
    outer = paths[0].parent / "outer.tex"
    outer.write_text(
        r"\documentclass{article}\usepackage{standalone,booktabs,graphicx}\begin{document}" + inputs + r"\end{document}"
    )
    compile_latex(outer)


def test_letters_that_latex_cannot_set_do_not_stop_it(tmp_path: Path) -> None:
    columns: tuple[Column[None], ...] = (
        Column(heading=HOSTILE, name="x", compute=lambda _: "本 \n\n Ð", group="日"),
        Column(heading=HOSTILE, name="x", compute=lambda _: np.inf, group="日"),
    )
    table = Table(columns=columns, rows=(TableRow(context=None),), caption=HOSTILE, notes=("日",))
    compile_latex(table.write(tmp_path, "table")[0])


def test_hostile_labels_are_text_and_nothing_else(run: FakeRun) -> None:
    tex, table, markdown = (path.read_text() for path in load("reports", "sopi_table1")().write(run)[:3])
    assert r"a\_b \& 100 \% \#1 \textbackslash{}input\{x\}" in tex
    assert [row["method"] for row in csv.DictReader(io.StringIO(table))] == list(LABELS)
    rows = [line for line in markdown.splitlines() if line.startswith("| ")]
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1
    assert escape("日") == r"\texttt{U+65E5}"


def test_table1_counts_the_failed_and_stands_beside_the_published(run: FakeRun) -> None:
    paths = load("reports", "sopi_table1")().write(run)
    paper, audited = (
        {row["method"]: row for row in csv.DictReader(io.StringIO(path.read_text()))}
        for path in paths
        if path.suffix == ".csv" and "order" not in path.name
    )
    assert (paper["Opt-NGI"]["cases"], paper["Opt-NGI"]["no_pose"]) == ("6", "1")
    assert float(audited["Opt-NGI"]["mtre_mm_p95"]) == np.inf
    assert float(paper["Opt-GC"]["failure_paper_percent"]) == 0
    rows = of_label(run.scores, "Opt-GC")
    assert float(paper["Opt-GC"]["rotation_axis_mean_deg_mean"]) == pytest.approx(rows["rotation_axis_mean_deg"].mean())
    assert paper["Opt-GC"]["published_rotation_axis_mean_deg_mean"] == "3.73"
    assert paper["Initial"]["published_seconds"] == paper[HOSTILE]["published_seconds"] == ""
    assert "not comparable" in paths[2].read_text()
    parts = [float(audited[HOSTILE][key]) for key in ("wrong_basin_percent", "depth_only_percent")]
    assert sum(parts) == pytest.approx(float(audited[HOSTILE]["failure_strict_percent"]))


def test_table1_tests_the_published_order_of_its_rows(run: FakeRun) -> None:
    path = next(path for path in load("reports", "sopi_table1")().write(run) if path.name == "sopi_table1_order.csv")
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    present = [label for label in ("Initial", "Opt-NGI", "Opt-GC") if label in run.labels]
    assert [row["compared"] for row in rows[::2]] == [f"{a} - {b}" for a, b in itertools.pairwise(present)]
    last = next(row for row in rows if row["compared"] == "Opt-NGI - Opt-GC")
    assert float(last["published"]) == pytest.approx(3.84 - 3.73)
    assert last["missing"] == "1"


def test_wins_of_two_methods_add_up_and_a_missing_answer_wins_nothing(run: FakeRun) -> None:
    path = next(path for path in load("reports", "paired_wins")().write(run) if path.suffix == ".csv")
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(path.read_text()))}
    assert set(rows) == set(LABELS)
    for one, two in itertools.combinations(LABELS, 2):
        assert float(rows[one][f"wins_over_{two}_percent"]) + float(rows[two][f"wins_over_{one}_percent"]) == 100
        assert rows[one][f"wins_over_{one}_percent"] == ""
    means = [float(row["mean_wins_percent"]) for row in rows.values()]
    assert means == sorted(means, reverse=True)


def test_the_ranking_is_that_of_the_wins_with_the_failures_of_the_rows(run: FakeRun) -> None:
    def rows(name: str) -> list[dict[str, str]]:
        path = next(path for path in load("reports", name)().write(run) if path.suffix == ".csv")
        return list(csv.DictReader(io.StringIO(path.read_text())))

    ranked, wins = rows("ranking"), rows("paired_wins")
    assert [row["method"] for row in ranked] == [row["method"] for row in wins]
    assert [row["mean_wins_percent"] for row in ranked] == [row["mean_wins_percent"] for row in wins]
    assert [row["place"] for row in ranked] == [str(place) for place in range(1, len(LABELS) + 1)]
    for row in ranked:
        failed = 100 * (1 - of_label(run.scores, row["method"])["success_strict"].mean())
        assert float(row["failure_strict_percent"]) == pytest.approx(failed)


def test_a_table_without_rows_is_not_written(tmp_path: Path) -> None:
    columns: tuple[Column[str], ...] = (Column(heading="Method", name="method", compute=lambda label: label),)
    assert Table(columns=columns, rows=(), caption="").write(tmp_path, "empty") == []
    assert not list(tmp_path.iterdir())
    assert len(Table(columns=columns, rows=(TableRow(context="A"),), caption="").write(tmp_path, "one")) == 3


def test_table_marks_the_best_and_never_a_row_that_leaves_cases_out() -> None:
    columns: tuple[Column[Numbers], ...] = (
        Column(heading="m", name="m", compute=lambda row: row[:1]),
        Column(heading="x", name="x", further=("s",), compute=lambda row: row[1:], template="{} ± {}", best=True),
    )
    rows: tuple[TableRow[Numbers], ...] = (
        TableRow(context=("a", 0.104, 1.0)),
        TableRow(context=("b", 0.1, 2.0)),
        TableRow(context=("c", 0.01, 0.0), ranked=False),
        TableRow(context=("d", None, None)),
        TableRow(context=("e", 5.0, None)),
    )
    table = Table(columns=columns, rows=rows, caption="c")
    assert [marks[1] for marks in table.bold()] == [True, True, False, False, False]
    assert [cells[1] for cells in table.printed()] == ["0.10 ± 1.00", "0.10 ± 2.00", "0.01 ± 0.00", "–", "5.00"]
    assert table.csv().splitlines()[4] == "d,,"
    turned = replace(table, rows=(TableRow(context=("a", 7.999999999999998, 1 / 3)),))
    assert turned.csv().splitlines()[1] == "a,8.0,0.3333333333333"
    short: Column[None] = Column(heading="x", name="x", further=("s",), compute=lambda _: 1.0)
    with pytest.raises(ColumnError, match="values"):
        Table(columns=(short,), rows=(TableRow(context=None),), caption="c").csv()


def tables_of(run: FakeRun, name: str, monkeypatch: pytest.MonkeyPatch) -> list[Table[Any]]:
    """Every table that a report writes."""
    found: list[Table[Any]] = []

    def collect(table: Table[Any], folder: Path, name: str) -> list[Path]:
        found.append(table)
        return []

    monkeypatch.setattr(Table, "write", collect)
    load("reports", name)().write(run)
    return found


@pytest.mark.parametrize(
    "name",
    ["sopi_table1", "sopi_table2", "sopi_table3", "lgff_table4", "agreement", "capture_range", "pose_bound"],
)
def test_permuted_columns_take_their_cells_along(run: FakeRun, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every form of the table a value stands below the heading of the column that computed it."""
    labels = ("RTPI", "RTPI+CE", "Opt-GO", "LGFF-Reg") if "table2" in name or "table4" in name else run.labels
    scores = run.scores.assign(
        label=run.scores["label"].astype(str).replace(dict(zip(run.labels, labels, strict=True)))
    )
    scores = scores.assign(**{name: 0.01 for name in scores.columns if name.startswith("bound_")})
    renamed = FakeRun(run.folder, labels)
    renamed.__dict__["scores"] = scores
    tables = tables_of(renamed, name, monkeypatch)
    assert tables
    for table in tables:
        order = [int(index) for index in np.random.default_rng(3).permutation(len(table.columns))]
        other = replace(table, columns=tuple(table.columns[index] for index in order))
        assert other.printed() == [[row[index] for index in order] for row in table.printed()]
        assert other.bold() == [[row[index] for index in order] for row in table.bold()]
        before, after = (list(csv.DictReader(io.StringIO(each.csv()))) for each in (table, other))
        assert after == before
        assert len({tuple(row[index] for row in table.printed()) for index in order}) > 2


@pytest.mark.parametrize("name", ["error_histogram", "success_curve", "gallery"])
def test_figures_are_written_whole(run: FakeRun, name: str) -> None:
    paths = load("reports", name)().write(run)
    assert len(paths) == (2 * len(LABELS) if name == "gallery" else 2)
    assert len(set(paths)) == len(paths)
    for path in paths:
        assert path.read_bytes()[:4] == (b"%PDF" if path.suffix == ".pdf" else b"\x89PNG")
    assert not list(run.folder.rglob(".*"))


def test_histogram_counts_every_case_once(run: FakeRun) -> None:
    histogram = load("reports", "error_histogram")(high=1.0)
    for label in LABELS:
        counts = histogram.counts(of_label(run.scores, label), "mtre_mm")
        assert sum(found.sum() for found in counts.values()) == CASES
    silent = histogram.counts(of_label(run.scores, "Opt-NGI"), "mtre_mm")
    assert silent["no_pose"].tolist() == [0] * (histogram.bins + 1) + [1]
    assert histogram.counts(of_label(run.scores, "Initial"), "mtre_mm")["wrong_basin"][histogram.bins - 1] == CASES


def test_gallery_ranks_a_case_without_pose_last(run: FakeRun) -> None:
    found = module("reports", "gallery").ranked_cases(of_label(run.scores, "Opt-NGI"))
    assert found["worst"]["failure"] == "no_pose"
    assert found["best"]["mtre_mm"] <= found["median"]["mtre_mm"]


def test_overlay_draws_the_edges_where_they_are() -> None:
    image = np.zeros((60, 60), dtype=np.float32)
    image[20:40, 15:45] = 1
    rows, columns = np.nonzero(edges(image))
    assert rows.size > 60
    inside = (
        (abs(rows - 19.5) <= 1.5)
        | (abs(rows - 39.5) <= 1.5)
        | (abs(columns - 14.5) <= 1.5)
        | (abs(columns - 44.5) <= 1.5)
    )
    assert inside.all()
    picture = overlay(image, np.zeros_like(image), scale=2)
    assert picture.shape == (120, 120, 3)
    np.testing.assert_allclose(picture[..., 0], picture[..., 1])
    assert not edges(np.ones((9, 9), dtype=np.float32)).any()
    assert grey(image).max() == 1


def test_published_values_are_those_of_the_papers() -> None:
    sopi, lgff = load_published("sopi"), load_published("lgff")
    assert (len(sopi), len(lgff)) == (23 + 10 + 62, 9 + 15 + 8 + 18)
    assert len({(each.table, each.row, each.column) for each in (*sopi,)}) == len(sopi)
    found = find_published("sopi", table="1", row="opt-ngi", column="translation_axis_mean_mm")
    assert found is not None
    assert (found.value, found.std) == (5.92, 5.40)
    zhang = find_published("lgff", table="4", row="Zhang", column="lgff_mtre_mm")
    assert zhang is not None
    assert zhang.value == 4.09
    assert find_published("sopi", table="1", row="Initial", column="seconds") is None
    with pytest.raises(UnknownNameError, match="did you mean 'sopi'"):
        load_published("sopy")


def test_slugs_never_collide_nor_leave_the_folder() -> None:
    found = [slug(label) for label in ("Opt-GC", "a/b", "a b", "../x", "日", "本", "SOPI+opt", "..")]
    assert found[0] == "Opt-GC"
    assert found[6] == "SOPI+opt"
    assert len(set(found)) == len(found)
    assert all("/" not in name and not name.startswith(".") for name in found)
