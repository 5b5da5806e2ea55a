"""External: a program in any language that reads the folder of a problem and writes its answer into it."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Card, Estimate, Problem, View
from bench.exchange.folder import write_case, write_volume
from bench.exchange.mistakes import recognised
from bench.exchange.model import VolumeFiles
from bench.exchange.program import read_estimate, run_program
from bench.exchange.scratch import Scratch
from bench.geometry.rigid import is_rigid
from bench.registry import SettingsError
from bench.volume import Volume

_FOLDER = "{folder}"
_READ_ONLY = 0o444


@dataclass(frozen=True, slots=True)
class Written:
    """A patient's volume on the disk."""

    scratch: Scratch
    files: VolumeFiles

    @property
    def names(self) -> list[str]:
        """Of its files."""
        return [each.path for each in (self.files.hu, self.files.mask, self.files.labels) if each is not None]


@dataclass(frozen=True, kw_only=True)
class External:
    """Run ``prefix``, ``command`` and ``argument``, in which ``{folder}`` is the folder of the problem.

    Attributes:
        command: Program and its arguments; absolute paths, or names that the system finds. Of the preset ``docker``
            the image, and what is run in it.
        prefix: Words before it, such as those of ``docker run``.
        argument: The last word: the folder as the program sees it.
        answers: Checksum of a table of answers that the row was scored from (``fluorobench score``); nothing is run.
    """

    command: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    argument: str = _FOLDER
    answers: str = ""

    def __post_init__(self) -> None:
        for word in (*self.prefix, *self.command)[:1]:
            if os.sep in word and not Path(word).is_absolute():
                raise SettingsError(
                    f"setting '{'prefix' if self.prefix else 'command'}' of external: expected an absolute path, or a "
                    f"name that the system finds; got {word!r}: methods work in folders of their own"
                )

    def prepare(self, volume: Volume, views: Sequence[View]) -> Written:
        """Write the volume once for all problems of the patient."""
        scratch = Scratch()
        written = Written(scratch, write_volume(scratch.path / "volume", volume))
        for name in written.names:
            (scratch.path / "volume" / name).chmod(_READ_ONLY)
        return written

    def register(self, problem: Problem, prepared: Written) -> Estimate:
        """Write the problem, run the program, read its answer; errors are raised, and so rows with their reason."""
        folder = Path(tempfile.mkdtemp(dir=prepared.scratch.path, prefix="problem-"))
        try:
            return self._registered(problem, prepared, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _registered(self, problem: Problem, prepared: Written, folder: Path) -> Estimate:
        began = time.perf_counter()
        for name in prepared.names:
            _link(prepared.scratch.path / "volume" / name, folder / name)
        write_case(folder, problem, prepared.files)
        written = time.perf_counter()
        words = (*self.prefix, *self.command, self.argument)
        run_program([word.replace(_FOLDER, str(folder)) for word in words], folder)
        seconds = {"write": written - began, "program": time.perf_counter() - written}
        estimate = read_estimate(folder, seconds)
        if is_rigid(estimate.pose) and (mistakes := recognised(estimate.pose[None], [problem])):
            named = " and ".join(each.name for each in mistakes)
            sys.stdout.write(f"{problem.case_id}: the answer lies far from the nominal pose; is it {named}?\n")
        return estimate

    def skip(self, problem: Problem) -> str | None:
        """Why no program is run, or None."""
        if self.answers:
            return "its answers stand in a table: fluorobench score --estimates"
        return None if self.command else 'no program is named: settings = { command = ["/path/of/program"] }'


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; where the disk knows no such names, copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


plugin = External
# The problem is mounted, the network is not; the container ends with its program.
presets = {
    "docker": {
        "prefix": ("docker", "run", "--rm", "--network", "none", "--volume", "{folder}:/problem"),
        "argument": "/problem",
    }
}
card = Card(
    title="External (a program in any language, or a table of its answers)",
    source="the program's own",
    citation="the program's own",
    licence="the program's own",
    deviations=(
        "Of a table of answers the seconds are those that the program states, on a machine of its own; processor time "
        "and rendered images are not known.",
        "Writing the problem and starting the program count as registration; the processor time of a container is "
        "that of its client alone.",
    ),
)
