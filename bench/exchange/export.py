"""Export the problems of a finished run: everything that a method is given, and nothing of the truth."""

import csv
import io
from collections.abc import Iterator
from importlib import metadata
from os.path import relpath
from pathlib import Path
from string import Template

from pydantic import ValidationError

from bench.cases.records import ImageSource, ProblemRecord
from bench.contract import Problem
from bench.errors import describe_error, describe_validation
from bench.exchange.folder import ExchangeError, at, write_case, write_volume
from bench.exchange.model import INDEX_FILE, PREFIX, IndexEntry, IndexFile, VolumeFiles
from bench.exchange.scratch import Scratch
from bench.files import sha256_of, slug, write_text
from bench.protocol import Protocol
from bench.protocol.model import MethodTable
from bench.run.execute import RunProgress
from bench.score.finished import ScoredRun
from bench.volume import Volume

SUMS, START = "SHA256SUMS", "start.csv"
# Rows that read no image: what the run of an export consists of.
_CONTROLS = {"Initial": "initial", "Nominal": "nominal"}
# Of the hash that names a set of cases, in tables of answers.
SHORT = 8


def with_controls_alone(protocol: Protocol) -> Protocol:
    """The protocol with the rows ``Initial`` and ``Nominal`` alone, which cost nothing."""
    rows = tuple(MethodTable(label=label, plugin=plugin) for label, plugin in _CONTROLS.items())
    return protocol.model_copy(update={"methods": rows})


def export(run: ScoredRun, out: Path, *, replace: bool = False) -> Iterator[RunProgress]:
    """Write the problems of a run; yields a case at a time.

    Args:
        run: Finished; its truths stay where they are.
        out: Appears when it is complete.
        replace: An earlier export there, which stays until then.

    Raises:
        ExchangeError: The folder is there already.
        RunError: A case cannot be made as the run recorded it.
    """
    require_free(out, replace=replace)
    out.parent.mkdir(parents=True, exist_ok=True)
    with Scratch(out.parent, f".{out.name}.part-") as place:
        part = place / "new"
        part.mkdir()
        yield from _write_cases(run, part)
        if out.exists():
            out.rename(place / "old")
        part.rename(out)


def require_free(out: Path, *, replace: bool) -> None:
    """Raise ``ExchangeError`` where there is something already; an earlier export may be replaced, nothing else."""
    if out.exists() and replace:
        read_index(out)
    elif out.exists():
        raise ExchangeError(f"{out} exists; name another folder, or replace an earlier export with --fresh")


def read_index(folder: Path) -> IndexFile:
    """The index of exported problems.

    Raises:
        ExchangeError: The folder holds none.
    """
    path = folder / INDEX_FILE
    try:
        return IndexFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ExchangeError(f"{folder} holds no exported problems: {path}: {describe_error(error)}") from None
    except ValidationError as error:
        raise ExchangeError(f"{path} is no index of exported problems: {describe_validation(error)}") from None


def _write_cases(run: ScoredRun, folder: Path) -> Iterator[RunProgress]:
    records, volumes = run.journal.problems(), _Volumes(folder)
    entries = [IndexEntry(case=each.case_id, folder=_place(each)) for each in records]
    for number, (record, entry) in enumerate(zip(records, entries, strict=True)):
        yield RunProgress("exporting", number, len(records), record.case_id)
        problem, place = run.case(record.case_id).problem, folder / entry.folder
        write_case(place, problem, volumes.seen_from(place, problem))
    _write_tables(run, folder, records, entries)
    yield RunProgress("exporting", len(records), len(records), "")


def _place(record: ProblemRecord) -> str:
    """Folder of a case: that of its patient, then its own name."""
    return f"cases/{slug(record.patient_id)}/{slug(record.case_id.rpartition('/')[2])}"


class _Volumes:
    """The volumes of an export: one folder each, however many cases share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[str, VolumeFiles] = {}
        # The volume itself is kept, not its id, which another one may get when it is gone.
        self._last: tuple[Volume, str] | None = None

    def seen_from(self, place: Path, problem: Problem) -> VolumeFiles:
        """The files of a problem's volume, by paths relative to the folder of the case."""
        name = self._name(problem)
        target = self._folder / "volumes" / name
        if name not in self._written:
            self._written[name] = write_volume(target, problem.volume)
        return at(self._written[name], Path(relpath(target, place)).as_posix())

    def _name(self, problem: Problem) -> str:
        """A patient has several volumes where conditions differ in what methods are told."""
        if self._last is None or self._last[0] is not problem.volume:
            self._last = problem.volume, f"{slug(problem.patient_id)}-{problem.volume.fingerprint()[:6]}"
        return self._last[1]


def _write_tables(run: ScoredRun, folder: Path, records: list[ProblemRecord], entries: list[IndexEntry]) -> None:
    """Index, lists, README and, last, checksums."""
    protocol, name = run.protocol, records[0].perturbation_hash
    index = IndexFile(
        protocol=protocol.name, profile=protocol.profile, title=protocol.title, problems=name, cases=entries
    )
    write_text(folder / INDEX_FILE, index.model_dump_json(indent=1) + "\n")
    write_text(folder / "cases.csv", _csv([["case", "folder"], *([each.case, each.folder] for each in entries)]))
    starts = [[each.case_id, "Start", *_pose_cells(each.start), "0", f"{PREFIX}{name[:SHORT]}"] for each in records]
    table = _csv([["case", "label", "R", "t", "seconds", "problems"], *starts])
    write_text(folder / START, table)
    write_text(folder / "README.md", _readme(run, records, example=table.splitlines()[1]))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = [f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}" for path in files]
    write_text(folder / SUMS, "\n".join(sums) + "\n")


def _pose_cells(pose: list[list[float]]) -> list[str]:
    """R and t as a table of answers has them."""
    rotation = " ".join(repr(number) for row in pose[:3] for number in row[:3])
    return [rotation, " ".join(repr(row[3]) for row in pose[:3])]


def _csv(rows: list[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def _readme(run: ScoredRun, records: list[ProblemRecord], *, example: str) -> str:
    template = Template((Path(__file__).parent / "readme.md").read_text(encoding="utf-8"))
    views = sorted({len(each.views) for each in records})
    protocol = run.protocol
    return template.substitute(
        protocol=protocol.name,
        profile=protocol.profile,
        title=protocol.title,
        count=len(records),
        views=" or ".join(map(str, views)),
        moving=protocol.data.moving,
        formed=_formed(records),
        example=example,
        version=metadata.version("fluorobench"),
        problems=records[0].perturbation_hash[:SHORT],
    )


def _formed(records: list[ProblemRecord]) -> str:
    """What the images show beyond the moving volume, as far as a method may know it."""
    sources = {each.images.source for each in records}
    if ImageSource.REAL in sources:
        return ": here the negative logarithm of real X-rays, which show more than the moving content"
    if ImageSource.FORMED in sources:
        return ", here with spectrum, scatter, blur and noise of a real X-ray; it shows more than the moving content"
    if all(each.images.matched for each in records):
        return ", with noise"
    return ", with noise; it shows more than the moving content"
