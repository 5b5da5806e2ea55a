"""The plug-ins that the documentation shows: each passes the conformance tests, and one tiny run uses them all."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomli_w

from bench import registry
from bench.cases.scene import scene_of
from bench.cli.main import main
from bench.contract import Outcome
from bench.geometry import Camera, is_rigid
from bench.learn import Export, Population, Trainable, TrainingBudget, export, train

from .toy_case import make_case

if TYPE_CHECKING:
    from docs.examples.minimal_network import MinimalTrainer

    # The type checkers prove that the example has every member of the protocol.
    _: Trainable = MinimalTrainer()

ROOT = Path(__file__).parents[1]
EXAMPLES = {
    "minimal_method": "methods",
    "minimal_network": "methods",
    "minimal_similarity": "similarities",
    "minimal_dataset": "datasets",
    "minimal_report": "reports",
}
MAX_LINES = {"minimal_method": 36, "minimal_network": 80}
# Fewer would mean that a kind of plug-in is not tested by its being there.
MIN_CONFORMANCE_TESTS = 40
CAMERA = {"view": "AP", "sdd_mm": 1000.0, "height": 64, "width": 64, "spacing_mm": 3.2, "depth_mm": 700.0}


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plug-in folder with the examples."""
    folder = tmp_path_factory.mktemp("plugins")
    for name, kind in EXAMPLES.items():
        (folder / kind).mkdir(exist_ok=True)
        shutil.copy(ROOT / "docs" / "examples" / f"{name}.py", folder / kind)
    return folder


@pytest.fixture
def _found(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plug-in folder on the search path of this process and of those that it starts."""
    monkeypatch.setenv(registry.PLUGINS_VARIABLE, str(plugins))
    for kind in registry.KINDS:
        package = import_module(f"bench.{kind}")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(plugins / kind)])


@pytest.mark.parametrize("name", MAX_LINES)
def test_examples_stay_short(name: str) -> None:
    assert len((ROOT / "docs" / "examples" / f"{name}.py").read_text().splitlines()) <= MAX_LINES[name]


def test_examples_conform(plugins: Path) -> None:
    tests = [str(path) for path in sorted((ROOT / "tests").glob("test_conformance*.py"))]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "minimal", *tests]
    environment = {**os.environ, registry.PLUGINS_VARIABLE: str(plugins)}
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[-3000:]
    passed = re.search(r"(\d+) passed", found.stdout)
    assert passed is not None
    assert int(passed[1]) >= MIN_CONFORMANCE_TESTS, found.stdout[-500:]


@pytest.mark.usefixtures("_found")
def test_one_run_uses_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = [{"size": 32, "population": 8, "generations": 4}]
    search = {"similarity": "minimal_similarity", "levels": levels, "restarts": 1}
    near = {"kind": "uniform", "about": "truth", "width": [5, 5, 5, 9, 9, 9]}
    protocol: dict[str, Any] = {
        "name": "examples",
        "title": "Examples",
        "seed": 3,
        "data": {
            "dataset": "minimal_dataset",
            "patients": 1,
            "region": "whole",
            "settings": dict(registry.miniature("minimal_dataset")(tmp_path / "cts")),
        },
        "camera": CAMERA,
        "target": {"distribution": {"kind": "normal", "width": [3, 3, 3, 5, 5, 5]}, "search": [12, 12, 12, 20, 20, 20]},
        "start": {"distribution": "near", "per_patient": 2, "distributions": {"near": near}},
        "methods": [
            {"label": "Halfway", "plugin": "minimal_method"},
            {"label": "Minus SSD", "plugin": "opt_similarity", "settings": search},
        ],
        "artefacts": {"names": ["minimal_report"]},
        "profile": {"smoke": {}},
    }
    path = tmp_path / "examples.toml"
    path.write_text(tomli_w.dumps(protocol))
    words = ["run", str(path), "--profile", "smoke", "--out", str(tmp_path / "runs")]
    monkeypatch.setattr("sys.argv", ["fluorobench", *words])
    main()
    lines = (tmp_path / "runs" / "latest" / "tables" / "minimal_report.csv").read_text().splitlines()
    assert lines[0] == "method,median mtre_mm"
    assert [line.partition(",")[0] for line in lines[1:]] == ["Halfway", "Minus SSD"]
    assert all(float(line.partition(",")[2]) > 0 for line in lines[1:])


@pytest.mark.usefixtures("_found")
@pytest.mark.parametrize("name", ["minimal_similarity", "minimal_dataset"])
def test_info_shows_them(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["fluorobench", "info", name])
    main()
    assert name in capsys.readouterr().out


@pytest.mark.usefixtures("_found")
def test_the_network_trains_exports_loads_and_registers(tmp_path: Path) -> None:
    module: Any = registry.module("methods", "minimal_network")
    camera = Camera.centred(sdd_mm=1000.0, height=64, width=64, spacing_mm=3.2)
    small = {"size": 24, "spacing_mm": 8.0, "cache_dir": str(tmp_path / "cache")}
    people = Population(settings=small, patients=1, validation_patients=1, active=1)
    trainer: Trainable = module.trainer(scene=replace(scene_of("sopi-sim"), camera=camera), population=people)
    train(trainer, folder=tmp_path, budget=TrainingBudget(steps=3), device="cpu", background=False)
    what = Export(folder=tmp_path, to=tmp_path / "weights", command="fluorobench train minimal_network --steps 3")
    card = export(trainer, what, device="cpu")
    assert card.steps == 3

    method = registry.build("methods", "minimal_network", {"weights": str(tmp_path / "weights")})
    problem = make_case().problem
    assert method.skip(problem) is None
    prepared = method.prepare(problem.volume, [view.without_image() for view in problem.views])
    estimate = method.register(problem, prepared)
    assert is_rigid(estimate.pose)
    assert estimate.outcome is Outcome.CONVERGED
    assert (
        registry.build("methods", "minimal_network", {}).skip(problem)
        == "no weights: fluorobench train minimal_network"
    )
