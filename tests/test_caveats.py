"""What tables say beside a row: patients met before, targets unlike those that weights learnt from."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench import registry
from bench.contract import PatientOrigin, TrainingProvenance
from bench.learn import WeightsCard, read_card
from bench.protocol import Protocol, read_protocol
from bench.report.marks import OTHER, OVERLAP, marked
from bench.report.tables import Table, TableRow
from bench.score.budgets import with_budgets
from bench.score.caveats import DOMAIN_SHIFT, PROVENANCE, domain_shift, population_of, trainings_with, with_caveats
from bench.score.column import Column
from bench.score.images import IMAGE_COLUMNS, with_image_scores
from bench.score.metrics_page import SECTIONS, metrics_page
from bench.score.rows import score_rows
from bench.volume import Volume

from .test_report import FakeRun, compile_latex
from .test_score import PATIENTS, PROBLEMS, TRUTHS, truth_told

REPORTS = Path(__file__).parents[1] / "reports"
METHODS = Path(__file__).parents[1] / "methods"


def method_column(label: str | None = None) -> Column[str]:
    """The method's name: the context of a row, or the same in every row."""
    return Column(heading="Method", name="method", compute=lambda context: label or context)


def playing(plugin: str, **data: Any) -> Protocol:
    """A protocol with one row, on patients called p0 to p3 of a dataset called d."""
    chosen = read_protocol("mismatch", "smoke")
    row = chosen.methods[0].model_copy(update={"label": "Truth", "plugin": plugin})
    return chosen.model_copy(update={"methods": (row,), "data": chosen.data.model_copy(update=data)})


NAMED = TrainingProvenance(
    what="tuned",
    dataset="d",
    split="test",
    patients=("p1",),
    trials=3,
    hardware="none",
    note="Levels were chosen here.",
)


def test_a_patient_is_known_by_fingerprint_where_there_is_one_else_by_name() -> None:
    named, printed = NAMED, replace(NAMED, hashes=("v1",))
    assert [bool(trainings_with([named], each)) for each in PATIENTS] == [False, True, False, False]
    other = PATIENTS[1].model_copy(update={"dataset": "e"})
    assert not trainings_with([named], other)
    relabelled = PATIENTS[2].model_copy(update={"voxels_hash": "v1", "patient_id": "ct"})
    assert trainings_with([printed], relabelled) == ["tuned on p1 of d: Levels were chosen here"]
    assert not trainings_with([printed], PATIENTS[1])


def test_a_relabelled_ct_has_the_same_voxels_hash_and_another_ct_not() -> None:
    hu = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    bare, moved = Volume(hu, np.eye(4)), Volume(hu, np.diag([2.0, 2.0, 2.0, 1.0]), (hu > 3).astype(np.uint16), "verse")
    assert bare.fingerprint() != moved.fingerprint()
    assert bare.voxels_hash() == moved.voxels_hash()
    assert Volume(hu + 1, np.eye(4)).voxels_hash() != bare.voxels_hash()


@pytest.mark.parametrize(("plugin", "patient"), [("opt_sgc", "9177f62e1399eefb"), ("opt_hybrid", "ef2e1b595c7c5fa4")])
def test_rows_on_data_that_a_method_was_tuned_on_are_marked_in_the_table(plugin: str, patient: str) -> None:
    rows = score_rows(PATIENTS, PROBLEMS, truth_told(), TRUTHS)
    patients = [PATIENTS[0].model_copy(update={"voxels_hash": patient}), *PATIENTS[1:]]
    told = with_caveats(rows, playing(plugin), patients)
    concerned = told["patient_id"] == "p0"
    assert told.loc[concerned, PROVENANCE].str.startswith("tuned on").all()
    assert (told.loc[~concerned, PROVENANCE] == "").all()
    source: Column[str] = Column(heading="From", name="source", compute=lambda source: source)
    columns = (method_column("Truth"), source)
    printed = (TableRow(context="ours", method="Truth"), TableRow(context="published"))
    table = marked(Table(columns=columns, rows=printed, caption="t"), told)
    assert [row[0] for row in table.printed()] == [f"Truth{OVERLAP}", "Truth"]
    assert table.csv().splitlines()[1] == "Truth,ours"
    assert [
        note.startswith(f"{OVERLAP} Truth was trained or tuned on some of these patients: tuned on")
        for note in table.notes
    ] == [True]


