"""Check a command line of the documentation without executing it: words, names and files must exist."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import tyro

from bench import registry
from bench.cli.catalogue import Info
from bench.cli.main import COMMANDS
from bench.cli.register import Register
from bench.cli.run import Run
from bench.cli.train import Train
from bench.protocol import protocol_names, read_protocol
from bench.protocol.load import summaries

from .docs_blocks import ROOT

# Programs of other projects: nothing of theirs is checked.
OTHERS = ("git", "cd", "mkdir", "cat", "pip", "pdflatex", "dask", "kubectl", "python3", "cmake")
_ASSIGNMENT = re.compile(r"^[A-Z_]+=\S*$")


def check_command(command: str) -> None:
    """Fail with an AssertionError that names what does not exist.

    Args:
        command: One line, as ``docs_blocks.commands`` gives it.
    """
    words = [word for word in shlex.split(command) if not _ASSIGNMENT.match(word)]
    if not words or words[0] in ("export", "for", "done;"):
        return
    program, *rest = words
    program = program.removeprefix(".venv/bin/")
    if program == "fluorobench":
        _check_fluorobench(command, rest)
    elif program == "docker":
        if rest[0] == "run":  # what stands behind the image's name
            _check_fluorobench(command, rest[rest.index("fluorobench") + 1 :])
    elif program == "make":
        _check_make(rest)
    elif rest[:1] == ["-m"] and rest[1].startswith("studies."):
        _check_study(rest[1], rest[2:])
    elif program in ("python", "pytest", "ruff", "mypy", "pyright"):
        _check_files(rest)
    elif program == "cp":
        assert (ROOT / rest[0]).exists(), f"{command!r}: there is no {rest[0]} in the project"
    else:
        assert program in OTHERS, f"{command!r}: {program!r} is no command that the documentation knows"


def _check_fluorobench(command: str, words: list[str]) -> None:
    if "--help" in words:
        return
    try:
        parsed = tyro.cli(COMMANDS, args=words, prog="fluorobench")  # pyright: ignore
    except SystemExit:
        raise AssertionError(f"the command line refuses {command!r}") from None
    if isinstance(parsed, Run):
        _check_run(parsed)
    if isinstance(parsed, Train) and not list((ROOT / "studies").glob(f"*/methods/{parsed.method}.py")):
        assert hasattr(registry.module("methods", parsed.method), "trainer"), f"{parsed.method} cannot be trained"
    if isinstance(parsed, Register):
        registry.module("methods", parsed.method)
    if isinstance(parsed, Info):
        _check_name(parsed.name)


def _check_run(run: Run) -> None:
    """Shipped protocols: profile, start distribution and row labels are their own."""
    labels = set[str]()
    for name in run.protocols:
        if name.endswith(".toml"):
            assert not name.startswith("studies/") or (ROOT / name).is_file(), f"there is no {name}"
            return
        labels |= {method.label for method in read_protocol(name, run.profile).methods}
    assert labels.issuperset(run.only), f"{run.protocols} have no rows {set(run.only) - labels}"


def _check_name(name: str) -> None:
    if Path(name).suffix:
        return
    known = {each for kind in registry.KINDS for each in registry.names(kind)} | set(protocol_names())
    labels = {label for each in summaries() for label in each.rows}
    assert name in known | labels, f"'fluorobench info {name}': no such name"


def _check_make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE)
    for word in words:
        name, assigned, _ = word.partition("=")
        if assigned:
            assert f"$({name}" in makefile, f"the Makefile has no variable {name}"
        else:
            assert word in targets, f"the Makefile has no target {word}"


def _check_study(module: str, words: list[str]) -> None:
    """A study's command: it exists, and its source declares the options."""
    source = ROOT / module.replace(".", "/") / "__main__.py"
    assert source.is_file(), f"there is no {module}"
    declared = source.read_text(encoding="utf-8")
    for word in words:
        name = word.removeprefix("--").replace("-", "_")
        assert not word.startswith("--") or f"    {name}: " in declared, f"{module} has no option {word}"


def _check_files(words: list[str]) -> None:
    """Files and modules that a program is given, where they look like the project's own."""
    for flag, word in zip(["", *words], words, strict=False):
        if flag == "-m":
            assert find_spec(word) is not None, f"there is no module {word}"
        elif word.endswith(".py"):
            assert (ROOT / word).is_file(), f"there is no {word}"
