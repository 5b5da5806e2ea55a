"""``fluorobench register`` and ``fluorobench reference``."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from bench.cli.case import CaseWords
from bench.cli.console import messages, output, print_table

if TYPE_CHECKING:
    from bench.contract import Problem
    from bench.geometry import Matrix
    from bench.run.reference import Reference as FoundReference

Six = tuple[float, float, float, float, float, float]
SEARCH: Six = (15.0, 15.0, 15.0, 30.0, 30.0, 60.0)
CONVENTION = "x_cam = Rx Ry Rz R_start (x_world - c) + c_start + (tx, ty, tz); the volume moves, LPS mm, degrees"


@dataclass(frozen=True, kw_only=True)
class Register(CaseWords):
    """Register a CT to X-rays of your own: prints the pose, writes an overlay and a JSON."""

    method: str = "opt_sgc"
    """A method (see ``fluorobench list``)."""

    start: str = "header"
    """Where to begin: header (positioner angles), AP, PA, LATERAL (with --depth-mm), or a .json or .toml of a pose."""

    depth_mm: float | None = None
    """Source to the volume's centre, for AP, PA and LATERAL."""

    search: Six = SEARCH
    """Half-widths about the start that hold the pose: degrees x 3, mm x 3."""

    content: str = "bone"
    """Of the CT: bone, body, everything, or a label's name."""

    seed: int = 0
    """Of the method's random numbers."""

    out: Path = Path("registration")
    """Folder of the results."""

    def __call__(self) -> None:
        """Register."""
        from bench.run.single import agreement, answer, described, pose_problem

        case = self.read()
        messages.print("reading the CT and the X-rays")
        problem = pose_problem(
            case,
            content=self.content,
            start=self.start,
            depth_mm=self.depth_mm,
            search=self.search,
            seed=self.seed,
        )
        with messages.status(f"{self.method} is searching"):
            estimate = answer(problem, self.method)
        found = described(problem, estimate, self.method)
        found["agreement"] = agreement(problem, estimate.pose, case.reference())
        _print(found)
        _write(self.out, "registration", problem, estimate.pose, found)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Find a reference pose of a case: several starts, two independent similarities; states what it is good for."""

    case: Annotated[Path, tyro.conf.Positional]
    """A case file (TOML); two views or more make a reference that deserves the name."""

    start: str = "header"
    """As for register; a case that has a reference may name its own file."""

    depth_mm: float | None = None
    """Source to the volume's centre, for AP, PA and LATERAL."""

    search: Six = SEARCH
    """Half-widths about the start: degrees x 3, mm x 3."""

    content: str = "bone"
    """Of the CT: bone, body, everything, or a label's name."""

    starts: int = 4
    """For each similarity."""

    seed: int = 0
    """Of starts and searches."""

    out: Path = Path("reference")
    """Folder of the results."""

    def __call__(self) -> None:
        """Search and write reference.toml."""
        from bench.run.reference import find_reference
        from bench.run.single import agreement, pose_problem
        from bench.xray.case import read_case

        case = read_case(self.case)
        problem = pose_problem(
            case,
            content=self.content,
            start=self.start,
            depth_mm=self.depth_mm,
            search=self.search,
            seed=self.seed,
        )
        if len(problem.views) == 1:
            messages.print("one view determines depth weakly: the pose along the beam is no reference")
        for step in find_reference(problem, starts=self.starts):
            if isinstance(step, str):
                messages.print(step)
            else:
                found = _reference(step)
                found["agreement"] = agreement(problem, step.first.pose, case.reference())
                _print_reference(step)
                _write(self.out, "reference", problem, step.first.pose, found)
                _write_toml(self.out / "reference.toml", step)


def _print(found: dict[str, Any]) -> None:
    rows = [(name, f"{value:.3f}") for name, value in found["theta_from_start"].items()]
    print_table(f"pose by {found['method']}: {found['outcome']}", ("theta", "from the start"), rows)
    output.print(CONVENTION, markup=False, soft_wrap=True)
    output.print("rig_from_world:", *(str([round(x, 6) for x in row]) for row in found["rig_from_world"]), sep="\n")
    dicom = [(name, str(value)) for name, value in found["dicom"].items()]
    print_table("as DICOM positioner angles (lossy: in-plane turn and shift are lost)", ("attribute", "value"), dicom)
    for name, apart in found["agreement"].items():
        told = ", ".join(f"{key} {value:.2f}" for key, value in apart.items())
        output.print(f"agreement with the {name} (not accuracy): {told}", markup=False, soft_wrap=True)


def _reference(found: "FoundReference") -> dict[str, Any]:
    each = {
        "similarity": {"first": found.first.similarity, "second": found.second.similarity},
        "spread_mm": {"first": found.first.spread_mm, "second": found.second.spread_mm},
    }
    poses = {"rig_from_world": found.first.pose.tolist(), "other_rig_from_world": found.second.pose.tolist()}
    return {**poses, **each, "between": found.between_mm, "uncertainty_mm": found.uncertainty_mm}


def _print_reference(found: "FoundReference") -> None:
    rows = [
        (each.similarity, f"{each.agreeing} of {each.starts}", f"{each.spread_mm:.2f}")
        for each in (found.first, found.second)
    ]
    print_table("reference", ("similarity", "starts within 2 mm of the best", "median mTRE to the best (mm)"), rows)
    told = ", ".join(f"{key} {value:.2f}" for key, value in found.between_mm.items())
    output.print(f"between the two: {told}; uncertainty {found.uncertainty_mm:.2f} mm", markup=False, soft_wrap=True)


def _write_toml(path: Path, found: "FoundReference") -> None:
    import tomli_w

    from bench.report.files import write_text

    table = {
        "pose": found.first.pose.tolist(),
        "uncertainty_mm": found.uncertainty_mm,
        "other_pose": found.second.pose.tolist(),
    }
    output.print(f"written: {write_text(path, tomli_w.dumps({'reference': table}))}", markup=False, soft_wrap=True)


def _write(folder: Path, name: str, problem: "Problem", pose: "Matrix", found: dict[str, Any]) -> None:
    from bench.report.files import write_text
    from bench.report.registration import registration_picture, write_picture

    folder.mkdir(parents=True, exist_ok=True)
    written = [
        write_text(folder / f"{name}.json", json.dumps(found, indent=1)),
        write_picture(folder / f"{name}.png", registration_picture(problem, pose)),
    ]
    for path in written:
        output.print(f"written: {path}", markup=False, soft_wrap=True)
