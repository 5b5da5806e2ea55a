"""The page of a run that is not finished: what was done, and no error, for the truth is written last."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from bench.cases.records import EstimateRecord
from bench.report.page.build import Page
from bench.report.page.data import name
from bench.report.page.provenance import provenance
from bench.run.journal import Journal

_HEADINGS = ("Method", "Done", "Of", "No pose", "Median time (s)", "Median processor time (s)", "Outcomes")
_UNFINISHED = (
    "This run is not finished: {done:,} of {total:,} registrations are done. Errors are computed when the last one is, "
    "because the ground truth is written only then. The run's own command continues it."
)


def progress_page(journal: Journal) -> Page:
    """The page of a run that was begun."""
    protocol, rows, cases = journal.protocol, journal.rows(), len(journal.problems())
    labels = [method.label for method in protocol.methods]
    done = [list[EstimateRecord]() for _ in labels]
    for each in rows.kept:
        done[labels.index(each.label)].append(each)
    total = cases * len(labels)
    return Page(
        title=name(protocol.title),
        subtitle=f"{name(protocol.name)}, {name(protocol.profile)} profile",
        methods=[name(label) for label in labels],
        warnings=[_UNFINISHED.format(done=len(rows.kept), total=total), *map(name, rows.faults)],
        progress=[_HEADINGS, *_progress(labels, done, cases)],
        groups=provenance(journal),
        protocol=(journal.folder / "protocol.toml").read_text(encoding="utf-8"),
    )


def _progress(labels: Sequence[str], done: Sequence[Sequence[EstimateRecord]], cases: int) -> Iterator[list[str]]:
    for label, own in zip(labels, done, strict=True):
        outcomes = Counter(str(each.outcome.value) for each in own)
        yield [
            name(label),
            f"{len(own):,}",
            f"{cases:,}",
            f"{sum(each.pose is None for each in own):,}",
            _median([each.seconds for each in own]),
            _median([each.processor_seconds for each in own]),
            ", ".join(f"{outcome} ({count:,})" for outcome, count in outcomes.most_common()),
        ]


def _median(seconds: Sequence[float | None]) -> str:
    known = [each for each in seconds if each is not None]
    return f"{float(np.median(known)):.2f}" if known else "–"
