"""Freeze runs as baselines: all files of a command, or none."""

from collections.abc import Sequence
from pathlib import Path

from bench.files import slug
from bench.score.baseline import Baseline, BaselineError, FrozenRun, merged, read_baselines, write_baseline


def freeze_runs(runs: Sequence[FrozenRun], place: Path, *, allow_failures: bool = False) -> list[Path]:
    """Write a baseline of every protocol, processor and number of threads; runs that share them are clean repeats.

    Of a baseline that is replaced see ``merged``. All baselines are made before the first is written.

    Args:
        runs: Frozen.
        place: A file of one baseline, or a folder, where each gets a name of its own.
        allow_failures: Freeze registrations without a pose, too.

    Returns:
        The files.

    Raises:
        BaselineError: A registration has no pose, or the runs cannot be a baseline.
    """
    groups: dict[tuple[str, str, int | None], list[FrozenRun]] = {}
    for run in runs:
        groups.setdefault((run.protocol, run.processor, run.threads), []).append(run)
    in_folder = place.is_dir() or (place.suffix != ".json" and not place.is_file())
    if not in_folder and len(groups) > 1:
        raise BaselineError(f"{place} holds one baseline; got {len(groups)} protocols: name a folder")
    if not allow_failures:
        _require_poses(runs)
    files = {place / _name(group[0]) if in_folder else place: group for group in groups.values()}
    if len(files) < len(groups):
        raise BaselineError(
            "two profiles or numbers of threads would share a file; freeze them into folders of their own"
        )
    baselines = {path: merged(group, _replaced(path, group[0])) for path, group in files.items()}
    for path, baseline in baselines.items():
        write_baseline(path, baseline)
    return list(baselines)


def _require_poses(runs: Sequence[FrozenRun]) -> None:
    for run in runs:
        without = [row for row in run.rows if not row.posed]
        if without:
            first = without[0]
            why = ": ".join(each for each in (first.outcome, first.error) if each)
            raise BaselineError(
                f"{len(without)} of {len(run.rows)} registrations of {run.protocol} have no pose, the first is "
                f"{first.label}, case {first.case_id} ({why}); mend it, or freeze them with --allow-failures"
            )


def _name(run: FrozenRun) -> str:
    return f"{run.protocol.partition('/')[0]}-{slug(run.processor)}.json"


def _replaced(path: Path, run: FrozenRun) -> Baseline | None:
    """The baseline that will be replaced; None where there is none that can be read."""
    try:
        (found,) = read_baselines(path)
    except BaselineError:
        return None
    if found.protocol != run.protocol or found.threads not in (None, run.threads):
        raise BaselineError(
            f"{path} is the baseline of {found.protocol} with {found.threads} thread(s), not of {run.protocol} with "
            f"{run.threads}; name another folder, or delete it first"
        )
    return found
