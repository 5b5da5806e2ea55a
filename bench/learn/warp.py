"""Augmentation of patients: other anatomies from one patient by a linear map."""

from dataclasses import replace
from typing import TypeVar

from bench.cases.prepare import PreparedPatient
from bench.drr import AttenuationMap
from bench.geometry import Matrix, compose
from bench.xray import Materials

P = TypeVar("P", bound=PreparedPatient)


def warped(patient: P, linear: Matrix) -> P:
    """Another patient made of this one: x -> centre + linear (x - centre), a 3x3 near the identity.

    Scalings make larger and smaller patients, shears other postures, rotations other positions; the nominal pose stays
    where it is. Intensities stay, so that bone does not change its density. ``patient.patient`` is not warped.
    """
    centre = patient.frame.centre
    move = compose(linear, centre - linear @ centre)
    moving_map = _moved(patient.moving_map, move)
    target = moving_map if patient.target is patient.moving_map else _moved(patient.target, move)
    tissues = patient.materials
    materials = None if tissues is None else Materials(_moved(tissues.soft, move), _moved(tissues.bone, move))
    moving = replace(patient.moving, affine=move @ patient.moving.affine)
    return replace(patient, moving=moving, moving_map=moving_map, target=target, materials=materials)


def _moved(attenuation: AttenuationMap, move: Matrix) -> AttenuationMap:
    return AttenuationMap(attenuation.mu, move @ attenuation.affine)
