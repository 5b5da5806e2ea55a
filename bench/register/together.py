"""Many registrations in step: each runs as it would alone, but what they render at the same time is one call.

Registrations take turns, one at a time, on threads that serve as coroutines; each runs until it needs images. When all
wait, those that asked for the same volume, camera and kind of image are answered by one projector call. What a ray sums
does not depend on what else is in the call, so every answer has the bits of the one found alone.
"""

import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch

from bench.contract import Estimate
from bench.drr import AttenuationMap, project, project_with_jacobian
from bench.geometry import Camera, Matrix

_Images: TypeAlias = tuple[torch.Tensor, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """Images of poses (n, 4, 4); with derivatives about ``centre`` unless it is None."""

    attenuation: AttenuationMap
    poses: Matrix
    camera: Camera
    centre: Matrix | None

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for requests that one projector call can answer."""
        camera, centre = self.camera, self.centre
        about = None if centre is None else np.asarray(centre, dtype=np.float64).tobytes()
        return id(self.attenuation), camera.height, camera.width, camera.K.tobytes(), about

    def answer(self, poses: Matrix) -> _Images:
        """Render these poses."""
        if self.centre is None:
            return (project(self.attenuation, poses, self.camera),)
        return project_with_jacobian(self.attenuation, poses, self.camera, self.centre)


class _Turn:
    """One registration on its thread, which runs only while ``resume`` waits for it."""

    def __init__(self, work: Callable[[], Estimate]) -> None:
        self._work, self._go, self._back = work, threading.Semaphore(0), threading.Semaphore(0)
        self.request: _Request | None = None
        self._result: Estimate | Exception | None = None
        self._reply: _Images | Exception = ()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def resume(self, reply: _Images | Exception = ()) -> None:
        """Let it run until it asks for images or ends."""
        self._reply, self.request = reply, None
        self._go.release()
        self._back.acquire()
        if self.request is None:
            self._thread.join()

    def ask(self, request: _Request) -> _Images:
        """Called on its thread: wait for images."""
        self.request = request
        self._back.release()
        self._go.acquire()
        if isinstance(self._reply, Exception):
            raise self._reply
        return self._reply

    def found(self) -> Estimate:
        """The answer, or raise what was raised instead."""
        if not isinstance(self._result, Estimate):
            raise self._result or RuntimeError("a registration ended without an answer")
        return self._result

    def _run(self) -> None:
        self._go.acquire()
        _TURN.set(self)
        try:
            self._result = self._work()
        except Exception as error:  # its own affair: the others go on
            self._result = error
        self._back.release()


_TURN: ContextVar[_Turn | None] = ContextVar("turn", default=None)


def images(attenuation: AttenuationMap, poses: Matrix, camera: Camera) -> torch.Tensor:
    """As ``bench.drr.project``; one call with those of the registrations that are in step with this one."""
    return _answered(_Request(attenuation, poses, camera, None))[0]


def images_with_jacobian(
    attenuation: AttenuationMap, poses: Matrix, camera: Camera, centre: Matrix
) -> tuple[torch.Tensor, torch.Tensor]:
    """As ``bench.drr.project_with_jacobian``, in step as ``images``."""
    rendered, slopes = _answered(_Request(attenuation, poses, camera, centre))
    return rendered, slopes


def _answered(request: _Request) -> _Images:
    turn = _TURN.get()
    return request.answer(request.poses) if turn is None else turn.ask(request)


def in_step(registrations: Sequence[Callable[[], Estimate]]) -> list[Estimate]:
    """Run registrations that render by ``images`` and ``images_with_jacobian``.

    Args:
        registrations: Each finds one pose. They may share nothing that they change.

    Returns:
        What each found, without times by phase: each waited for the others.

    Raises:
        Exception: What the first of them raised, once all have ended.
    """
    turns = [_Turn(work) for work in registrations]
    for turn in turns:
        turn.resume()
    while waiting := [(turn, turn.request) for turn in turns if turn.request is not None]:
        groups: dict[tuple[Any, ...], list[tuple[_Turn, _Request]]] = {}
        for turn, request in waiting:
            groups.setdefault(request.key, []).append((turn, request))
        for group in groups.values():
            _serve(group)
    return [replace(turn.found(), seconds={}) for turn in turns]


def _serve(group: list[tuple[_Turn, _Request]]) -> None:
    """Answer one group by one call; where that cannot be done, each by its own, so that one's error is its own."""
    ends = np.cumsum([len(request.poses) for _, request in group]).tolist()
    try:
        together = group[0][1].answer(np.concatenate([request.poses for _, request in group]))
    except Exception:  # a pose that cannot be projected is one registration's
        for turn, request in group:
            turn.resume(_alone(request))
        return
    for (turn, _), first, end in zip(group, [0, *ends], ends, strict=False):
        turn.resume(tuple(each[first:end] for each in together))


def _alone(request: _Request) -> _Images | Exception:
    try:
        return request.answer(request.poses)
    except Exception as error:  # raised again where the images were asked for
        return error
