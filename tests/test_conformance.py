"""Every plug-in keeps its promises; a new file joins by being there."""

import dataclasses
import pickle
import re
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from bench import registry
from bench.cases.records import PatientRecord
from bench.contract import Card, Case, Dataset, Outcome, Problem, Split, TrainingProvenance, prepare
from bench.geometry import is_rigid
from bench.protocol.model import BudgetTable, MethodTable
from bench.run.isolation import IsolatedMethod
from bench.run.reply import Answered, Done, Failed
from bench.run.worker import make_read_only
from bench.score.caveats import trainings_with

from .toy_case import make_case

# Plug-ins that cannot be built without settings: the least they need.
START_AS_ANSWER = (
    "import json; a = {'pose': json.load(open('case.json'))['start']}; json.dump(a, open('answer.json', 'w'))"
)
METHOD_SETTINGS: Mapping[str, dict[str, Any]] = {
    "chain": {"stages": [{"plugin": "initial"}, {"plugin": "nominal"}]},
    "external": {"command": [sys.executable, "-c", START_AS_ANSWER]},
}
ALL = [(kind, name) for kind in registry.KINDS for name in registry.names(kind)]


@pytest.fixture(scope="module")
def case() -> Case:
    return make_case()


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_card_is_complete(kind: registry.Kind, name: str) -> None:
    card = registry.card(kind, name)
    assert isinstance(card, Card)
    assert all((card.title, card.source, card.citation, card.licence))
    assert kind != "methods" or name in METHOD_SETTINGS or card.uses_start is not None


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_plugin_is_a_frozen_dataclass(kind: registry.Kind, name: str) -> None:
    cls = registry.load(kind, name)
    assert dataclasses.is_dataclass(cls)
    assert vars(cls)["__dataclass_params__"].frozen


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_unknown_setting_is_refused(kind: registry.Kind, name: str) -> None:
    with pytest.raises(registry.UnknownNameError, match="no_such_setting"):
        registry.build(kind, name, {"no_such_setting": 1})


@pytest.mark.parametrize("name", registry.names("methods"))
def test_presets_build_and_differ_from_the_default(name: str) -> None:
    for preset in registry.presets(name):
        with_preset = registry.build("methods", name, METHOD_SETTINGS.get(name, {}), preset)
        assert with_preset != registry.build("methods", name, METHOD_SETTINGS.get(name, {}))


@pytest.mark.parametrize("name", registry.names("methods"))
def test_method_answers_in_a_process_without_the_truth(name: str, case: Case) -> None:
    """The process is spawned and sent the problem alone; the answer is rigid, and the same again."""
    problem = case.problem
    choice = MethodTable(label=name, plugin=name, settings=METHOD_SETTINGS.get(name, {}))
    with IsolatedMethod(choice, BudgetTable(seconds_per_case=120, seconds_to_prepare=120)) as method:
        assert isinstance(method.prepare(problem.volume, problem.views, problem.space), Done)
        first, again = method.register(problem), method.register(problem)
    if isinstance(first, Failed):
        assert first.outcome is Outcome.SKIPPED
        assert first.reason
        return
    assert isinstance(first, Answered)
    assert isinstance(again, Answered)
    assert is_rigid(first.pose)
    assert again.pose == first.pose, "the same problem must give the same answer"


@pytest.mark.parametrize("name", registry.names("methods"))
def test_method_does_not_write_to_the_problem(name: str, case: Case) -> None:
    """Arrays are handed over read-only here: a method that writes raises."""
    problem = _read_only(case.problem)
    method = registry.build("methods", name, METHOD_SETTINGS.get(name, {}))
    if method.skip(problem) is None:
        prepared = prepare(method, problem.volume, problem.views, problem.space)
        assert is_rigid(method.register(problem, prepared).pose)


@pytest.mark.parametrize("name", registry.names("methods"))
def test_no_method_met_test_patients_behind_the_tables_back(name: str) -> None:
    """Patients of a population with a training split: never. Single ones of which there are no others: marked."""
    for exposure in registry.card("methods", name).provenance:
        # A patient's own weights are refused to all others; that their poses are drawn apart is tested beside each.
        if exposure.patient_specific:
            continue
        dataset, allowed = _dataset_of(exposure), Split(exposure.split)
        if dataset is None:
            # One patient, whatever the split: tables know it by its fingerprint alone.
            assert allowed is Split.TEST, f"{exposure.dataset} has no other split than its one patient: say test"
            assert len(exposure.hashes) >= len(exposure.patients)
            met = [_stranger(voxels) for voxels in exposure.hashes]
            assert all(trainings_with([exposure], each) for each in met)
            assert not trainings_with([exposure], _stranger("another"))
            continue
        assert allowed is not Split.TEST, f"{exposure.dataset} has patients enough: choose on validation ones"
        patients = {_of_present_revision(name) for name in exposure.patients}
        assert patients <= set(dataset.patient_ids(allowed))
        assert not patients & set(dataset.patient_ids(Split.TEST))


def _dataset_of(exposure: TrainingProvenance) -> Dataset | None:
    """The population, or None where the dataset is a file or folder of the user's."""
    try:
        built: Dataset = registry.build("datasets", exposure.dataset, {})
    except registry.SettingsError:
        return None
    return built


def _of_present_revision(patient_id: str) -> str:
    """Procedural patients of all the generator's revisions are split by their seeds alone."""
    return re.sub(r"^phantom-v\d+-", "phantom-v5-", patient_id)


def _stranger(voxels: str) -> PatientRecord:
    return PatientRecord(patient_id="ct", patient_hash="x", dataset="ct_file", landmarks=[], voxels_hash=voxels)


@pytest.mark.parametrize("name", registry.names("methods"))
def test_what_a_method_is_built_on_is_there(name: str) -> None:
    assert set(registry.uses(name)) <= set(registry.names("methods"))


def _read_only(problem: Problem) -> Problem:
    copy: Problem = pickle.loads(pickle.dumps(problem))
    make_read_only(copy)
    return copy
