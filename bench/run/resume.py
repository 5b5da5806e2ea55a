"""Run a protocol, continue an interrupted run of it, or use a complete one."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench.contract import Case
from bench.protocol import Protocol
from bench.run.declared import write_declared
from bench.run.environment import code_hash, describe_environment
from bench.run.execute import Execution, RunProgress
from bench.run.journal import Journal
from bench.run.limits import hide
from bench.run.lock import RunLock
from bench.run.meter import threads
from bench.run.parts import unmade
from bench.run.placement import Placement
from bench.run.recipe import recipes


def run_or_resume(
    protocol: Protocol,
    out: Path,
    *,
    fresh: bool,
    show: Callable[[Iterator[RunProgress]], None],
    report: Callable[[str], None],
    placement: Placement | None = None,
    keep: Callable[[Mapping[str, Case]], None] | None = None,
) -> Journal:
    """Make a complete run of a protocol under ``out``.

    Args:
        protocol: Resolved.
        out: Folder of runs.
        fresh: Delete the results of an earlier run of the same protocol first.
        show: Executes the given steps and shows the progress.
        report: Prints a line: what is complete already, which acquisitions are left out.
        placement: Where; None = in this process, one registration after the other.
        keep: Takes the cases that are in memory at the end, for the report; not called where nothing was run.

    Raises:
        FluorobenchError: A run that another engine or another number of threads made, a protocol that cannot be run,
            or an executor that cannot be used.
    """
    hide()
    placement = placement or Placement()
    stated = placement.threads_used
    used = threads() if stated is None else stated
    journal = Journal.of(out, protocol)
    with RunLock(journal.folder) as lock:
        if journal.folder.exists():
            lock.take()
        if not fresh and _whole(journal, protocol, used):
            report(f"already complete: {journal.folder} (use --fresh to run it again)")
            return journal
        with placement.engine(report) as engine:
            execution = Execution(protocol, threads=stated)
            show(execution.prepare())
            _tell(execution, protocol, report)
            lock.take()
            journal = Journal.open(out, protocol, describe_environment(used), fresh=fresh)
            write_declared(journal.folder, protocol)
            for line in [*execution.resume(journal), *([] if fresh else execution.take_up(journal))]:
                report(line)
            if done := len(journal.estimates()):
                report(f"continuing: {journal.folder} holds {done} registrations already")
            show(execution.register(journal, engine))
        if keep is not None:
            keep(execution.cases)
    return journal


def _tell(execution: Execution, protocol: Protocol, report: Callable[[str], None]) -> None:
    for patient, names in execution.unreferenced.items():
        report(
            f"{patient}: {len(names)} acquisition(s) left out, which have no reference pose: {', '.join(names)} "
            "(find one with `fluorobench reference`)"
        )
    if making := unmade(protocol):
        report(f"making the untrained weights of {', '.join(making)}, once for all runs: some seconds each")


def _whole(journal: Journal, protocol: Protocol, used: int) -> bool:
    """Whether a run is complete, and every row of it is there as it was written.

    Raises:
        RunError: Another engine or other threads made it; or it was altered otherwise than by losing rows.
    """
    if not journal.complete:
        return False
    journal.refuse_others(code_hash(), used)
    rows = journal.rows(recipes(protocol, used))
    if rows.dropped or rows.missing:
        return False
    journal.require_seals()
    return True
