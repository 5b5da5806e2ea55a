"""What was run on what: machine, versions, patients, cases, weights and cards, as groups of names and texts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import registry
from bench.cases.records import PatientRecord
from bench.errors import FluorobenchError
from bench.protocol import Protocol
from bench.report.page.data import name
from bench.run.environment import Environment
from bench.run.journal import Journal
from bench.text import one_line

# Of names listed one after another.
_LISTED = 40
_SENTENCE = 600


@dataclass(frozen=True, slots=True)
class Group:
    """Facts under a heading.

    Attributes:
        title: The heading.
        facts: Names and texts.
        mono: Whether the texts are hashes and versions.
        wide: Whether the texts are sentences.
    """

    title: str
    facts: list[tuple[str, str]]
    mono: bool = False
    wide: bool = False


def provenance(journal: Journal) -> list[Group]:
    """All groups of a run."""
    protocol, environment = journal.protocol, journal.environment
    return [
        Group("Run", _run(journal, protocol, environment)),
        Group("Machine", _machine(environment)),
        Group("Patients", _patients(journal.patients())),
        Group("Methods", list(_methods(protocol)), wide=True),
        Group("Versions", sorted(environment.versions.items()), mono=True),
        Group("Weights", [(_tail(path), digest) for path, digest in sorted(environment.weights.items())], mono=True),
    ]


def _run(journal: Journal, protocol: Protocol, environment: Environment) -> list[tuple[str, str]]:
    hashes = sorted({each.perturbation_hash for each in journal.each_problem()})
    return [
        ("Protocol", f"{name(protocol.name)}, profile {name(protocol.profile)}: {one_line(protocol.title, _SENTENCE)}"),
        ("Folder", journal.folder.resolve().name),
        ("Commit", environment.commit or "not of a checkout"),
        ("Hash of the code", environment.code_hash),
        ("Hash of the cases", ", ".join(hashes)),
        ("Seed", str(protocol.seed)),
    ]


def _machine(environment: Environment) -> list[tuple[str, str]]:
    threads = "not stated" if environment.threads is None else str(environment.threads)
    return [
        ("Processor", f"{environment.processor} ({environment.machine}), {environment.cores} cores"),
        ("Threads of a method", threads),
        ("System", environment.system),
        ("Python", environment.python),
        ("Reference kernel", f"{1000 * environment.reference_kernel_seconds:.2f} ms of processor time"),
    ]


def _patients(patients: Sequence[PatientRecord]) -> list[tuple[str, str]]:
    found = [(name(each.patient_id), f"{each.dataset}, {each.patient_hash}") for each in patients[:_LISTED]]
    rest = len(patients) - len(found)
    return [*found, ("and further", f"{rest:,} patients")] if rest else found


def _methods(protocol: Protocol) -> Iterator[tuple[str, str]]:
    for method in protocol.methods:
        preset = f", preset {method.preset}" if method.preset else ""
        settings = ", ".join(f"{key} = {value}" for key, value in method.settings.items())
        own = f"{method.plugin}{preset}{'; ' + settings if settings else ''}"
        yield name(method.label), one_line(f"{_card(method.plugin)} [{own}]", _SENTENCE)


def _card(plugin: str) -> str:
    """What the plug-in says of itself; a run is reported without its code, too."""
    try:
        card = registry.card("methods", plugin)
    except (FluorobenchError, ImportError):
        return "plug-in not installed here"
    return f"{card.title}. {card.source}; licence {card.licence}"


def _tail(path: str) -> str:
    """Folder and file: what lies above is of one machine."""
    return "/".join(Path(path).parts[-2:])
