"""The example workflow of a gate: its steps are run as GitHub runs them, on toy patients, over a gate's life."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import tomli_w
import yaml

from bench.protocol import Protocol

from .docs_blocks import ROOT
from .docs_commands import check_command
from .toy_run import ANSWER, on_the_path, protocol

FILE = ROOT / "docs" / "examples" / "gate.yml"
# Of each condition in the file: whether the step runs where none failed before it, and where one did.
CONDITIONS: dict[str | None, tuple[bool, bool]] = {
    None: (True, False),
    "always()": (True, True),
    "failure() || github.event_name == 'workflow_dispatch'": (False, True),
}


def workflow() -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", yaml.safe_load(FILE.read_text(encoding="utf-8")))


@dataclass
class Repository:
    """A checkout with the workflow's files, and what a job left in it."""

    folder: Path
    plugins: Path
    summary: str = ""

    def job(self) -> dict[str, int]:
        """The status of every step that has a command and was not skipped, by name."""
        read = workflow()
        page = self.folder / "summary.md"
        env = {**os.environ, **{name: _value(str(value)) for name, value in read["env"].items()}}
        env |= {"GITHUB_STEP_SUMMARY": str(page), "PYTHONPATH": str(ROOT), "FLUOROBENCH_PLUGINS": str(self.plugins)}
        status = dict[str, int]()
        for step in read["jobs"]["gate"]["steps"]:
            if "run" not in step or not CONDITIONS[step.get("if")][any(status.values())]:
                continue
            if step["name"] == "Install":
                check_command(step["run"])
                continue
            words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            status[step["name"]] = subprocess.run(words, cwd=self.folder, env=env, timeout=300, check=False).returncode
        self.summary = page.read_text() if page.is_file() else ""
        return status


def _value(text: str) -> str:
    return "1" if text == "${{ inputs.repeats || 1 }}" else text


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    folder, plugins = tmp_path / "checkout", tmp_path / "plugins"
    for each in (folder, plugins):
        each.mkdir()
    (folder / ".venv").symlink_to(sys.prefix)
    with on_the_path(plugins, {"mine": (ANSWER, "None")}):
        (folder / "my-gate.toml").write_text(as_toml(protocol("mine")))
    return Repository(folder, plugins)


def as_toml(chosen: Protocol) -> str:
    tables = chosen.model_dump(mode="json", exclude_none=True)
    return tomli_w.dumps({**tables, "name": "my-gate", "profile": {"full": {}}})


def test_the_workflow_is_one_of_github() -> None:
    read = workflow()
    # YAML 1.1 reads the key `on` as true.
    assert set(read) == {"name", True, "env", "jobs"}
    for step in read["jobs"]["gate"]["steps"]:
        assert ("run" in step) is not ("uses" in step)
        assert step.get("if") in CONDITIONS
    assert "OMP_NUM_THREADS" in read["env"]


def test_a_gate_from_its_first_job_on(repository: Repository) -> None:
    """No baseline yet: a candidate is kept; committed, the same run passes."""
    first = repository.job()
    assert first == {"Run": 0, "Compare": 2, "Show what changed": 0, "Freeze a candidate": 0}
    (repository.folder / "build/gate/candidate").rename(repository.folder / "gate")
    assert repository.job() == {"Run": 0, "Compare": 0, "Show what changed": 0}
    assert "nothing got worse" in repository.summary
    assert {each.name for each in (repository.folder / "build/gate").iterdir()} == {"gate.json", "gate.xml", "gate.md"}
