"""The study's plug-ins are found in its own tests alone."""

from importlib import import_module

import pytest

from bench import registry


@pytest.fixture(autouse=True)
def own_plugins_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away afterwards what a test adds: the fingerprint of a run covers all plug-ins that are found."""
    monkeypatch.setenv(registry.PLUGINS_VARIABLE, "")
    for kind in registry.KINDS:
        package = import_module(f"bench.{kind}")
        monkeypatch.setattr(package, "__path__", list(package.__path__))
