"""Controls without training: what they are, that tables hold them, and what may be said of their difference."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from bench import registry
from bench.cases.records import PatientRecord
from bench.contract import Case, Estimate
from bench.learn import UNTRAINED, WeightsError, load_weights, read_card, untrained, untrained_weights
from bench.perturb import salted_seed
from bench.protocol import read_protocol
from bench.protocol.model import MethodTable
from bench.run.declared import declared_part
from bench.run.own_weights import with_weights
from bench.run.parts import parts, unmade
from bench.score.caveats import Caveats
from bench.score.statistics import Interval

CONTROL = registry.module("reports", "learning").CONTROL
TABLES = ("sopi-sim", "mismatch", "sopi-ablation", "lgff-sim")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of untrained weights; patients stay in theirs."""

    def folder(name: str) -> Path:
        return tmp_path / name

    monkeypatch.setattr(untrained, "cache_folder", folder)
    return tmp_path


def only_card(folder: Path) -> Path:
    (path,) = folder.glob("*.toml")
    return path


@pytest.mark.parametrize("name", TABLES)
def test_every_trained_row_of_a_table_has_its_control(name: str) -> None:
    rows = {each.label: each for each in read_protocol(name, "full").methods}
    shipped = [
        label
        for label, row in rows.items()
        if any(card.steps for part in parts(row) if not part.weights for card in part.cards) and CONTROL not in label
    ]
    assert shipped
    # Where RTPI's shipped pose is the start, rows of the ablation's own weights are no shipped network.
    ablation = {"RTPI+EL", "CE+EL", "RTPI+CE", "RTPI+CE+EL"}
    assert [label for label in shipped if label + CONTROL not in rows and label not in ablation] == []


def test_an_untrained_network_is_the_one_that_a_training_begins_with(kept: Path) -> None:
    path = only_card(untrained_weights("res_reg_net"))
    card = read_card(path)
    trainer = registry.module("methods", "res_reg_net").trainer()
    torch.manual_seed(salted_seed(trainer.plan.seed, "network"))  # pyright: ignore[reportUnknownMemberType]
    fresh = trainer.network()
    tensors = load_weights(path, method="res_reg_net", version=1).tensors
    for name, parameter in fresh.named_parameters():
        torch.testing.assert_close(tensors[name], parameter.detach().half().float(), rtol=0, atol=0)
    means = [name for name in tensors if name.endswith("running_mean")]
    assert means
    assert all(bool(tensors[name].abs().max() > 0) for name in means)
    assert (card.steps, card.seconds, card.provenance) == (0, 0, ())
    assert kept in path.parents


def test_the_same_weights_are_made_again_and_kept(kept: Path) -> None:
    folder = untrained_weights("res_reg_net")
    first = read_card(only_card(folder)).files[0].sha256
    made = only_card(folder).stat().st_mtime_ns
    wanted = read_protocol("lgff-sim", "quick")
    assert "res_reg_net" not in unmade(wanted)
    assert {"zhang", "lgff_reg"} <= set(unmade(wanted))
    assert untrained_weights("res_reg_net") == folder
    assert only_card(folder).stat().st_mtime_ns == made
    for file in folder.iterdir():
        file.unlink()
    assert read_card(only_card(untrained_weights("res_reg_net"))).files[0].sha256 == first


@pytest.mark.parametrize("name", ["deep_reg", "lgff_reg", "res_reg_net", "rtpi", "sopi", "zhang"])
def test_the_architecture_is_that_of_the_shipped_weights(name: str) -> None:
    trainable = untrained.as_shipped(name)
    shipped = sorted((Path(str(registry.module("methods", name).__file__)).parent / "weights").glob("*.toml"))
    assert dict(trainable.architecture) == read_card(shipped[0]).architecture


def test_who_is_not_trained_has_no_untrained_weights() -> None:
    with pytest.raises(WeightsError, match=r"\Aopt_gc is not trained[^\n]*\Z"):
        untrained_weights("opt_gc")


