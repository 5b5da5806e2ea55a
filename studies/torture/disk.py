"""Disks that fill up, vanish or cannot be written to under a run: one line, and the folder resumes."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from bench.run.verify import verify
from studies.rows import Row, Rows
from studies.torture.kills import IMPORTED, SECONDS, Undisturbed, difference, undisturbed, words
from studies.torture.watch import Commands, temporary_files

_PROFILE = "smoke"


def _full(kib: int) -> Callable[[Path], None]:
    """A disk of so many KiB, which the run fills sooner or later."""

    def mount(folder: Path) -> None:
        (folder / "runs").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "torture", folder / "runs"], check=True)

    return mount


def _read_only(folder: Path) -> None:
    _full(4096)(folder)
    subprocess.run(["mount", "-o", "remount,ro", folder / "runs"], check=True)


def _file(folder: Path) -> None:
    (folder / "runs").write_text("no folder", encoding="utf-8")


def _mend(folder: Path) -> None:
    runs = folder / "runs"
    if os.path.ismount(runs):
        options = "remount,rw,size=64m"
        subprocess.run(["mount", "-o", options, runs], check=True)
    elif runs.is_file():
        runs.unlink()


FAULTS: Mapping[str, Callable[[Path], None]] = {
    **{f"disk of {kib} KiB": _full(kib) for kib in (4, 16, 32, 48, 64, 96, 128, 192)},
    "read-only folder": _read_only,
    "file in the place of the folder": _file,
}


def campaign(out: Path) -> list[Row]:
    """One run a fault, continued once the fault is mended; needs the right to mount."""
    rows = Rows(out, "disk")
    with Commands(*IMPORTED) as commands:
        model = undisturbed(commands, out / "undisturbed-smoke", _PROFILE)
        return [rows.once(name, partial(_trial, commands, out, name, model)) for name in FAULTS]


def _trial(commands: Commands, out: Path, name: str, model: Undisturbed) -> Row:
    folder = out / f"disk-{name.replace(' ', '-')}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    FAULTS[name](folder)
    try:
        outcome, note = _judged(commands, folder, model)
    finally:
        if os.path.ismount(folder / "runs"):
            subprocess.run(["umount", "-l", folder / "runs"], check=True)
    return {"fault": name, "outcome": outcome, "note": note}


def _judged(commands: Commands, folder: Path, model: Undisturbed) -> tuple[str, str]:
    status = commands.start(words(_PROFILE), folder.name, folder).wait(SECONDS)
    text = (folder / "said.txt").read_text(encoding="utf-8", errors="replace")
    said = [line for line in text.splitlines() if line.startswith("fluorobench:")]
    if status == 0:
        return "not noticed", "it ended well"
    if "Traceback" in text:
        return "traceback", text.strip().splitlines()[-1][:300]
    if len(said) != 1 or status != 2:
        return "several lines", f"status {status}: {said}"
    _mend(folder)
    if commands.start(words(_PROFILE), f"{folder.name}-again", folder).wait(SECONDS) != 0:
        return "not resumed", (folder / "said.txt").read_text(encoding="utf-8").strip().splitlines()[-1][:300]
    run = next((folder / "runs").glob("torture-*"))
    if findings := verify(run).findings:
        return "not resumed", findings[0].what
    if files := temporary_files(folder):
        return "file left", ", ".join(files[:3])
    died, other = difference(run, model.folder)
    return ("other scores", ", ".join([*died, *other][:3])) if died or other else ("one line, resumed", said[0][:300])
