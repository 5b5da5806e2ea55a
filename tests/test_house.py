"""The house's rules that no linter knows."""

import ast
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
FIRST_ROOMS = [
    "errors",
    "text",
    "cells",
    "files",
    "interrupts",
    "lock",
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
    "exchange",
    "report",
    "start",
    "cli",
]
ROOMS = [*FIRST_ROOMS, *NEXT_ROOMS]
KINDS = ("methods", "similarities", "datasets", "reports")
SHIPPED = sorted(path for folder in ("bench", *KINDS) for path in (ROOT / folder).rglob("*.py"))
STUDIES = sorted((ROOT / "studies").rglob("*.py"))
FILES = [*SHIPPED, *STUDIES]


@cache
def tree(path: Path) -> ast.Module:
    """A file's syntax, parsed once for all rules."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def modules(path: Path) -> frozenset[str]:
    """Modules that a file imports, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = len(node.module.split(".")) > 1
            names.update([node.module] if whole else [f"{node.module}.{alias.name}" for alias in node.names])
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return frozenset(names)


def imported(path: Path) -> set[str]:
    """Modules of ``bench`` that a file imports."""
    return {name for name in modules(path) if name.startswith("bench.")}


def named(path: Path) -> str:
    """For an offender's line; every rule lists all that break it."""
    return str(path.relative_to(ROOT))


def judge(offenders: list[str], rule: str) -> None:
    """Fail with every offender: pytest would shorten a long list."""
    assert not offenders, "\n".join([rule, *offenders])


def test_there_are_files_to_judge() -> None:
    """A rule over no files would hold always."""
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == {"bench", "studies", *KINDS}


def test_rooms_import_only_from_above() -> None:
    offenders: list[str] = []
    for path in FILES:
        parts = path.relative_to(ROOT).parts
        own = parts[1].removesuffix(".py")
        if parts[0] != "bench" or own not in ROOMS:
            continue
        for name in sorted(imported(path)):
            room = name.split(".")[1]
            if room not in ROOMS:
                offenders.append(f"{named(path)} imports {name}: reach plug-ins through bench.registry")
            elif ROOMS.index(room) > ROOMS.index(own):
                offenders.append(f"{named(path)} imports {name}: {own} must not")
    judge(offenders, "a room imports only from those above")


# Compiled kernels take flat arrays and numbers: numba and triton know no keyword-only arguments.
COMPILERS = ("compiled", "triton.jit", "jit", "njit")
MAX_POSITIONAL = 5


def public_functions(module: ast.Module) -> list[ast.FunctionDef]:
    """Public functions of a module and public methods of its public classes, kernels excepted."""
    classes = [each for each in module.body if isinstance(each, ast.ClassDef)]
    owners: list[ast.Module | ast.ClassDef] = [module, *classes]
    found = [each for owner in owners for each in owner.body if isinstance(each, ast.FunctionDef)]
    return [each for each in found if not each.name.startswith("_") and not compiled(each)]


def compiled(function: ast.FunctionDef) -> bool:
    """Whether a decorator compiles the function."""
    return any(ast.unparse(each).startswith(COMPILERS) for each in function.decorator_list)


def positional(function: ast.FunctionDef) -> int:
    """Arguments that may be given by position, ``self`` not counted."""
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_public_functions_take_few_positional_arguments() -> None:
    found = [(path, each) for path in FILES for each in public_functions(tree(path))]
    offenders = [f"{named(path)}: {each.name}" for path, each in found if positional(each) > MAX_POSITIONAL]
    judge(offenders, f"make arguments keyword-only beyond {MAX_POSITIONAL}")


def test_no_private_name_is_used_across_modules() -> None:
    """The type checker refuses it; nobody may tell the checker to be silent."""
    everything = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    silenced = "report" + "PrivateUsage"
    offenders = [named(path) for path in everything if silenced in path.read_text(encoding="utf-8")]
    judge(offenders, "make the name public or move its user")


def test_files_stay_under_400_lines() -> None:
    offenders = [named(path) for path in FILES if path.read_text(encoding="utf-8").count("\n") > 400]
    judge(offenders, "one idea per file, at most 400 lines")


def test_plugins_do_not_import_other_plugins() -> None:
    plugins = [path for path in FILES if path.relative_to(ROOT).parts[0] in KINDS]
    pairs = [(path, name) for path in plugins for name in sorted(imported(path))]
    offenders = [f"{named(path)} imports {name}" for path, name in pairs if name.split(".")[1] in KINDS]
    judge(offenders, "reach plug-ins through bench.registry")


def test_studies_reach_plugins_through_the_registry_and_no_other_study() -> None:
    offenders: list[str] = []
    for path in STUDIES:
        own, tests = path.relative_to(ROOT).parts[1], "tests" in path.parts
        for name in sorted(modules(path)):
            room = name.split(".")
            plugin = room[0] in KINDS or (room[0] == "bench" and room[1:2] and room[1] in KINDS and not tests)
            study = room[0] == "studies" and (ROOT / "studies" / room[1]).is_dir()
            if plugin or (study and room[1] != own):
                offenders.append(f"{named(path)} imports {name}")
    judge(offenders, "a study reaches plug-ins through bench.registry and imports no other study")


def test_nothing_that_is_shipped_imports_a_study() -> None:
    pairs = [(path, name) for path in SHIPPED for name in sorted(modules(path))]
    offenders = [f"{named(path)} imports {name}" for path, name in pairs if name.split(".")[0] == "studies"]
    judge(offenders, "what is shipped imports no study")


def test_studies_are_not_packaged() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "studies" not in {*wheel["only-include"], *wheel["sources"]}


def test_plugin_folders_are_no_packages() -> None:
    """``datasets/__init__.py`` would shadow a well-known package."""
    assert not [kind for kind in KINDS if (ROOT / kind / "__init__.py").exists()]


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
