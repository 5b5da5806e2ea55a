"""Simulated images of a case: rendered or formed at the true pose, with what was drawn for them written down."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bench.contract import Image, View
from bench.drr import project, project_siddon
from bench.geometry import Matrix
from bench.perturb import generator
from bench.protocol import Protocol
from bench.run.acquired import require_finite
from bench.run.neighbours import with_neighbours
from bench.run.staging import StagedPatient
from bench.xray import (
    Appearance,
    Degradation,
    Formation,
    ImagingConditions,
    LowDose,
    Materials,
    form_image,
    photon_noise,
)


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedView:
    """A view with its image, and the strengths drawn for it; None where the protocol draws none."""

    view: View
    drawn: dict[str, float] | None


def simulate_view(
    protocol: Protocol,
    staged: StagedPatient,
    truth: Matrix,
    *,
    case_id: str,
    number: int,
    recorded: Mapping[str, float] | None = None,
) -> SimulatedView:
    """Make the image of one view.

    Args:
        protocol: How.
        staged: Of whom.
        truth: rig_from_world, 4x4, mm.
        case_id: Names the random numbers.
        number: Of the view.
        recorded: Strengths to repeat, as they were written down; None = draw them.
    """
    view, noise = staged.views[number], generator(protocol.seed, "noise", case_id, number)
    pose, target = view.camera_from_rig @ truth, protocol.target
    staged, drawn = with_neighbours(protocol, staged, case_id, recorded)
    made = view
    if staged.materials is not None and target.formation is not None:
        conditions = _scene(target.appearance, staged, generator(protocol.seed, "scene", case_id, number), recorded)
        made = _provenance(view, staged.materials, pose, target.formation, noise=noise, conditions=conditions)
        drawn |= {} if target.appearance is None else conditions.record()
    else:
        image = _line_integrals(protocol, staged, view, pose)
        # Before the noise, whose law knows no such number.
        require_finite(f"the simulated X-ray of {case_id}", (replace(view, image=image),))
        made = replace(view, image=image if target.photons is None else photon_noise(image, target.photons, noise))
    if target.low_dose is not None and made.image is not None:
        random = generator(protocol.seed, "low dose", case_id, number)
        degradation = _degradation(target.low_dose, random, recorded)
        made = replace(made, image=target.low_dose.on_line_integrals(made.image, degradation))
        drawn |= degradation.record()
    require_finite(f"the simulated X-ray of {case_id}", (made,))
    return SimulatedView(made, drawn or None)


def _scene(
    law: Appearance | None,
    staged: StagedPatient,
    random: np.random.Generator,
    recorded: Mapping[str, float] | None,
) -> ImagingConditions:
    if law is None:
        return ImagingConditions()
    return (
        law.draw(random, staged.moving.content_corners())
        if recorded is None
        else ImagingConditions.from_record(recorded)
    )


def _degradation(law: LowDose, random: np.random.Generator, recorded: Mapping[str, float] | None) -> Degradation:
    return law.draw(random) if recorded is None else Degradation.from_record(recorded)


def _provenance(
    view: View,
    materials: Materials,
    pose: Matrix,
    formation: Formation,
    *,
    noise: np.random.Generator,
    conditions: ImagingConditions,
) -> View:
    """The formed image; behind a collimator stands the median of what is before it, as for real X-rays."""
    image, valid = form_image(materials, pose, view.camera, formation, noise, conditions), conditions.valid(view.camera)
    if valid is not None:
        image = np.where(valid, image, np.median(image[valid])).astype(np.float32)
    return replace(view, image=image, valid=valid)


def _line_integrals(protocol: Protocol, staged: StagedPatient, view: View, pose: Matrix) -> Image:
    if protocol.target.kernel == "siddon":
        image: Image = project_siddon(staged.target, pose[None], view.camera)[0].astype(np.float32)
    else:
        image = project(staged.target, pose[None], view.camera)[0, 0].numpy()
    return image
