"""The Dockerfile, without Docker: its files exist and make a whole package, its commands and its user are there."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def instructions() -> list[tuple[str, str]]:
    """Name and words of every instruction, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines if line)]


def of(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def sources() -> list[str]:
    return [source for rest in of("COPY") for source in rest.split()[:-1]]


def test_it_runs_the_command_as_a_plain_user_on_a_python_that_is_supported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (image,) = of("FROM")
    found = re.fullmatch(r"python:(3\.\d+)-slim", image)
    assert found is not None
    assert tuple(map(int, found[1].split("."))) >= tuple(map(int, project["requires-python"][2:].split(".")))
    assert of("USER") == ["1000"]
    names = [name for name, _ in instructions()]
    assert names.index("USER") > max(number for number, name in enumerate(names) if name == "RUN")
    (entry,) = of("ENTRYPOINT")
    assert entry == f'["{next(iter(project["scripts"]))}"]'


def test_its_commands_exist() -> None:
    words = [command.split() for rest in of("RUN") for command in rest.split("&&")]
    assert {each[0] for each in words} == {"apt-get", "rm", "pip", "useradd", "install"}
    for each in words:
        if each[0] == "pip":
            assert each[each.index("--constraint") + 1] in sources()
    if Path("/etc/debian_version").exists():
        for name in ("apt-get", "rm", "useradd", "install"):
            assert shutil.which(name) or Path("/usr/sbin", name).exists(), name


def test_its_files_exist_and_reach_the_builder() -> None:
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in sent
    for source in sources():
        assert (ROOT / source).exists(), source
        assert f"!{source}" in sent, f"the builder never sees {source}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names in the package that is built from the copied files alone."""
    folder = tmp_path_factory.mktemp("image")
    for source in sources():
        place = ROOT / source
        if place.is_dir():
            shutil.copytree(place, folder / source, ignore=shutil.ignore_patterns("__pycache__", "*.nb?"))
        else:
            shutil.copy(place, folder / source)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "--target", "wheel"], cwd=folder, check=True)
    (built,) = (folder / "dist").glob("*.whl")
    return zipfile.ZipFile(built).namelist()


def test_the_copied_files_make_the_whole_package(wheel: list[str]) -> None:
    for kind in ("methods", "similarities", "datasets", "reports"):
        wanted = {f"bench/{kind}/{path.name}" for path in (ROOT / kind).glob("*.py")}
        assert wanted <= set(wheel)
    shipped = [path.relative_to(ROOT / "methods") for path in (ROOT / "methods").rglob("*.safetensors")]
    assert shipped
    assert {f"bench/methods/{path}" for path in shipped} <= set(wheel)
    assert {f"bench/protocols/{path.name}" for path in (ROOT / "bench/protocols").glob("*.toml")} <= set(wheel)
