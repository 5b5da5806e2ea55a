"""Plug-ins of an installed package are found by its entry points, and run like those of a folder."""

import sys
from pathlib import Path

import pytest

from bench import registry
from bench.registry import PluginError
from bench.run.sources import sources

from .toy_run import ANSWER, METHOD, execute, on_the_path, protocol

METADATA = "Metadata-Version: 2.1\nName: tiny-registration\nVersion: 1.2\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as pip fills it: a package and its metadata."""
    folder = tmp_path / "site-packages"
    (folder / "tiny_registration").mkdir(parents=True)
    (folder / "tiny_registration" / "__init__.py").write_text("")
    (folder / "tiny_registration" / "halves.py").write_text(METHOD.format(name="halves", body=ANSWER, skip="None"))
    (folder / "tiny_registration-1.2.dist-info").mkdir()
    (folder / "tiny_registration-1.2.dist-info" / "METADATA").write_text(METADATA)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


def declare(site: Path, *lines: str) -> None:
    text = "\n".join(["[fluorobench.methods]", *lines, ""])
    (site / "tiny_registration-1.2.dist-info" / "entry_points.txt").write_text(text)


def test_an_installed_method_is_listed_and_run(site: Path, tmp_path: Path) -> None:
    declare(site, "tiny_halves = tiny_registration.halves")
    assert "tiny_halves" in registry.names("methods")
    assert registry.card("methods", "tiny_halves").title == "halves"
    assert "tiny_registration.halves" in sources("methods", ["tiny_halves"])
    (tmp_path / "plugins").mkdir()
    with on_the_path(tmp_path / "plugins", {}):
        journal = execute(protocol("tiny_halves"), tmp_path / "runs")
    assert [each.pose is not None for each in journal.estimates()] == [True] * 4
    assert any("tiny-registration's fluorobench.methods: tiny_halves" in each for each in registry.installed())


@pytest.mark.parametrize(
    ("line", "name", "match"),
    [
        (
            "opt_gc = tiny_registration.halves",
            "opt_gc",
            r"two plug-ins are named 'opt_gc': tiny-registration's.*rename",
        ),
        ("tiny = tiny_registration.halves:plugin", "tiny", r"halves:plugin'.*expected an entry point such as"),
        ("ti-ny = tiny_registration.halves", "ti-ny", r"ti-ny = .*expected an entry point such as"),
    ],
)
def test_a_wrong_declaration_is_one_line(site: Path, line: str, name: str, match: str) -> None:
    declare(site, line)
    with pytest.raises(PluginError, match=match):
        registry.load("methods", name)
    assert registry.card("methods", "opt_lm" if name == "opt_gc" else "opt_gc")
