"""``python -m studies.torture PART --out DIR``."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from studies.torture import kills, training
from studies.torture.outcomes import counted, publish


@dataclass(frozen=True, kw_only=True)
class Kills:
    """Kill runs at random moments in every phase, give the command again, and compare."""

    out: Path = Path("runs/torture")
    """Folder of rows and tables."""

    count: int = 100
    """Kills."""

    profile: str = "quick"
    """Size of the run: smoke (4 registrations) or quick (10)."""

    def __call__(self) -> None:
        """Do those that are not there yet."""
        rows = kills.campaign(self.out.resolve(), self.count, self.profile)
        by = [{**row, "group": f"{row['phase']}, {row['kind']}"} for row in rows]
        publish(self.out, "kills", ("phase, kind", "kills", *kills.OUTCOMES), counted(by, "group", kills.OUTCOMES))


@dataclass(frozen=True, kw_only=True)
class Training:
    """Kill trainings at random moments in every phase, give the command again, and compare."""

    out: Path = Path("runs/torture")
    """Folder of rows and tables."""

    count: int = 60
    """Kills."""

    def __call__(self) -> None:
        """Do those that are not there yet."""
        rows = training.campaign(self.out.resolve(), range(self.count))
        by = [{**row, "group": f"{row['phase']}, {row['kind']}"} for row in rows]
        lines = counted(by, "group", training.OUTCOMES)
        publish(self.out, "training", ("phase, kind", "kills", *training.OUTCOMES), lines)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Damage small valid files of every format, and give them to their readers."""

    out: Path = Path("runs/torture")
    """Folder of rows and tables."""

    count: int = 10_000
    """Inputs."""

    only: tuple[str, ...] = ()
    """Kinds of inputs; all if not given."""

    def __call__(self) -> None:
        """Read those that were not read yet."""
        from studies.torture.inputs.campaign import OUTCOMES, campaign

        rows = campaign(self.out.resolve(), self.count, self.only)
        publish(self.out, "inputs", ("input", "files", *OUTCOMES), counted(rows, "form", OUTCOMES))


@dataclass(frozen=True, kw_only=True)
class Methods:
    """Run a method that commits one fault a case, and print what becomes of each."""

    out: Path = Path("runs/torture")
    """Folder of the run and the table."""

    def __call__(self) -> None:
        """Run it, or continue."""
        from studies.torture.methods import COLUMNS, campaign, faults

        names, preparing = faults()
        publish(self.out, "methods", COLUMNS, campaign(self.out.resolve(), names, preparing))


@dataclass(frozen=True, kw_only=True)
class Disk:
    """Run on disks that fill up or cannot be written to, mend them, and give the command again; mounts small disks."""

    out: Path = Path("runs/torture")
    """Folder of rows and tables."""

    def __call__(self) -> None:
        """Do those that are not there yet."""
        from studies.torture.disk import campaign

        rows = campaign(self.out.resolve())
        lines = [(row["fault"], row["outcome"], row["note"]) for row in rows]
        publish(self.out, "disk", ("fault", "outcome", "what was said"), lines)


if __name__ == "__main__":
    tyro.cli(Kills | Training | Methods | Disk | Inputs)()  # pyright: ignore
