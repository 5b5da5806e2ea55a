"""Methods and reports of the study keep the promises of every plug-in."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from bench import registry

FOLDER = Path(__file__).parents[1]
ROOT = FOLDER.parents[1]
# One of the masked networks: the others come from the same factory.
PLUGINS = ("outline_alone", "masked_zhang", "deep_reg_wrist", "lgff_figure7", "lgff_figure8")


def settings(cls: Any) -> set[str]:
    return {each.name for each in fields(cls)}


def test_the_conformance_tests_pass_on_them() -> None:
    chosen = " or ".join(PLUGINS)
    command = [sys.executable, "-m", "pytest", "-q", "tests/test_conformance.py", "-k", chosen]
    environment = {**os.environ, registry.PLUGINS_VARIABLE: str(FOLDER)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout


def test_shipped_networks_keep_their_settings() -> None:
    for name in ("lgff_reg", "res_reg_net", "zhang"):
        shipped, masked = (registry.module("methods", each) for each in (name, f"masked_{name}"))
        assert settings(shipped.trainer) | {"camera"} == settings(masked.trainer)
        assert settings(shipped.plugin) == settings(masked.plugin)
    assert registry.presets("masked_zhang") == registry.presets("zhang")
