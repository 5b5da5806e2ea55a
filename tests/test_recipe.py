"""Rows are kept by source, settings, weights, threads and case: an edited method is run again, and no other."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.cases.records import EstimateRecord
from bench.protocol import Protocol
from bench.protocol.model import MethodTable
from bench.run.environment import describe_environment
from bench.run.execute import Execution, RunProgress
from bench.run.journal import Journal
from bench.run.recipe import recipes
from bench.run.resume import run_or_resume
from bench.run.sources import sources

from .toy_run import ANSWER, on_the_path, protocol

BODIES = {"kept": (ANSWER, "None"), "edited": (ANSWER, "None")}
HELPER = "\nfrom bench.methods.shared import SHARE\nfrom recipe_library import LENGTH\n"


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("recipes")
    with on_the_path(folder, BODIES):
        yield folder


def run(chosen: Protocol, out: Path, *, fresh: bool = False) -> tuple[Journal, list[str]]:
    said = list[str]()
    return run_or_resume(chosen, out, fresh=fresh, show=_go, report=said.append), said


def _go(steps: Iterator[RunProgress]) -> None:
    for _ in steps:
        pass


def seals(journal: Journal, label: str) -> list[str | None]:
    """A row that was made again has other times, and so another checksum."""
    return [each.seal for each in journal.estimates() if each.label == label]


def edit(plugins: Path, name: str, text: str) -> None:
    place = plugins / "methods" / f"{name}.py"
    place.write_text(place.read_text() + text)


def test_an_edit_costs_the_rows_of_one_method_and_undoing_it_costs_nothing(plugins: Path, tmp_path: Path) -> None:
    place = plugins / "methods" / "edited.py"
    chosen, before = protocol("kept", "edited"), place.read_text()
    first, _ = run(chosen, tmp_path)
    rows = {label: seals(first, label) for label in ("M-kept", "M-edited")}
    place.write_text(before + "\nDIGIT = 1\n")
    second, said = run(chosen, tmp_path)
    assert second.complete
    assert seals(second, "M-kept") == rows["M-kept"]
    assert len(seals(second, "M-edited")) == 4
    assert not set(seals(second, "M-edited")) & set(rows["M-edited"])
    assert "M-edited: source or weights have changed; rows to be replaced: 4" in said
    second.require_seals()
    place.write_text(before)
    third, said = run(chosen, tmp_path)
    assert seals(third, "M-edited") == rows["M-edited"]
    assert any("rows of M-edited kept from before: 4" in line for line in said)


def taken(chosen: Protocol, out: Path) -> tuple[list[str], Journal]:
    """What a run would take from others before any method is run."""
    execution = Execution(chosen)
    list(execution.prepare())
    journal = Journal.open(out, chosen, describe_environment(), fresh=False)
    execution.resume(journal)
    return execution.take_up(journal), journal


def test_another_run_of_the_same_cases_lends_its_rows(plugins: Path, tmp_path: Path) -> None:
    alone, _ = run(protocol("kept"), tmp_path)
    more = protocol("edited", methods=[row("Other", "edited"), row("Renamed", "kept")])
    said, both = taken(more, tmp_path)
    assert both.folder != alone.folder
    assert _answers(both, "Renamed") == _answers(alone, "M-kept")
    assert said == [f"rows of Renamed kept from {alone.folder.name}: 4, the same methods on the same cases"]
    assert len(both.rows().missing) == 4
    starts: dict[str, Any] = {**more.start.model_dump(), "per_patient": 3}
    _, longer = taken(protocol("kept", start=starts), tmp_path)
    assert len(longer.estimates()) == 4
    assert len(longer.rows().missing) == 2


def test_other_cases_budgets_and_settings_lend_nothing(plugins: Path, tmp_path: Path) -> None:
    run(protocol("kept"), tmp_path)
    assert taken(protocol("kept", seed=4), tmp_path)[0] == []
    assert taken(protocol("kept", budget={"seconds_per_case": 3.0}), tmp_path)[0] == []
    centred = {**protocol("kept").data.model_dump(), "landmarks": 31}
    assert taken(protocol("kept", data=centred), tmp_path)[0] == []


def test_a_fresh_run_takes_nothing(plugins: Path, tmp_path: Path) -> None:
    first, _ = run(protocol("kept"), tmp_path)
    before = seals(first, "M-kept")
    second, said = run(protocol("kept"), tmp_path, fresh=True)
    assert said == []
    assert not set(seals(second, "M-kept")) & set(before)


def _answers(journal: Journal, label: str) -> Sequence[EstimateRecord]:
    found = (each for each in journal.estimates() if each.label == label)
    return [each.model_copy(update={"label": "", "seal": None, "perturbation_hash": ""}) for each in found]


def row(label: str, plugin: str, **settings: Any) -> dict[str, Any]:
    return {"label": label, "plugin": plugin, "settings": settings}


def test_failures_of_the_moment_are_tried_again(plugins: Path, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    with on_the_path(tmp_path / "plugins", {"slow": ("time.sleep(60)", "None")}):
        data = {**protocol("slow").data.model_dump(), "patients": 1}
        chosen = protocol("slow", budget={"seconds_per_case": 0.1}, data=data)
        run(chosen, tmp_path / "runs")
        assert taken(chosen.model_copy(update={"title": "Other"}), tmp_path / "runs")[0] == []


def test_threads_budget_settings_and_weights_are_part_of_a_recipe(plugins: Path, tmp_path: Path) -> None:
    def of(threads: int = 1, seconds: float = 2.0, **settings: Any) -> str:
        rows = [row("M", "kept"), row("N", "deep_reg", **settings)]
        return recipes(protocol("kept", methods=rows, budget={"seconds_per_case": seconds}), threads)["N"]

    (tmp_path / "w.toml").write_text("a = 1")
    own = str(tmp_path / "w.toml")
    with_weights = of(weights=own)
    found = [of(), of(threads=2), of(seconds=3.0), of(refine="none"), with_weights]
    assert len(set(found)) == len(found)
    assert found[0] == of()
    (tmp_path / "w.toml").write_text("a = 2")
    assert of(weights=own) != with_weights


def test_local_modules_count_and_libraries_count_by_their_version(
    plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (plugins / "methods" / "shared.py").write_text("SHARE = 1\n")
    (tmp_path / "recipe_library.py").write_text("import scipy.ndimage\nLENGTH = 2\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    edit(plugins, "edited", HELPER)
    edit(plugins, "edited", "\ndef later():\n    return registry.load('methods', 'opt_gc')\n")
    found = sources("methods", ["edited"])
    local = {"bench.methods.edited", "bench.methods.shared", "recipe_library", "bench.methods.opt_gc"}
    assert local | {"numpy", "scipy"} <= set(found)
    assert not any(name.startswith("bench.drr") for name in found)
    (tmp_path / "recipe_library.py").write_text("LENGTH = 3\n")
    changed = {name for name, checksum in sources("methods", ["edited"]).items() if checksum != found.get(name)}
    assert changed == {"recipe_library"}
    (plugins / "methods" / "table.csv").write_text("1\n")
    assert "bench.methods.edited/table.csv" in sources("methods", ["edited"])
    (plugins / "methods" / "table.csv").unlink()


def test_a_similarity_of_ones_own_counts_where_settings_name_it(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bench.similarities

    (plugins / "similarities").mkdir()
    (plugins / "similarities" / "own_measure.py").write_text("X = 1\n")
    monkeypatch.setattr(bench.similarities, "__path__", [*bench.similarities.__path__, str(plugins / "similarities")])
    named = MethodTable(label="M", plugin="kept", settings={"stages": [{"similarity": "own_measure"}]})
    assert "bench.similarities.own_measure" in sources("methods", ["kept"], named.settings)
    assert "bench.similarities.own_measure" not in sources("methods", ["kept"], {})
