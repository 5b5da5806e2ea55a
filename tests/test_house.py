"""The house's rules that no linter knows."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIRST_ROOMS = ["errors", "geometry", "volume", "perturb", "contract", "registry", "drr", "xray", "similarity"]
ROOMS = [*FIRST_ROOMS, "optimise", "register", "learn", "metrics", "protocol", "run", "score", "report", "cli"]
KINDS = ("methods", "datasets", "reports")
FILES = sorted(path for folder in ("bench", *KINDS) for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Modules of ``bench`` that a file names, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "bench":
            parts = node.module.split(".")
            names.update([node.module] if len(parts) > 1 else [f"bench.{alias.name}" for alias in node.names])
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names if alias.name.startswith("bench."))
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_import_only_from_above(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    if parts[0] != "bench" or parts[1].removesuffix(".py") not in ROOMS:
        return
    own = parts[1].removesuffix(".py")
    for name in imported(path):
        room = name.split(".")[1]
        assert room in ROOMS, f"{path} imports {name}: reach plug-ins through bench.registry"
        assert ROOMS.index(room) <= ROOMS.index(own), f"{own} must not import {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_under_400_lines(path: Path) -> None:
    assert path.read_text().count("\n") <= 400


@pytest.mark.parametrize("path", [p for p in FILES if p.relative_to(ROOT).parts[0] in KINDS], ids=str)
def test_plugins_do_not_import_other_plugins(path: Path) -> None:
    assert not {name for name in imported(path) if name.split(".")[1] in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_plugin_folders_are_no_packages(kind: str) -> None:
    """``datasets/__init__.py`` would shadow a well-known package."""
    assert not (ROOT / kind / "__init__.py").exists()


def test_engine_rooms_import_on_a_bare_gpu_machine() -> None:
    """torch, numpy, scipy and numba are there; these may not be."""
    blocked = ["SimpleITK", "pydantic", "tyro", "cmaes", "mahotas", "plotly", "pandas", "cv2", "skimage"]
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "import bench.drr, bench.similarity, bench.contract, bench.volume, bench.registry\n"
        "bench.registry.load('datasets', 'phantom')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
