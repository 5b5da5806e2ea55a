"""Every fenced block of README.md and docs/ is executed or checked; generated pages are those on disk."""

import re
import runpy
import shlex
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from bench import registry
from bench.cli.main import main
from bench.cli.several_cts import LIST_NAME, cts_of
from bench.contract import Dataset, Split
from bench.perturb import MtreStartDistribution, NeighbourMotion, PoseDistribution, Told
from bench.protocol import model, read_protocol, stress
from bench.protocol.extend import PROTOCOLS, read_tables
from bench.protocol.table import Table
from bench.xray import Appearance, Formation, LowDose

from .docs_blocks import LANGUAGES, OUTPUT, ROOT, Block, blocks, commands, pages, yaml_commands
from .docs_commands import check_command
from .test_house import ROOMS

BLOCKS = [block for page in pages() for block in blocks(page)]
EXECUTED_PAGES = sorted({b.page for b in BLOCKS if b.language == "python" or b.kind == "run"})
EXAMPLES = ROOT / "docs" / "examples"


def treatment(block: Block) -> str:
    """What the tests do with a block: executed, checked, included, output or skipped."""
    if block.kind == "skip":
        return "skipped"
    if block.included is not None or block.kind == "same":
        return "included"
    if block.language in OUTPUT:
        return "output"
    if block.kind == "run" or (block.language == "python" and block.file is None):
        return "executed"
    return "checked"


def of(*treatments: str) -> list[Any]:
    """The blocks treated so, as parameters of a test."""
    return [pytest.param(block, id=block.name) for block in BLOCKS if treatment(block) in treatments]


@pytest.mark.parametrize("block", of("executed", "checked", "included", "skipped", "output"))
def test_every_block_says_how_it_is_tested(block: Block) -> None:
    assert block.language in LANGUAGES, f"give the block a language: {', '.join(LANGUAGES)}"
    if block.language == "toml" and treatment(block) == "checked":
        assert block.kind in TOML, f"give the TOML block a kind: {', '.join(TOML)}"


@pytest.mark.parametrize("block", of("included"))
def test_included_examples_are_the_files_that_have_tests(block: Block) -> None:
    path = block.included or ROOT / block.words[0]
    assert path.is_file()
    if block.included is None:
        assert block.text == path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        tested = "".join(each.read_text(encoding="utf-8") for each in (ROOT / "tests").glob("test_*.py"))
        assert path.name in tested or path.stem in tested, f"no test names {path.name}"


@pytest.mark.parametrize("block", [each for each in of("included") if each.values[0].included])
def test_included_examples_are_linked(block: Block) -> None:
    """Outside the built site a page shows the include line in place of the code."""
    link = f"](../examples/{block.included.name if block.included else ''})"
    assert link in block.page.read_text(encoding="utf-8"), f"link the example: {link}"


@pytest.mark.parametrize("block", [each for each in of("checked") if each.values[0].language in ("bash", "yaml")])
def test_commands_exist(block: Block) -> None:
    for command in (yaml_commands if block.language == "yaml" else commands)(block.text):
        check_command(command)


@pytest.mark.parametrize("block", [each for each in of("checked") if each.values[0].language == "toml"])
def test_toml_is_read_by_its_reader(block: Block, tmp_path: Path) -> None:
    TOML[block.kind](block, tmp_path)


@pytest.mark.parametrize("page", EXECUTED_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From top to bottom, in one folder, its Python blocks with one set of names."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "docs"}
    for block in blocks(page):
        if block.file is not None:
            target = tmp_path / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text if block.included is None else block.included.read_text(encoding="utf-8"))
        elif treatment(block) == "executed" and block.language == "python":
            exec(compile(block.text, block.name, "exec"), names)
        elif block.kind == "run":
            for command in commands(block.text):
                execute(command, tmp_path, monkeypatch)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def execute(command: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Run one command line of a page in this process, which saves the imports of another one."""
    words = shlex.split(command)
    if words[0] == "export":
        name, _, value = words[1].partition("=")
        patch.setenv(name, value.replace("$PWD", str(folder)))
        for kind in registry.KINDS:
            package = import_module(f"bench.{kind}")
            patch.setattr(package, "__path__", registry.search_path(str(package.__file__)))
        return
    assert words[0].removeprefix(".venv/bin/") == "fluorobench", f"only fluorobench and export are run: {command}"
    patch.setattr(sys, "argv", words)
    main()


def read_overlay(block: Block, folder: Path) -> None:
    """Tables laid over a shipped protocol."""
    [name] = block.words
    profile = next(iter(read_tables(PROTOCOLS / f"{name}.toml")["profile"]))
    read_protocol(name, profile, tomllib.loads(block.text))


def read_list(block: Block, folder: Path) -> None:
    """A list of CTs."""
    (folder / LIST_NAME).write_text(block.text, encoding="utf-8")
    table = cts_of(folder)
    assert table is not None
    dataset: Dataset = registry.build("datasets", table["dataset"], table["settings"])
    assert len(dataset.patient_ids(Split.TEST)) == table["patients"]


def read_whole(block: Block, folder: Path) -> None:
    """A protocol of its own, in every profile that it states."""
    path = folder / "own.toml"
    path.write_text(block.text)
    for profile in read_tables(path).get("profile", {"quick": {}}):
        read_protocol(str(path), profile)


def read_case_file(block: Block, folder: Path) -> None:
    from bench.xray.case import read_case

    path = folder / "case.toml"
    path.write_text(block.text)
    read_case(path)


def read_labels(block: Block, folder: Path) -> None:
    from bench.volume.labels import scheme

    path = folder / "labels.toml"
    path.write_text(block.text)
    scheme(str(path))


def read_project(block: Block, folder: Path) -> None:
    """Part of another project's pyproject.toml: plain TOML."""
    tomllib.loads(block.text)


TOML: dict[str, Callable[[Block, Path], None]] = {
    "overlay": read_overlay,
    "protocol": read_whole,
    "case": read_case_file,
    "cts": read_list,
    "labels": read_labels,
    "project": read_project,
}


@pytest.mark.parametrize("script", ["make_commands", "make_metrics"])
def test_generated_reference_is_up_to_date(script: str) -> None:
    made = runpy.run_path(str(ROOT / "docs" / f"{script}.py"))
    text = made["PAGE"].read_text(encoding="utf-8")
    assert text == made["page"](), f"run python docs/{script}.py and commit the page"


def test_example_of_real_xrays_is_laid_over_its_protocol() -> None:
    read_protocol("sopi-xray", "quick", tomllib.loads((EXAMPLES / "wrist-xrays.toml").read_text(encoding="utf-8")))


def test_architecture_page_lists_every_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = runpy.run_path(str(ROOT / "docs" / "make_architecture.py"))["packages"]()
    missing = {name for name in packages if not re.search(rf"^\|.*`{name}/?`.*\|", page, flags=re.MULTILINE)}
    assert not missing, f"describe {missing} in docs/architecture.md"


def test_architecture_page_lists_packages_in_the_order_of_their_imports() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("## Packages of `bench`")[1].split("Beside the engine")[0]
    listed = [name for row in re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE) for name in row.split(", ")]
    assert listed == [f"`{room}`" for room in ROOMS]


