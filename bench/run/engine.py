"""Where the units of a run are done: what an engine must offer, and this machine as one.

``LocalEngine`` has one worker in the calling thread, or several in threads of this process: what takes time happens in
the methods' own processes. ``bench.run.dask_engine`` has workers in other processes, on other machines too.
"""

import platform
import queue
from collections.abc import Iterator
from threading import Condition, Thread
from types import TracebackType
from typing import Protocol

from bench.run.station import Station, Work
from bench.run.unit import Ended, Message, Unit

# How long a thread is waited for before its method is ended again, which it may have started in between, seconds.
_AGAIN_S = 0.2


class Engine(Protocol):
    """Does units; a context manager that leaves nothing running."""

    def __enter__(self) -> "Engine": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def start(self, work: Work) -> None:
        """Prepare the workers for the units of a run."""
        ...

    def begin(self, unit: Unit) -> None:
        """Have a unit done as soon as a worker is free, those with low numbers first."""
        ...

    def messages(self) -> Iterator[Message]:
        """What the workers say, until all units have ended that were begun, meanwhile too.

        Raises:
            FluorobenchError: The run cannot go on.
        """
        ...


class LocalEngine:
    """Workers on this machine.

    Args:
        workers: How many methods run at the same time.
    """

    def __init__(self, workers: int = 1) -> None:
        self._count = workers
        self._units = _Units()
        self._stations: list[Station] = []
        self._threads: list[Thread] = []
        self._said: queue.SimpleQueue[Message | BaseException] = queue.SimpleQueue()

    def __enter__(self) -> "LocalEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._units.end()
        for thread, station in zip(self._threads, self._stations, strict=False):
            while thread.is_alive():
                station.interrupt()
                thread.join(_AGAIN_S)
        for station in self._stations:
            station.close()

    def start(self, work: Work) -> None:
        """Make the workers; see ``Engine``."""
        names = [platform.node()] if self._count == 1 else [f"{platform.node()}/{n + 1}" for n in range(self._count)]
        self._stations = [Station(work, name) for name in names]

    def begin(self, unit: Unit) -> None:
        """See ``Engine``."""
        self._units.add(unit)

    def messages(self) -> Iterator[Message]:
        """See ``Engine``."""
        yield from self._here(self._stations[0]) if self._count == 1 else self._in_threads()

    def _here(self, station: Station) -> Iterator[Message]:
        while (unit := self._units.take(station, wait=False)) is not None:
            yield from station.do(unit)
            yield self._units.ended(unit)
        yield from station.close()

    def _in_threads(self) -> Iterator[Message]:
        self._threads = [Thread(target=self._serve, args=(station,), daemon=True) for station in self._stations]
        for thread in self._threads:
            thread.start()
        while self._units.left:
            said = self._said.get()
            if isinstance(said, BaseException):
                raise said
            yield self._units.ended(said.unit) if isinstance(said, Ended) else said
        self._units.end()
        for thread, station in zip(self._threads, self._stations, strict=True):
            thread.join()
            yield from station.close()

    def _serve(self, station: Station) -> None:
        """Do units until there are no more."""
        try:
            while (unit := self._units.take(station)) is not None:
                for message in station.do(unit):
                    if self._units.over:
                        return
                    self._said.put(message)
                self._said.put(Ended(unit))
        except BaseException as error:  # is raised where the messages are read
            self._said.put(error)


class _Units:
    """Those that wait for a worker, shared by threads."""

    def __init__(self) -> None:
        self._turn = Condition()
        self._waiting: list[Unit] = []
        self._labels: dict[int, str] = {}
        self.left, self.over = 0, False

    def add(self, unit: Unit) -> None:
        with self._turn:
            self._waiting.append(unit)
            self.left += 1
            self._turn.notify()

    def ended(self, unit: Unit) -> Ended:
        """Called where the messages are read, before further units are begun that waited for this one."""
        self.left -= 1
        return Ended(unit)

    def end(self) -> None:
        """No worker gets another unit."""
        with self._turn:
            self.over = True
            self._turn.notify_all()

    def take(self, station: Station, *, wait: bool = True) -> Unit | None:
        """The next unit for a worker; None = there are no more."""
        with self._turn:
            while wait and not self._waiting and not self.over:
                self._turn.wait()
            if self.over or not self._waiting:
                return None
            self._labels.pop(id(station), None)
            unit = min(self._waiting, key=lambda each: self._rank(each, station))
            self._labels[id(station)] = unit.row.label
            self._waiting.remove(unit)
            return unit

    def _rank(self, unit: Unit, station: Station) -> tuple[bool, bool, int]:
        """Low for a method that the worker has open, then for one that no other has: starting it takes seconds."""
        open_here = station.row is not None and station.row.label == unit.row.label
        return not open_here, unit.row.label in self._labels.values(), unit.number
