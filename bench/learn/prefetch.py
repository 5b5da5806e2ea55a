"""Patients generated in advance: a spawned process makes them and stores them in the dataset's cache on disk."""

import multiprocessing
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from bench import registry
from bench.errors import describe_error
from bench.interrupts import ignore_interrupts, without_interrupt
from bench.learn.errors import TrainingError


class Prefetcher:
    """Calls ``dataset.patient`` for a list of ids in another process; the dataset must cache its patients.

    A patient depends on its id alone, so results do not depend on the progress of the prefetcher.
    """

    def __init__(self, dataset: str, settings: Mapping[str, Any], ids: Sequence[str]) -> None:
        self._order = {name: number for number, name in enumerate(dict.fromkeys(ids))}
        self._made = 0
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=False)
        arguments = (theirs, dataset, dict(settings), tuple(self._order))
        self._process = context.Process(target=_feed, args=arguments, daemon=True, name="fluorobench-prefetch")
        try:
            with without_interrupt():
                self._process.start()
        except OSError as error:
            self._pipe.close()
            raise TrainingError(
                f"no process to generate patients can be started ({describe_error(error)}); free memory or processes, "
                "then give the same command again"
            ) from error
        finally:
            theirs.close()

    def wait_for(self, patient_id: str) -> None:
        """Return when a patient is cached, or when the prefetcher can no longer make it (the caller then does)."""
        wanted = self._order.get(patient_id, -1)
        with suppress(EOFError, OSError):
            while self._made <= wanted:
                self._pipe.recv()
                self._made += 1

    def close(self) -> None:
        """Stop the process."""
        self._pipe.close()
        self._process.terminate()
        self._process.join(timeout=10)


def _feed(pipe: Connection, dataset: str, settings: Mapping[str, Any], ids: Sequence[str]) -> None:
    ignore_interrupts()
    source = registry.load("datasets", dataset)(**settings)
    with suppress(BrokenPipeError, OSError):  # the trainer has ended
        for name in ids:
            source.patient(name)
            pipe.send(name)
