"""Fixtures that the tests of several studies share."""

from importlib import import_module

import pytest

from bench import registry


@pytest.fixture
def plugins_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away afterwards what a test adds: the fingerprint of a run covers all plug-ins that are found."""
    monkeypatch.setenv(registry.PLUGINS_VARIABLE, "")
    for kind in registry.KINDS:
        package = import_module(f"bench.{kind}")
        monkeypatch.setattr(package, "__path__", list(package.__path__))