def test_architecture_shows_today_s_imports() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_architecture.py"))
    drawn = re.findall(r'data-import="(.*?)"', made["PICTURE"].read_text(encoding="utf-8"))
    today = re.findall(r'data-import="(.*?)"', made["svg"]())
    assert set(drawn) == set(today), "run python docs/make_architecture.py and commit the picture"


def test_protocol_page_names_every_key() -> None:
    page = (ROOT / "docs" / "reference" / "protocols.md").read_text(encoding="utf-8")
    classes = [each for module in (model, stress) for each in vars(module).values() if isinstance(each, type)]
    tables = [each for each in classes if issubclass(each, Table)]
    parts = (PoseDistribution, MtreStartDistribution, NeighbourMotion, Formation, Appearance, LowDose, Told)
    keys = {key for table in tables for key in table.model_fields}
    keys |= {each.name for part in parts for each in fields(part)}
    assert not {key for key in keys if not re.search(rf"`({key}|[a-z]+\.{key}|\[+{key}\]+)`", page)}


RANKING = """place,method,mean_wins_percent,rotation_error_deg_mean,rotation_error_deg_std,translation_error_mm_mean,\
translation_error_mm_std,failure_strict_percent,failure_strict_low,failure_strict_high,mtre_mm_median,\
processor_seconds_median
1,Opt-GC,90,0.87,1.44,2.29,3.21,20,0,47,1.2,0.774
2,SOPI (untrained),50,1,1,1,1,50,,,1,1
"""
TABLE1 = """method,rotation_axis_mean_deg_mean,translation_axis_mean_mm_mean,\
published_rotation_axis_mean_deg_mean,published_translation_axis_mean_mm_mean
Opt-GC,0.0104,0.02,3.73,7.8
Deep-reg,0.5,1.3,5.54,13.21
Bound,0.001,0.003,,
"""


def test_result_block_of_the_readme_is_made_from_two_runs(tmp_path: Path) -> None:
    made, runs = runpy.run_path(str(ROOT / "docs" / "make_results.py")), (tmp_path / "a-1", tmp_path / "b-2")
    for run, name, text in zip(runs, ("ranking", "sopi_table1"), (RANKING, TABLE1), strict=True):
        (run / "tables").mkdir(parents=True)
        (run / "tables" / f"{name}.csv").write_text(text)
        (run / "environment.json").write_text('{"processor": "P", "commit": "0123456789ab"}')
        (run / "truth.jsonl").touch()
    lines = made["block"](*runs).splitlines()
    assert lines[2:4] == [
        "| Opt-GC | 90 | 0.9 ± 1.4 | 2.3 ± 3.2 | 20 [0, 47] | 0.77 | 0.010 | 0.020 | 3.73 | 7.80 |",
        "| Deep-reg | – | – | – | – | – | 0.500 | 1.300 | 5.54 | 13.21 |",
    ]
    assert "P, commit 012345678, runs 1 and 2" in lines[-1]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.index(made["BEGIN"]) < readme.index(lines[0]) < readme.index(made["END"])


def test_readme_stays_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_of_the_repository(page: Path) -> None:
    """As GitHub resolves them; make docs checks them on the site."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target and page.name != "changelog.md":
            assert (page.parent / target).exists(), f"{target} does not exist"


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.relative_to(ROOT / "docs").as_posix() in navigation, f"add {page.name} to mkdocs.yml"


@pytest.mark.parametrize("block", of("skipped"))
def test_skipped_block_states_its_reason(block: Block) -> None:
    """Skipped here too, so that the summary of a run lists the reasons."""
    assert block.words, "a skipped block states the reason"
    pytest.skip(" ".join(block.words))


def test_most_blocks_are_tested() -> None:
    count = Counter(map(treatment, BLOCKS))
    assert count["executed"] + count["checked"] + count["included"] > count["skipped"], dict(count)
