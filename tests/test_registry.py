"""Plug-ins that forget something: one line that says what."""

from pathlib import Path

import pytest

import bench.methods
from bench import registry
from bench.registry import PluginError


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("forgets_everything", "", "forgets_everything declares no 'card'"),
        ("has_no_card", "plugin = dict\n", "has_no_card declares no 'card'"),
        ("has_a_title", "plugin = dict\ncard = 'Mine'\n", "must be a bench.contract.Card; got str"),
    ],
)
def test_a_card_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, match: str) -> None:
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(bench.methods, "__path__", [*bench.methods.__path__, str(tmp_path)])
    with pytest.raises(PluginError, match=match):
        registry.card("methods", name)


def test_a_class_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "has_no_class.py").write_text("card = 1\n")
    monkeypatch.setattr(bench.methods, "__path__", [*bench.methods.__path__, str(tmp_path)])
    with pytest.raises(PluginError, match="declares no 'plugin'"):
        registry.load("methods", "has_no_class")


def test_class_variables_are_no_settings() -> None:
    """``revision`` is the phantom's own: accepted in silence it would name patients that nobody made."""
    with pytest.raises(registry.UnknownNameError, match="revision"):
        registry.build("datasets", "phantom", {"revision": 2})
