"""The study's plug-ins are found in its own tests alone."""

from pathlib import Path

import pytest

from bench import registry

FOLDER = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def study_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the study's folder of plug-ins, and take it away afterwards."""
    monkeypatch.setenv(registry.PLUGINS_VARIABLE, "")
    for kind in registry.KINDS:
        monkeypatch.setattr(f"bench.{kind}.__path__", list(__import__(f"bench.{kind}", fromlist=["x"]).__path__))
    registry.add_folder(FOLDER)