def test_weights_say_where_cases_are_unlike_what_they_learnt_from() -> None:
    place = Path(str(registry.module("methods", "rtpi").__file__)).parent / "weights" / "rtpi.toml"
    shipped = read_card(place)
    on = replace(shipped.trained_on, target="bone", moving="bone", region="lumbar")
    scene = {key: value for key, value in shipped.scene.items() if key != "body"}
    card: WeightsCard = replace(shipped, trained_on=on, scene=scene)
    data = read_protocol("sopi-sim", "smoke").data
    assert domain_shift(card, data, real=False) == []
    assert domain_shift(card, data.model_copy(update={"target": "body"}), real=False) == ["X-rays of bone (here: body)"]
    bodies = replace(card, scene={**scene, "body": {"content": "body"}})
    assert domain_shift(bodies, data.model_copy(update={"target": "body"}), real=False) == []
    assert "real" in domain_shift(card, data, real=True)[0]
    elsewhere = data.model_copy(update={"moving": "L3", "region": "L3"})
    assert domain_shift(card, elsewhere, real=False) == ["moving bone (here: L3)", "region lumbar (here: L3)"]


def test_a_chain_and_what_is_built_on_others_answer_for_them() -> None:
    rows = score_rows(PATIENTS, PROBLEMS, truth_told(), TRUTHS)
    patients = [each.model_copy(update={"dataset": "phantom"}) for each in PATIENTS]
    trained = next(each for each in registry.card("methods", "sopi").provenance if each.what == "trained").patients[0]
    renamed = rows.assign(patient_id=rows["patient_id"].astype(str).replace("p0", trained))
    patients[0] = patients[0].model_copy(update={"patient_id": trained})
    told = with_caveats(renamed, playing("sopi_opt"), patients)
    assert told.loc[told["patient_id"] == trained, PROVENANCE].str.contains("trained on").all()


def learnt_from(method: str) -> list[int]:
    """Revisions of the phantom whose patients the shipped weights of a method were trained on."""
    places = (Path(str(registry.module("methods", method).__file__)).parent / "weights").glob("*.toml")
    cards = [read_card(place) for place in places]
    trainings = [on for card in cards for on in (*(each.trained_on for each in card.earlier), card.trained_on)]
    for on in trainings:
        assert (on.generator, len(on.seeds)) == ("phantom", len(on.patients))
        assert on.patients == tuple(f"phantom-v{on.revision}-{seed:06d}" for seed in on.seeds)
    return sorted({on.revision for on in trainings if on.revision is not None})


def test_weights_of_another_population_are_told_in_one_note() -> None:
    rows = score_rows(PATIENTS, PROBLEMS, truth_told(), TRUTHS)

    def note(plugin: str, version: int) -> tuple[str, ...]:
        origin = PatientOrigin("phantom", version, 200000)
        patients = [each.model_copy(update={"origin": origin}) for each in PATIENTS]
        told = with_caveats(rows, playing(plugin), patients)
        table = Table(columns=(method_column(),), rows=(TableRow(context="Truth", method="Truth"),), caption="t")
        return tuple(each for each in marked(table, told).notes if "another population" in each)

    shipped = learnt_from("sopi")
    said = (
        "Weights trained on another population than the table's patients: Truth from "
        + ", ".join(f"phantom revision {revision}" for revision in shipped)
        + " (here: phantom revision 4)."
    )
    assert note("sopi", 4) == (said,)
    assert note("sopi_opt", 4) == (said,)
    assert all(note("sopi", revision) == () for revision in shipped)
    assert note("opt_gc", 4) == ()
    # Of several trainings one on such patients is enough; where none is, all are named.
    learnt = learnt_from("rtpi")
    assert len(learnt) > 1
    assert all(note("rtpi", version) == () for version in learnt)
    assert note("rtpi", 1)[0].endswith(
        ", ".join(f"phantom revision {version}" for version in learnt) + " (here: phantom revision 1)."
    )


