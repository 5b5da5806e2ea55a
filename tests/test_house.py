"""The house's rules that no linter knows."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIRST_ROOMS = [
    "errors",
    "text",
    "files",
    "geometry",
    "volume",
    "perturb",
    "contract",
    "registry",
    "drr",
    "xray",
    "similarity",
]
NEXT_ROOMS = [
    "optimise",
    "register",
    "metrics",
    "protocol",
    "cases",
    "learn",
    "single",
    "run",
    "score",
    "report",
    "start",
    "cli",
]
ROOMS = [*FIRST_ROOMS, *NEXT_ROOMS]
KINDS = ("methods", "similarities", "datasets", "reports")
SHIPPED = sorted(path for folder in ("bench", *KINDS) for path in (ROOT / folder).rglob("*.py"))
STUDIES = sorted((ROOT / "studies").rglob("*.py"))
FILES = [*SHIPPED, *STUDIES]


def modules(path: Path) -> set[str]:
    """Modules that a file imports, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = len(node.module.split(".")) > 1
            names.update([node.module] if whole else [f"{node.module}.{alias.name}" for alias in node.names])
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def imported(path: Path) -> set[str]:
    """Modules of ``bench`` that a file imports."""
    return {name for name in modules(path) if name.startswith("bench.")}


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


# Compiled kernels take flat arrays and numbers: numba and triton know no keyword-only arguments.
COMPILERS = ("compiled", "triton.jit", "jit", "njit")
MAX_POSITIONAL = 5


def public_functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """Public functions of a module and public methods of its public classes, kernels excepted."""
    owners: list[ast.Module | ast.ClassDef] = [tree, *(each for each in tree.body if isinstance(each, ast.ClassDef))]
    found = [each for owner in owners for each in owner.body if isinstance(each, ast.FunctionDef)]
    return [each for each in found if not each.name.startswith("_") and not compiled(each)]


def compiled(function: ast.FunctionDef) -> bool:
    """Whether a decorator compiles the function."""
    return any(ast.unparse(each).startswith(COMPILERS) for each in function.decorator_list)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_take_few_positional_arguments(path: Path) -> None:
    for function in public_functions(ast.parse(path.read_text())):
        names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
        count = len(names) - (names[:1] in (["self"], ["cls"]))
        assert count <= MAX_POSITIONAL, f"{path.name}: {function.name} takes {count}: make some keyword-only"


def test_no_private_name_is_used_across_modules() -> None:
    """The type checker refuses it; nobody may tell the checker to be silent."""
    everything = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    silenced = "report" + "PrivateUsage"
    assert not [str(path.relative_to(ROOT)) for path in everything if silenced in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_under_400_lines(path: Path) -> None:
    assert path.read_text().count("\n") <= 400


@pytest.mark.parametrize("path", [p for p in FILES if p.relative_to(ROOT).parts[0] in KINDS], ids=str)
def test_plugins_do_not_import_other_plugins(path: Path) -> None:
    assert not {name for name in imported(path) if name.split(".")[1] in KINDS}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: str(path.relative_to(ROOT)))
def test_studies_reach_plugins_through_the_registry_and_no_other_study(path: Path) -> None:
    own = path.relative_to(ROOT).parts[1]
    for name in modules(path):
        room = name.split(".")
        assert room[0] not in KINDS, f"{path} imports {name}: reach plug-ins through bench.registry"
        assert room[0] != "bench" or len(room) < 2 or room[1] not in KINDS or "tests" in path.parts, f"{path}: {name}"
        assert room[0] != "studies" or room[1] == own, f"{path} imports {name}: a study imports no other study"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_is_shipped_imports_a_study(path: Path) -> None:
    assert not {name for name in modules(path) if name.split(".")[0] == "studies"}


def test_studies_are_not_packaged() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "studies" not in {*wheel["only-include"], *wheel["sources"]}


@pytest.mark.parametrize("kind", KINDS)
def test_plugin_folders_are_no_packages(kind: str) -> None:
    """``datasets/__init__.py`` would shadow a well-known package."""
    assert not (ROOT / kind / "__init__.py").exists()


def test_engine_rooms_import_on_a_bare_gpu_machine() -> None:
    """torch, numpy, scipy and numba are there; these may not be."""
    blocked = [
        "SimpleITK",
        "pydicom",
        "nibabel",
        "pydantic",
        "tyro",
        "cmaes",
        "mahotas",
        "plotly",
        "pandas",
        "cv2",
        "skimage",
    ]
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "import bench.drr, bench.similarity, bench.contract, bench.volume, bench.registry\n"
        "bench.registry.load('datasets', 'phantom')\n"
        "bench.similarity.similarity('gc')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
