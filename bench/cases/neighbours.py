"""A patient whose bones have moved between CT and X-ray: drawn for each case; the registered ones do not move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.cases.prepare import PreparedPatient, materials_of, target_of
from bench.cases.scene import Scene
from bench.geometry import Matrix
from bench.perturb import NeighbourError, generator, neighbour_motions
from bench.volume import Volume
from bench.volume.articulate import articulate, structure_centre
from bench.volume.labels import LUMBAR, bone_numbers, present, scheme

# Name of what moves as one, in records.
_BODY = "body"


@dataclass(frozen=True, slots=True, eq=False)
class MovedPatient:
    """A patient as one case's X-ray shows it.

    Attributes:
        prepared: With the target of the case.
        drawn: The motions, as they are recorded.
        pose_change: 4x4, world mm: ``target`` is rendered at rig_from_world @ this, where the registered bones, as the
            target holds them, lie at rig_from_world.
    """

    prepared: PreparedPatient
    drawn: dict[str, float]
    pose_change: Matrix = field(default_factory=lambda: np.eye(4))


def with_neighbours(
    scene: Scene,
    prepared: PreparedPatient,
    seed: int,
    case_id: str,
    recorded: Mapping[str, float] | None = None,
) -> MovedPatient:
    """The patient as this case's X-ray shows it; the patient itself where the scene moves nothing.

    Args:
        scene: With or without ``neighbours``.
        prepared: The patient as the CT shows it.
        seed: The protocol's.
        case_id: Names the random numbers.
        recorded: Recorded motions to repeat; None = draw them.

    Raises:
        NeighbourError: No labelled bone lies beside the registered ones.
    """
    motion = scene.neighbours
    if motion is None:
        return MovedPatient(prepared, {})
    whole, names = prepared.patient.volume, neighbour_names(scene, prepared)
    centres = (
        {_BODY: prepared.frame.centre} if motion.together else {name: structure_centre(whole, name) for name in names}
    )
    record = motion.draw(generator(seed, "neighbours", case_id), list(centres)) if recorded is None else recorded
    motions = neighbour_motions(record, centres)
    drawn = {key: number for key, number in record.items() if key.startswith("neighbour_")}
    if not motion.together:
        return MovedPatient(_showing(scene, prepared, articulate(whole, motions)), drawn)
    back: Matrix = np.asarray(np.linalg.inv(motions[_BODY]), dtype=np.float64)
    moved = articulate(whole, dict.fromkeys(_registered(scene, prepared, names), back))
    return MovedPatient(_showing(scene, prepared, moved), drawn, motions[_BODY])


def _showing(scene: Scene, prepared: PreparedPatient, moved: Volume) -> PreparedPatient:
    target = target_of(scene, moved)
    return replace(prepared, target=target, materials=materials_of(scene, target, moved))


def _registered(scene: Scene, prepared: PreparedPatient, others: Sequence[str]) -> list[str]:
    """The labelled bones of the region that are not among the others."""
    wanted = {name.casefold() for name in (LUMBAR if scene.region == "lumbar" else (scene.region,))}
    return [name for name in present(prepared.patient.volume) if name.casefold() in wanted and name not in others]


def neighbour_names(scene: Scene, prepared: PreparedPatient) -> list[str]:
    """The labelled bones of a CT that move, by name: all but the registered ones, or but ``neighbours.still``.

    Raises:
        NeighbourError: There is none, or no bone of that name to stay.
    """
    volume, region = prepared.patient.volume, scene.region
    one = "" if scene.neighbours is None else scene.neighbours.still
    still = {name.casefold() for name in ((one,) if one else LUMBAR if region == "lumbar" else (region,))}
    bones, numbers = bone_numbers(volume), scheme(volume.label_scheme or "verse")
    named = [name for name in present(volume) if numbers.get(name) in bones]
    found = [name for name in named if name.casefold() not in still]
    if one and one.casefold() not in {name.casefold() for name in named}:
        raise NeighbourError(
            f"target.neighbours.still must name a labelled bone of {prepared.id}: {', '.join(named)}; got {one!r}"
        )
    if (region == "whole" and not one) or not found:
        raise NeighbourError(
            f"target.neighbours moves labelled bones beside data.region {region!r}; the CT of {prepared.id} has "
            f"{', '.join(named) or 'no labelled bone'}; choose a vertebra or 'lumbar' of a labelled CT"
        )
    return found
