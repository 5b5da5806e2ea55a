"""Messages of bytes between two processes: a length, then the content; never waits beyond a deadline."""

import math
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

_LENGTH_BYTES = 8
# How often a wait looks whether the other process still lives, seconds; a message that arrives ends it at once.
_LOOK_S = 0.2


class ChannelClosedError(Exception):
    """The other side is gone."""


class MessageTooLongError(Exception):
    """A message states a length that none may have."""


class Channel:
    """One end of a pair of sockets.

    Args:
        end: A connected socket; a child of the other process that keeps its end open does not hide its death.
        alive: Whether the other process lives, where it is known.
    """

    def __init__(self, end: socket.socket, alive: Callable[[], bool] = lambda: True) -> None:
        self._end, self._alive = end, alive
        end.settimeout(_LOOK_S)

    def send(self, message: bytes, *, seconds: float = math.inf) -> None:
        """Send a message.

        Raises:
            TimeoutError: The other side did not take all of it in time.
            ChannelClosedError: It is gone.
        """
        deadline = time.monotonic() + seconds
        for part in (len(message).to_bytes(_LENGTH_BYTES), message):
            left = memoryview(part)
            while left:
                left = left[self._step(partial(self._end.send, left), deadline) :]

    def receive(self, *, seconds: float = math.inf, longest: int | None = None) -> bytes:
        """Wait for the next message.

        Args:
            seconds: For all of it: half a message does not hold the caller any longer.
            longest: Bytes that it may have; None = as many as it states.

        Raises:
            TimeoutError: It did not come in time.
            ChannelClosedError: The other side is gone.
            MessageTooLongError: It is longer; nothing was allocated for it.
        """
        deadline = time.monotonic() + seconds
        length = int.from_bytes(self._read(_LENGTH_BYTES, deadline))
        if longest is not None and length > longest:
            raise MessageTooLongError(f"a message of {length} bytes, expected at most {longest}")
        return bytes(self._read(length, deadline))

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def _read(self, count: int, deadline: float) -> bytearray:
        content = bytearray(count)
        left = memoryview(content)
        while left:
            left = left[self._step(partial(self._end.recv_into, left), deadline) :]
        return content

    def _step(self, move: Callable[[], int], deadline: float) -> int:
        """Move some bytes, at least one."""
        while time.monotonic() <= deadline:
            # Asked before the attempt: what a process sent before it died is still read.
            alive = self._alive()
            try:
                moved = move()
            except TimeoutError:
                if not alive:
                    raise ChannelClosedError from None
                continue
            except OSError as error:
                raise ChannelClosedError from error
            if not moved:
                raise ChannelClosedError
            return moved
        raise TimeoutError


def pair(alive: Callable[[], bool]) -> tuple[Channel, socket.socket]:
    """A channel of this process, and the socket for the other one (``Channel(socket)`` there)."""
    ours, theirs = socket.socketpair()
    with suppress(OSError):
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    return Channel(ours, alive), theirs
