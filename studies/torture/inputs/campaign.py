"""Damage valid files in many ways and give them to their readers."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

from studies.rows import Row, Rows
from studies.torture.inputs.exchanged import EXCHANGED
from studies.torture.inputs.forms import Form
from studies.torture.inputs.images import IMAGES
from studies.torture.inputs.pool import Reader
from studies.torture.inputs.structures import damage_bytes
from studies.torture.inputs.texts import TEXTS, prepare

OUTCOMES = (
    "read",
    "refused",
    "refused in several lines",
    "unsound",
    "traceback",
    "hang",
    "memory",
    "crash",
    "executed",
)
GOOD = ("read", "refused")
FORMS: Sequence[Form] = (*IMAGES, *TEXTS, *EXCHANGED)


def numbers(forms: Sequence[Form], count: int) -> list[tuple[Form, int]]:
    """So many inputs, shared among forms; the first ones of all forms come first."""
    shares = sum(each.share for each in forms)
    planned = [(form, number) for form in forms for number in range(max(1, round(count * form.share / shares)))]
    return sorted(planned, key=lambda each: each[1] / each[0].share)


def campaign(out: Path, count: int, only: Sequence[str] = ()) -> list[Row]:
    """Read so many inputs; those done before are kept, and the files of those that went wrong."""
    prepare()
    forms = [each for each in FORMS if not only or each.name in only]
    scratch = out / "inputs" / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    rows = Rows(out, "inputs")
    planned = numbers(forms, count)
    with Reader(scratch) as reader:
        return [
            rows.once(f"{form.name} {number}", partial(_row, reader, out, form, number)) for form, number in planned
        ]


def _row(reader: Reader, out: Path, form: Form, number: int) -> Row:
    # Another folder each time: some readers remember what they read where.
    folder = out / "inputs" / "scratch" / f"input-{number}"
    entry = damaged(out, form, number, folder)
    outcome, text = reader.read(form.name, entry)
    if outcome not in GOOD:
        kept = out / "inputs" / "wrong" / f"{form.name} {number}".replace("/", "-").replace(" ", "-")
        shutil.rmtree(kept, ignore_errors=True)
        damaged(out, form, number, kept)
    shutil.rmtree(folder, ignore_errors=True)
    return {"form": form.name, "outcome": outcome, "text": text}


def damaged(out: Path, form: Form, number: int, folder: Path) -> Path:
    """Write the damaged input of a number, always the same one; returns the entry."""
    random = Random(f"{form.name} {number}")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_seeds(out, form), folder, symlinks=True)
    entry = random.choice(sorted(folder.glob(form.entries)))
    targets = sorted(folder.glob(random.choice(form.targets))) if form.targets else [entry]
    target = random.choice(targets)
    try:
        form.damage(target, random)
    except Exception:  # a value that the library that writes the format does not write
        damage_bytes(target, random)
    return entry


def _seeds(out: Path, form: Form) -> Path:
    """The folder of a form's valid files, made once."""
    folder = out / "inputs" / "seeds" / form.name.replace("/", "-").replace(" ", "-")
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        form.make(part)
        part.replace(folder)
    return folder
