"""Jobs that Slurm refuses are one line: nothing waits for workers that never come.

``sbatch`` is a program that answers as Slurm 22.05 did; runs on a real one are described in docs/how-to/cluster.md.
"""

import signal
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bench.run.dask_engine import imported, slurm_cluster
from bench.run.journal import RunError

dask = pytest.importorskip("dask")
pytestmark = pytest.mark.skipif(find_spec("dask_jobqueue") is None, reason="dask-jobqueue is not installed")
JOBS: Mapping[str, Any] = {"memory": "1GiB", "walltime": "00:10:00", "interface": "lo", "queue": "nonesuch"}
REFUSAL = "sbatch: error: invalid partition specified: nonesuch"


@pytest.fixture(autouse=True, scope="module")
def library() -> None:
    """Imported before any test changes dask's settings for a while: the library's own come with the import."""
    imported("dask_jobqueue")


def sbatch(folder: Path, body: str) -> None:
    path = folder / "sbatch"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("body", "settings", "reason"),
    [
        (f"echo '{REFUSAL}' >&2; exit 1", JOBS, "invalid partition specified: nonesuch"),
        (None, JOBS, "sbatch does not answer"),
        ("exit 0", {"memory": None, "walltime": None}, "memory"),
    ],
)
def test_a_job_that_slurm_does_not_take_is_refused(
    body: str | None, settings: Mapping[str, Any], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if body is not None:
        sbatch(tmp_path, body)
    with (
        dask.config.set({f"jobqueue.slurm.{name.replace('_', '-')}": value for name, value in settings.items()}),
        pytest.raises(RunError, match=rf"{reason}.*jobqueue\.yaml") as refused,
    ):
        slurm_cluster(2, 1)
    assert "\n" not in str(refused.value)


def test_an_interrupt_means_the_same_after_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library sets a handler when it is imported."""
    for name in [each for each in sys.modules if each.partition(".")[0] == "dask_jobqueue"]:
        monkeypatch.delitem(sys.modules, name)
    before = signal.getsignal(signal.SIGINT)
    imported("dask_jobqueue")
    assert signal.getsignal(signal.SIGINT) is before
