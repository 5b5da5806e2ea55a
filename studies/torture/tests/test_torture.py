"""Short versions of the campaigns: some faults of a method, some damaged inputs; what they count with."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from bench import registry
from bench.contract import Outcome
from bench.errors import FluorobenchError
from bench.protocol import protocol_hash, read_protocol
from bench.run.journal import Journal
from studies.rows import Rows
from studies.torture.inputs.campaign import FORMS, damaged, numbers
from studies.torture.inputs.forms import Form
from studies.torture.inputs.mutations import BYTES, TEXT, damaged_inside
from studies.torture.inputs.mutations import damaged as damaged_bytes
from studies.torture.inputs.structures import altered
from studies.torture.methods import campaign as faults
from studies.torture.methods import printed
from studies.torture.outcomes import counted, markdown
from studies.torture.places import PLUGINS, TOY
from studies.torture.watch import temporary_files

# Cheap ones: no network is built, no X-ray rendered for them.
QUICK = (
    "CT .mha",
    "CT .nrrd",
    "CT .nii.gz",
    "X-ray PNG",
    "calibration text",
    "landmarks",
    "pose",
    "clicks (CSV)",
    "answer of a program",
)
EACH = 25
PRINTING = ("prints 200 MB", "prints control characters")
ROOT = Path(__file__).parents[3]


def said(form: Form, entry: Path) -> str:
    """How an entry is refused; any error that is none of the project's own is raised."""
    try:
        form.read(entry)
    except FluorobenchError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", QUICK)
def test_damaged_inputs_are_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    form = next(each for each in FORMS if each.name == name)
    for number in range(EACH):
        entry = damaged(tmp_path, form, number, tmp_path / "input")
        assert "\n" not in said(form, entry)


def test_every_form_writes_files_that_its_reader_takes(tmp_path: Path) -> None:
    for name in QUICK:
        form = next(each for each in FORMS if each.name == name)
        (tmp_path / name).mkdir()
        form.make(tmp_path / name)
        for entry in sorted((tmp_path / name).glob(form.entries)):
            if not entry.name.startswith("awkward") and entry.name not in ("vtk.txt", "mayacam.csv"):
                form.read(entry)


def test_an_input_is_the_same_whenever_it_is_made(tmp_path: Path) -> None:
    form = next(each for each in FORMS if each.name == "landmarks")
    first = [damaged(tmp_path, form, number, tmp_path / "a").read_bytes() for number in range(5)]
    again = [damaged(tmp_path, form, number, tmp_path / "b").read_bytes() for number in range(5)]
    assert first == again
    assert len(set(first)) > 3


def test_mutations_change_bytes_and_values() -> None:
    random, text = Random(0), b"NDims = 3\nDimSize = 4 5 6\n" * 20
    assert len({damaged_bytes(text, random, ways) for ways in (BYTES, TEXT) for _ in range(50)}) > 90
    assert any(damaged_inside(text, random) != text for _ in range(5))
    values = [str(altered({"a": [1, 2], "b": {"c": "x"}}, random)) for _ in range(50)]
    assert len(set(values)) > 20


def test_inputs_are_shared_among_forms() -> None:
    form: Form = FORMS[0]
    planned = numbers(FORMS, 10_000)
    assert 9_900 < len(planned) < 10_100
    assert {each.name for each, _ in planned} == {each.name for each in FORMS}
    assert {each.name for each, _ in planned[: len(FORMS)]} >= {form.name}


def test_rows_are_kept_and_counted(tmp_path: Path) -> None:
    made: list[str] = []

    def trial() -> dict[str, str]:
        made.append("x")
        return {"kind": "a", "outcome": "good"}

    for _ in range(2):
        Rows(tmp_path, "rows").once("1", trial)
    assert made == ["x"]
    rows = [*Rows(tmp_path, "rows").found.values(), {"kind": "b", "outcome": "bad"}]
    lines = counted(rows, "kind", ("good", "bad"))
    assert lines == [("a", "1", "1", "0"), ("b", "1", "0", "1"), ("all", "2", "1", "1")]
    assert markdown(("k", "n"), [("a|b", "1")]) == "| k | n |\n| --- | --- |\n| a\\|b | 1 |\n"


def test_a_method_that_commits_faults_costs_only_those_cases(tmp_path: Path) -> None:
    names = ["pose of NaN", "skip returns a list", "changes the volume", "os._exit", *PRINTING]
    lines = faults(tmp_path, names, [])
    assert [line[3] for line in lines] == ["answered"] * len(names)
    outcomes = (Outcome.INVALID, Outcome.INVALID, Outcome.RAISED, Outcome.DIED, *[Outcome.CONVERGED] * len(PRINTING))
    assert [line[1] for line in lines] == [each.value for each in outcomes]
    assert all(line[2] for line in lines[: -len(PRINTING)])
    text = printed(Journal(next((tmp_path / "methods").glob("torture-*"))))
    assert 0 < len(text.encode()) <= 1 << 20
    assert all(each.isprintable() or each == "\n" for each in text)


def test_what_was_begun_is_found(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    for name in ("a/.x.part-y", "tmp/z", "b/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert temporary_files(tmp_path) == ["a/.x.part-y", "tmp/z"]


def test_importing_the_study_changes_nothing() -> None:
    """A folder of plug-ins in the environment is part of every fingerprint that later tests of runs compare."""
    words = (
        "import os, bench; before = dict(os.environ); import studies.torture.inputs.campaign; "
        "assert dict(os.environ) == before, set(os.environ.items()) ^ set(before.items())"
    )
    subprocess.run([sys.executable, "-c", words], cwd=ROOT, check=True)


# As a program of its own: kills are forked from a process without threads.
TRAININGS = """
import sys
from pathlib import Path
from studies.torture.training import campaign
rows = campaign(Path(sys.argv[1]), (5, 18), steps=6, settings=("blocks=true", "seconds=0.01"))
assert [row["kind"] for row in rows] == ["SIGKILL of the group", "Ctrl-C"]
assert all(row["outcome"] == "same" for row in rows), rows
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="processes hide their environment from all but root")
def test_trainings_that_are_killed_end_in_the_same_weights(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", TRAININGS, str(tmp_path)], cwd=ROOT, check=True)


def test_a_run_has_the_name_that_earlier_versions_gave_it() -> None:
    """Else an update of the program orphans every run: it is not continued, and ``verify`` calls it another one."""
    registry.add_folder(PLUGINS)
    assert protocol_hash(read_protocol(str(TOY), "quick")) == "d8022470"
