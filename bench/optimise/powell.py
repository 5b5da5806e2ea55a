"""Powell's direction-set method by SciPy behind ask/tell: one point at a time.

SciPy calls an objective, whereas ask/tell is called by the loop. A thread runs SciPy and waits in its objective for the
value that ``tell`` passes; the two sides never run at the same time, and ``close`` ends the thread.
"""

import threading
from queue import SimpleQueue
from typing import Any

import numpy as np
from scipy import optimize

from bench.optimise.optimiser import Stop, Vector


class _ClosedError(Exception):
    """Ends SciPy's call when no further value will be given."""


class Powell:
    """Line searches along a changing set of directions, within bounds; deterministic."""

    def __init__(
        self, start: Vector, *, bounds: Vector, sweeps: int, x_tolerance: float = 1e-4, f_tolerance: float = 1e-4
    ) -> None:
        """Prepare a search; nothing runs before the first ``ask``.

        Args:
            start: (d,), within the bounds.
            bounds: (d, 2), low and high.
            sweeps: At most so many passes over all directions.
            x_tolerance: Relative accuracy of each line search.
            f_tolerance: Stop when a sweep improves the value by a smaller share.
        """
        self._start = np.array(start, dtype=np.float64)
        self._bounds = optimize.Bounds(bounds[:, 0], bounds[:, 1])
        self._options = {"xtol": x_tolerance, "ftol": f_tolerance, "maxiter": sweeps}
        self._questions: SimpleQueue[Vector | Stop | BaseException] = SimpleQueue()
        self._answers: SimpleQueue[float | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._next: Vector | None = None
        self._stop: Stop | None = None if sweeps > 0 else Stop.ITERATIONS

    def ask(self) -> Vector:
        """The next point, (1, d)."""
        self._advance()
        if self._next is None:
            raise RuntimeError(f"nothing to ask: {self._stop}")
        return self._next[None].copy()

    def tell(self, points: Vector, values: Vector) -> None:
        """Take the value (1,) of the point last asked for."""
        self._next = None
        self._answers.put(float(values[0]))

    @property
    def stop_reason(self) -> Stop | None:
        """The reason for stopping; None while the search continues."""
        self._advance()
        return self._stop

    def close(self) -> None:
        """End SciPy's thread, and wait until it has ended."""
        if self._thread is not None:
            self._answers.put(None)
            self._thread.join()
            self._thread = None

    def _advance(self) -> None:
        """Wait until SciPy wants a value or has ended."""
        if self._stop is not None or self._next is not None:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="powell", daemon=True)
            self._thread.start()
        message = self._questions.get()
        if isinstance(message, BaseException):
            self._stop = Stop.NUMERICAL
            raise message
        if isinstance(message, Stop):
            self._stop = message
        else:
            self._next = message

    def _work(self) -> None:
        try:
            minimize: Any = optimize.minimize  # SciPy's stubs hold neither Powell's options nor its status
            result = minimize(
                self._wait_for_value, self._start, method="Powell", bounds=self._bounds, options=self._options
            )
            self._questions.put(Stop.ITERATIONS if result.status == 2 else Stop.VALUE)
        except _ClosedError:
            pass
        except BaseException as error:  # raised in the thread that asks
            self._questions.put(error)

    def _wait_for_value(self, point: Vector) -> float:
        self._questions.put(np.array(point, dtype=np.float64))
        value = self._answers.get()
        if value is None:
            raise _ClosedError
        return value