def test_rows_that_learnt_from_the_same_people_share_the_note() -> None:
    rows = score_rows(PATIENTS, PROBLEMS, truth_told(), TRUTHS)
    both = pd.concat(
        [
            rows.assign(label=label, training_provenance="", domain_shift="", training_population="x (here: y)")
            for label in ("A", "B")
        ]
    )
    printed = tuple(TableRow(context=label, method=label) for label in ("A", "B", "C"))
    table = marked(Table(columns=(method_column(),), rows=printed, caption="t"), both)
    assert table.notes == ("Weights trained on another population than the table's patients: A, B from x (here: y).",)
    assert [row[0] for row in table.printed()] == ["A", "B", "C"]


def test_the_page_of_metrics_has_every_column_of_a_run() -> None:
    rows = score_rows(PATIENTS, PROBLEMS, truth_told(), TRUTHS)
    chosen = playing("opt_gc")
    rows = with_budgets(with_caveats(rows, chosen, PATIENTS), chosen, PROBLEMS)
    page = metrics_page()
    assert all(declared.definition for _, _, columns in SECTIONS for declared in columns)
    assert [name for name in with_image_scores(rows, {}) if f"`{name}`" not in page] == [
        f"truth_{declared.name}" for declared in IMAGE_COLUMNS
    ]


def test_a_population_is_the_generators_whatever_dataset_hands_its_patients_on_else_the_dataset() -> None:
    generated = PATIENTS[0].model_copy(update={"dataset": "common_grid", "origin": PatientOrigin("phantom", 4, 200000)})
    assert population_of(generated) == "phantom revision 4"
    named_alike = PATIENTS[0].model_copy(update={"dataset": "ct_file", "patient_id": "phantom-v4-200000"})
    assert population_of(named_alike) == "ct_file"


def test_a_card_that_does_not_state_its_generator_yet_goes_by_its_dataset() -> None:
    on = read_card(next((METHODS / "sopi" / "weights").glob("*.toml"))).trained_on
    assert on.population == "phantom revision 5"
    assert replace(on, generator=None, revision=None, seeds=()).population == "phantom"


@pytest.mark.parametrize("method", ["deep_reg", "rtpi", "sopi", "lgff_reg", "res_reg_net", "zhang"])
def test_shipped_weights_state_revision_and_seeds_of_their_patients(method: str) -> None:
    assert learnt_from(method)


def test_rows_state_what_a_patient_was_generated_from() -> None:
    patients = [PATIENTS[0].model_copy(update={"origin": PatientOrigin("phantom", 5, 200003)}), *PATIENTS[1:]]
    rows = score_rows(patients, PROBLEMS, truth_told(), TRUTHS).set_index("patient_id")
    names = ["patient_generator", "patient_revision", "patient_seed"]
    assert {tuple(row) for row in rows.loc["p0", names].to_numpy()} == {("phantom", 5, 200003)}
    assert rows.loc["p1", names].isna().to_numpy().all()


def told_run(folder: Path) -> FakeRun:
    """Of whose methods the second one met all patients before, and the third learnt from other targets."""
    run = FakeRun(folder)
    met = ["tuned on x: y" if label == "Opt-GC" else "" for label in run.scores["label"]]
    other = ["ngi learnt from bone (here: body)" if label == "Opt-NGI" else "" for label in run.scores["label"]]
    run.__dict__["scores"] = run.scores.assign(**{PROVENANCE: met, DOMAIN_SHIFT: other})
    return run


@pytest.mark.parametrize("name", ["sopi_table1", "sopi_table3", "agreement"])
def test_every_table_of_a_report_carries_the_marks(tmp_path: Path, name: str) -> None:
    paths = registry.build("reports", name, {}).write(told_run(tmp_path))
    tables = [path for path in paths if path.suffix == ".md" and not path.stem.endswith("_order")]
    assert tables
    for path in tables:
        text = path.read_text()
        assert f"Opt-GC{OVERLAP} |" in text
        assert f"Opt-NGI{OTHER} |" in text
        assert f"{OVERLAP} Opt-GC was trained or tuned on all of these patients: tuned on x: y." in text
    compile_latex(next(path for path in paths if path.suffix == ".tex"))


def test_no_report_writes_a_table_of_methods_without_marks() -> None:
    lines = [line.strip() for path in REPORTS.glob("*.py") for line in path.read_text().splitlines()]
    written = [line for line in lines if re.search(r"\.write\((run\.)?folder", line) and "order" not in line]
    assert written
    known = re.compile(r"marked\(|(paper|audited|table)\.write\(")
    assert [line for line in written if not known.search(line)] == []
