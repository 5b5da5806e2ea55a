"""A patient whose bones have moved between CT and X-ray: drawn by case; the registered ones stand."""

from collections.abc import Mapping
from dataclasses import replace

from bench.perturb import NeighbourError, generator, neighbour_motions
from bench.protocol import Protocol
from bench.run.staging import StagedPatient, see
from bench.volume.articulate import articulate, structure_centre
from bench.volume.labels import LUMBAR, bone_numbers, present, scheme


def with_neighbours(
    protocol: Protocol, staged: StagedPatient, case_id: str, recorded: Mapping[str, float] | None = None
) -> tuple[StagedPatient, dict[str, float]]:
    """The patient as this case's X-ray sees it, and what was drawn; the patient itself where the protocol moves none.

    Args:
        protocol: With or without ``target.neighbours``.
        staged: The patient as the CT shows it.
        case_id: Names the random numbers.
        recorded: Motions to repeat, as they were written down; None = draw them.

    Raises:
        NeighbourError: No labelled bone stands beside the registered ones.
    """
    law = protocol.target.neighbours
    if law is None:
        return staged, {}
    names = neighbour_names(protocol, staged)
    record = law.draw(generator(protocol.seed, "neighbours", case_id), names) if recorded is None else recorded
    whole = staged.patient.volume
    motions = neighbour_motions(record, {name: structure_centre(whole, name) for name in names})
    target, materials = see(protocol, articulate(whole, motions))
    drawn = {key: number for key, number in record.items() if key.startswith("neighbour_")}
    return replace(staged, target=target, materials=materials), drawn


def neighbour_names(protocol: Protocol, staged: StagedPatient) -> list[str]:
    """The labelled bones of a CT that are not registered, by name.

    Raises:
        NeighbourError: There is none.
    """
    volume, region = staged.patient.volume, protocol.data.region
    still = {name.casefold() for name in (LUMBAR if region == "lumbar" else (region,))}
    bones, numbers = bone_numbers(volume), scheme(volume.label_scheme or "verse")
    named = [name for name in present(volume) if numbers.get(name) in bones]
    found = [name for name in named if name.casefold() not in still]
    if region == "whole" or not found:
        raise NeighbourError(
            f"target.neighbours moves labelled bones beside data.region {region!r}; the CT of {staged.patient.id} has "
            f"{', '.join(named) or 'no labelled bone'}; choose a vertebra or 'lumbar' of a labelled CT"
        )
    return found
