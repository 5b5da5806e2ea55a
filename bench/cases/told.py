"""What methods are given in place of the true camera and the true CT, where a protocol tells them otherwise."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from bench.cases.prepare import PreparedPatient, moving_of
from bench.contract import View
from bench.perturb import Told, generator
from bench.protocol import Protocol
from bench.volume import Volume


def told_volume(protocol: Protocol, prepared: PreparedPatient) -> Volume:
    """The moving volume as methods are given it; the true one where nothing else is told."""
    told = protocol.told
    if told is None or told.same_volume:
        return prepared.moving
    return _told_volume(prepared, told)


def told_views(protocol: Protocol, patient_id: str, views: Sequence[View]) -> tuple[View, ...]:
    """The views with the cameras that methods are told: one error a patient and view, as of one calibration."""
    told = protocol.told
    if told is None:
        return tuple(views)
    return tuple(
        replace(view, camera=told.camera(view.camera, generator(protocol.seed, "told", patient_id, number)))
        for number, view in enumerate(views)
    )


# Cases of one condition follow each other: a method prepares once for the volume that they share.
@lru_cache(maxsize=2)
def _told_volume(prepared: PreparedPatient, told: Told) -> Volume:
    return moving_of(prepared.scene, told.volume(prepared.patient.volume))