def test_a_cache_that_cannot_be_written_is_one_line(kept: Path) -> None:
    (kept / UNTRAINED).write_text("no folder")
    with pytest.raises(
        WeightsError, match=r"\Auntrained weights of res_reg_net cannot be kept in [^\n]*XDG_CACHE_HOME\Z"
    ):
        untrained_weights("res_reg_net")


def test_a_control_was_trained_on_nobody_and_says_what_it_is(kept: Path) -> None:
    row = MethodTable(label="A", plugin="res_reg_net", settings={"weights": UNTRAINED})
    data = read_protocol("lgff-sim", "quick").data
    patient = PatientRecord(
        patient_id="phantom-v5-200000", patient_hash="ed65e3fb55c7544e", dataset="phantom", landmarks=[]
    )
    control = Caveats(tuple(map(declared_part, parts(row))), patient, data, real=False)
    plain = row.model_copy(update={"settings": {}})
    trained = Caveats(tuple(map(declared_part, parts(plain))), patient, data, real=False)
    assert trained.trainings_with()
    assert not trained.no_training()
    assert (control.trainings_with(), control.domain_shift(), control.training_population()) == ("", "", "")
    assert control.no_training().startswith("res_reg_net: no optimiser step; initial weights of seed 1")
    assert kept.is_dir()


def test_weights_of_ones_own_leave_controls_alone(kept: Path) -> None:
    folder = untrained_weights("res_reg_net")
    rows = {each.label: each.settings for each in with_weights(read_protocol("lgff-sim", "quick"), [folder]).methods}
    assert rows["ResRegNet"] == {"weights": str(folder)}
    assert rows["ResRegNet" + CONTROL] == {"weights": UNTRAINED}
    assert kept in folder.parents


@dataclass(frozen=True)
class Run:
    """A finished run of given errors."""

    scores: pd.DataFrame
    folder: Path = Path()
    description: str = "a test"

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.scores["label"]))

    def case(self, case_id: str) -> Case:
        raise NotImplementedError(case_id)

    def estimate(self, label: str, case_id: str) -> Estimate:
        raise NotImplementedError(label, case_id)


def run_of(errors: dict[str, Any], folder: Path) -> Run:
    """Ten patients of two cases; one error a patient for each label."""
    rows = [
        {
            "label": label,
            "case_id": f"p{n:02d}/{case}",
            "patient_id": f"p{n:02d}",
            **dict.fromkeys(METRICS, float(each)),
        }
        for label, some in errors.items()
        for n, each in enumerate(some)
        for case in range(2)
    ]
    return Run(pd.DataFrame(rows), folder)


METRICS: tuple[str, ...] = registry.module("reports", "learning").METRICS


def test_the_table_states_what_training_changed_and_whether_that_is_shown(tmp_path: Path) -> None:
    noise = np.linspace(0.1, 1.0, 10)
    alternating = noise * np.resize([1, -1], 10)
    errors = {
        "A": 1 + noise, "A (untrained)": 3 + 2 * noise,
        "B": 3 + alternating, "B (untrained)": np.full(10, 3.0),
        "C": 2 + noise, "C (untrained)": np.ones(10), "Other": noise,
    }  # fmt: skip
    report = registry.build("reports", "learning", {})
    table = report.table(run_of(errors, tmp_path))
    found = {row.context.found.first: row.context for row in table.rows if row.context.metric == METRICS[0]}
    assert {label: each.verdict for label, each in found.items()} == {"A": "yes", "B": "not shown", "C": "harmed"}
    assert found["A"].found.median == pytest.approx(-2.55)
    assert isinstance(found["A"].found.interval, Interval)
    assert (found["A"].trained, found["A"].untrained) == (pytest.approx(1.55), pytest.approx(4.1))
    assert len(report.write(run_of(errors, tmp_path))) == 3
    few = run_of({label: some[:1] for label, some in errors.items()}, tmp_path)
    assert {row.context.verdict for row in report.table(few).rows} == {"not tested"}


def test_a_run_without_controls_has_no_such_table(tmp_path: Path) -> None:
    report = registry.build("reports", "learning", {})
    assert report.write(run_of({"A": np.ones(10)}, tmp_path)) == []
