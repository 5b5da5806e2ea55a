"""Run a protocol, continue an interrupted run of it, or use a complete one."""

from collections.abc import Callable, Iterator
from pathlib import Path

from bench.protocol import Protocol
from bench.run.environment import code_hash, describe_environment
from bench.run.execute import Execution, RunProgress
from bench.run.journal import Journal
from bench.run.meter import threads
from bench.run.parts import weights_used


def run_or_resume(
    protocol: Protocol,
    out: Path,
    *,
    fresh: bool,
    show: Callable[[Iterator[RunProgress]], None],
    report: Callable[[str], None],
) -> Journal:
    """Make a complete run of a protocol under ``out``.

    Args:
        protocol: Resolved.
        out: Folder of runs.
        fresh: Delete the results of an earlier run of the same protocol first.
        show: Executes the given steps and shows the progress.
        report: Prints a line: what is complete already, which acquisitions are left out.

    Raises:
        FluorobenchError: A complete run that other code, other weights or another number of threads made, or a
            protocol that cannot be run.
    """
    journal = Journal.of(out, protocol)
    if journal.complete and not fresh:
        journal.refuse_others(code_hash(), threads(), weights_used(protocol))
        report(f"already complete: {journal.folder} (use --fresh to run it again)")
        return journal
    execution = Execution(protocol)
    show(execution.prepare())
    for patient, names in execution.unreferenced.items():
        report(
            f"{patient}: {len(names)} acquisition(s) left out, which have no reference pose: {', '.join(names)} "
            "(find one with `fluorobench reference`)"
        )
    journal = Journal.open(out, protocol, describe_environment(), fresh=fresh)
    if done := len(journal.estimates()):
        report(f"continuing: {journal.folder} holds {done} registrations already")
    show(execution.register(journal))
    return journal
