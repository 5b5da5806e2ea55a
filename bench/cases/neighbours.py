"""A patient whose bones have moved between CT and X-ray: drawn for each case; the registered ones do not move."""

from collections.abc import Mapping
from dataclasses import replace

from bench.cases.prepare import PreparedPatient, materials_of, target_of
from bench.cases.scene import Scene
from bench.perturb import NeighbourError, generator, neighbour_motions
from bench.volume.articulate import articulate, structure_centre
from bench.volume.labels import LUMBAR, bone_numbers, present, scheme


def with_neighbours(
    scene: Scene,
    prepared: PreparedPatient,
    seed: int,
    case_id: str,
    recorded: Mapping[str, float] | None = None,
) -> tuple[PreparedPatient, dict[str, float]]:
    """The patient as this case's X-ray shows it, and what was drawn; the patient itself where the scene moves none.

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
        return prepared, {}
    names = neighbour_names(scene, prepared)
    record = motion.draw(generator(seed, "neighbours", case_id), names) if recorded is None else recorded
    whole = prepared.patient.volume
    moved = articulate(whole, neighbour_motions(record, {name: structure_centre(whole, name) for name in names}))
    target = target_of(scene, moved)
    drawn = {key: number for key, number in record.items() if key.startswith("neighbour_")}
    return replace(prepared, target=target, materials=materials_of(scene, target, moved)), drawn


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
