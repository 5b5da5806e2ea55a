"""A protocol of toy patients and toy methods, for tests of runs; a body of ``register`` makes a method."""

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.protocol import Protocol, validate
from bench.run.environment import describe_environment
from bench.run.execute import Execution
from bench.run.journal import Journal

METHOD = """
import time, os
import numpy as np
from dataclasses import dataclass
from bench.contract import Card, Estimate, Outcome
card = Card(title="{name}", source="test", citation="none", licence="none")
@dataclass(frozen=True)
class Toy:
    def prepare(self, volume, views):
        assert all(view.image is None for view in views)
        return None
    def register(self, problem, prepared):
        {body}
    def skip(self, problem):
        return {skip}
plugin = Toy
"""
DATASET = """
import numpy as np
from dataclasses import dataclass
from bench.contract import Card, Patient, Split
from bench.volume import Volume
card = Card(title="Toy patients", source="test", citation="none", licence="none")
@dataclass(frozen=True)
class Toys:
    def patient_ids(self, split):
        return ["toy-0", "toy-1"] if split is Split.TEST else []
    def patient(self, patient_id):
        random = np.random.default_rng(int(patient_id[-1]))
        grid = np.indices((24, 20, 28)).astype(np.float32)
        hu = np.full((24, 20, 28), -1000, np.float32)
        for _ in range(5):
            centre = random.uniform(6, 16, 3)
            hu[((grid - centre[:, None, None, None]) ** 2).sum(0) < 16] = 600
        volume = Volume(hu, np.diag([4.0, 4.0, 4.0, 1.0]))
        return Patient(patient_id, volume.fingerprint(), volume)
plugin = Toys
"""
ANSWER = "return Estimate(problem.start, Outcome.CONVERGED)"


@contextmanager
def on_the_path(folder: Path, bodies: Mapping[str, tuple[str, str]]) -> Generator[None]:
    """Write methods (name to body of ``register`` and answer of ``skip``) and toy patients; find them for a while."""
    import bench.datasets
    import bench.methods

    (folder / "methods").mkdir()
    (folder / "datasets").mkdir()
    for name, (body, skip) in bodies.items():
        (folder / "methods" / f"{name}.py").write_text(METHOD.format(name=name, body=body, skip=skip))
    (folder / "datasets" / "toys.py").write_text(DATASET)
    # Another file's tests in the same process may have toys of the same names.
    for name in (*(f"bench.methods.{name}" for name in bodies), "bench.datasets.toys"):
        sys.modules.pop(name, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLUOROBENCH_PLUGINS", str(folder))
        for package in (bench.methods, bench.datasets):
            place = str(folder / package.__name__.rsplit(".", 1)[-1])
            patch.setattr(package, "__path__", [*package.__path__, place])
        yield


def protocol(*plugins: str, **over: Any) -> Protocol:
    tables: dict[str, Any] = {
        "name": "toy",
        "title": "Toy",
        "seed": 3,
        "profile": "quick",
        "data": {"dataset": "toys", "patients": 2, "region": "whole", "landmarks": 30},
        "camera": {
            "view": "AP",
            "sdd_mm": 1000.0,
            "height": 32,
            "width": 32,
            "spacing_mm": 5.0,
            "depth_mm": 700.0,
        },
        "target": {
            "distribution": {"kind": "normal", "width": [3, 3, 3, 5, 5, 5]},
            "search": [12, 12, 12, 20, 20, 20],
            "photons": 1000.0,
        },
        "start": {
            "distribution": "near",
            "per_patient": 2,
            "distributions": {"near": {"kind": "uniform", "about": "truth", "width": [5, 5, 5, 9, 9, 9]}},
        },
        "methods": [{"label": f"M-{plugin}", "plugin": plugin} for plugin in plugins],
        "budget": {"seconds_per_case": 2.0, "seconds_to_prepare": 60.0},
    }
    return validate(tables | over, source="test")


def execute(chosen: Protocol, folder: Path, *, fresh: bool = False) -> Journal:
    execution = Execution(chosen)
    list(execution.prepare())
    journal = Journal.open(folder, chosen, describe_environment(), fresh=fresh)
    list(execution.register(journal))
    return journal
