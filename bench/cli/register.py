"""``fluorobench register`` and ``fluorobench reference``."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from bench.cli.calibration import print_fits
from bench.cli.case import CaseArguments
from bench.cli.console import messages, output, print_table
from bench.cli.progress import progress_bar
from bench.cli.settings import setting
from bench.single.trust import MEANING, USABLE, Trust, in_words

if TYPE_CHECKING:
    from bench.contract import Problem
    from bench.report.registration_page import Registered
    from bench.single.reference import ReferencePose
    from bench.xray.case import XrayCase

Six = tuple[float, float, float, float, float, float]
SEARCH: Six = (15.0, 15.0, 15.0, 30.0, 30.0, 60.0)
NEAR: Six = (10.0, 10.0, 10.0, 15.0, 15.0, 30.0)
# Exit status of ``register`` where it does not trust a pose.
NOT_TRUSTED = 3
# A pixel at the rim is no content that has left.
_WHOLE = 0.99
CONVENTION = "x_cam = Rx Ry Rz R_start (x_world - c) + c_start + (tx, ty, tz); the volume moves, LPS mm, degrees"


@dataclass(frozen=True, kw_only=True)
class Register(CaseArguments):
    """Register a CT to X-rays of your own: prints the pose, writes an overlay and a JSON."""

    method: str = "opt_sgc"
    """A method (see ``fluorobench list``)."""

    set: tuple[str, ...] = ()
    """Settings of the method as field=value, such as weights=runs/train/lgff_reg/weights."""

    start: str = "header"
    """Where to begin: header (positioner angles), AP, PA, LATERAL (with --depth-mm), calibration (where it gives a pose
    in the CT's coordinates), or a .json or .toml file of a pose, such as start writes."""

    depth_mm: float | None = None
    """Distance from source to the centre of the volume, for AP, PA, LATERAL, or a header without it."""

    search: Six = SEARCH
    """Half-widths of the search range about the start: 3 angles (degrees), 3 translations (mm)."""

    content: str = "bone"
    """Content of the CT to register: bone, the name of a label, everything, or body: for images in which bone hardly
    stands out, such as megavolt portal images."""

    region: str = "whole"
    """Part of the CT: whole, or the name of a label (the vertebra that a network of this patient was trained for)."""

    margin_mm: float = 4.0
    """Margin around the region."""

    box: Six | None = None
    """Crop the CT first: lower x y z, upper x y z, LPS mm; as in train --box for your own weights."""

    seed: int = 0
    """Seed of the method's random numbers."""

    check: bool = True
    """Search again by a second similarity from other starts, which the verdict on the pose rests on."""

    sequence: bool = False
    """Register frames in turn, each from the pose of the last one; --xray (or file in the case file) names one folder,
    or one file with --frame, for each camera."""

    dicom: bool = False
    """Write every pose as a DICOM Spatial Registration object, too."""

    out: Path = Path("registration")
    """Folder for the results: JSON, overlay, CSV table and an HTML report."""

    def __call__(self) -> None:
        """Register; exit status 3 where a pose is not trusted."""
        from bench import registry
        from bench.cli.results import write_results, write_summary
        from bench.cli.sequence import moments, next_problem

        registry.load("methods", self.method)
        cases = moments(self) if self.sequence else [("registration", self.read())]
        messages.print("reading the CT and the X-rays")
        problem = self._problem(cases[0][1])
        # Before the search: an hour of it is lost where its answer cannot be written.
        self.out.mkdir(parents=True, exist_ok=True)
        _warn_of_geometry(problem)
        print_fits(cases[0][1])
        registered = list["Registered"]()
        for number, (name, case) in enumerate(cases):
            if number > 0:
                messages.print(f"{name}: frame {number + 1} of {len(cases)}", markup=False)
                problem = next_problem(problem, registered, case)
            found = self._registered(name, case, problem)
            registered.append(found)
            _print(found.found)
            ct = case.tables.ct
            write_results(self.out, found, ct=case.path(ct.volume), series=ct.series, dicom=self.dicom)
            write_summary(self.out, registered)
        if not all(each.found["verdict"]["trust"] in USABLE for each in registered):
            raise SystemExit(NOT_TRUSTED)

    def _problem(self, case: "XrayCase") -> "Problem":
        from bench.single.problem import build_problem

        return build_problem(
            case,
            content=self.content,
            region=self.region,
            margin_mm=self.margin_mm,
            box=self.box,
            start=self.start,
            depth_mm=self.depth_mm,
            search=self.search,
            seed=self.seed,
        )

    def _registered(self, name: str, case: "XrayCase", problem: "Problem") -> "Registered":
        """Register one frame under a progress bar, and judge the answer."""
        from bench.cli.results import write_overlay, write_pose
        from bench.report.registration_page import Registered
        from bench.single.answer import agreement, answer, described
        from bench.single.verdict import assess, settings_for

        settings = settings_for(self.method, dict(setting(each) for each in self.set), check=self.check)
        with progress_bar() as bar:
            # A search that is sure of its answer ends earlier than at the count that it may go to.
            estimate = answer(
                problem, self.method, settings, watch=partial(bar.show, f"{self.method}, poses (at most)")
            )
        write_pose(self.out, name, estimate.pose, method=self.method)
        write_overlay(self.out, name, problem, estimate.pose)
        if self.check:
            messages.print("checking the pose by a second similarity")
        assessed = assess(problem, estimate, self.method, settings, check=self.check)
        if not np.array_equal(assessed.estimate.pose, estimate.pose):
            messages.print("the check found a better pose: it takes the place of the first one")
            write_overlay(self.out, name, problem, assessed.estimate.pose)
        found = described(problem, assessed.estimate, self.method)
        found["verdict"] = assessed.written()
        found["agreement"] = agreement(problem, assessed.estimate.pose, case.reference())
        found["calibration_fit"] = case.fits()
        return Registered(name, problem, assessed.estimate.pose, found)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Find a reference pose of a case by two independent similarities from several starts; states its uncertainty."""

    case: Annotated[Path, tyro.conf.Positional]
    """Case file (TOML). Use two views or more: one view determines depth weakly."""

    start: str = "header"
    """As for register; the case file itself may be given where it has a reference."""

    depth_mm: float | None = None
    """Distance from source to the centre of the volume, for AP, PA, LATERAL, or a header without it."""

    search: Six = NEAR
    """Half-widths of the search range about the start: 3 angles (degrees), 3 translations (mm); start near."""

    content: str = "bone"
    """Content of the CT to register: bone, body, everything, or the name of a label."""

    starts: int = 12
    """Largest number of starts per similarity; fewer if three of them end at the best pose."""

    similarities: tuple[str, str] = ("sgc", "lncc")
    """Two different similarities; the pose of the first one is the reference."""

    seed: int = 0
    """Seed of starts and searches."""

    out: Path = Path("reference")
    """Folder for the results."""

    def __call__(self) -> None:
        """Search and write reference.toml."""
        from bench.cli.results import write_found, write_overlay
        from bench.single.answer import agreement
        from bench.single.problem import build_problem
        from bench.xray.case import read_case

        case = read_case(self.case)
        problem = build_problem(
            case,
            content=self.content,
            start=self.start,
            depth_mm=self.depth_mm,
            search=self.search,
            seed=self.seed,
        )
        self.out.mkdir(parents=True, exist_ok=True)
        _warn_of_depth(problem)
        print_fits(case)
        found = self._search(problem)
        _write_toml(self.out / "reference.toml", found)
        description = _reference(found)
        description["agreement"] = agreement(problem, found.first.pose, case.reference())
        description["calibration_fit"] = case.fits()
        _print_reference(found)
        _print_agreement(description["agreement"])
        write_found(self.out, "reference", description)
        write_overlay(self.out, "reference", problem, found.first.pose)

    def _search(self, problem: "Problem") -> "ReferencePose":
        """Search under a bar; after an interruption the same command continues from the journal."""
        from bench.single.reference import find_reference

        with progress_bar() as bar:
            return find_reference(
                problem,
                starts=self.starts,
                similarities=self.similarities,
                journal=self.out / "starts.jsonl",
                tell=lambda step: bar.show("searching", step.done, step.total, step.what),
            )


def _warn_of_geometry(problem: "Problem") -> None:
    from bench.single.plausible import doubtful

    for doubt in doubtful(problem):
        messages.print(f"warning: {doubt}", markup=False, soft_wrap=True)
    _warn_of_depth(problem)


def _warn_of_depth(problem: "Problem") -> None:
    from bench.single.depth import depth_half_width, leaves_depth_open

    if leaves_depth_open(problem):
        half = depth_half_width(problem, problem.start)
        views = "one view determines" if len(problem.views) == 1 else "these views, nearly along one beam, determine"
        messages.print(f"{views} depth to about {half:.0f} mm only: trust the pose along the beam least")


def _print(found: dict[str, Any]) -> None:
    rows = [(name, f"{value:.3f}") for name, value in found["theta_from_start"].items()]
    print_table(f"pose by {found['method']}: {found['outcome']}", ("theta", "from the start"), rows)
    output.print(CONVENTION, markup=False, soft_wrap=True)
    output.print("rig_from_world:", *(str([round(x, 6) for x in row]) for row in found["rig_from_world"]), sep="\n")
    if "absent" in found["dicom"]:
        output.print(f"no DICOM positioner angles: {found['dicom']['absent']}", markup=False, soft_wrap=True)
    else:
        dicom = [(name, _rounded(value)) for name, value in found["dicom"].items()]
        print_table(
            "as DICOM positioner angles (lossy: in-plane turn and shift are lost)", ("attribute", "value"), dicom
        )
    for number, share in enumerate(found["content_seen"], start=1):
        if share < _WHOLE:
            output.print(
                f"view {number}: {100 * (1 - share):.0f} % of the content's surface lies beyond the image or its "
                "border; the pose rests on the rest of it",
                markup=False,
                soft_wrap=True,
            )
    _print_agreement(found["agreement"])
    _print_verdict(found["verdict"])


def _print_verdict(verdict: dict[str, Any]) -> None:
    trust = Trust(verdict["trust"])
    output.print(
        *in_words(verdict),
        f"verdict: {trust.upper()} - {MEANING[trust]}",
        *(f"  {each}" for each in verdict["reasons"]),
        sep="\n",
        markup=False,
        soft_wrap=True,
    )


def _rounded(value: float | list[float]) -> str:
    numbers = value if isinstance(value, list) else [value]
    return ", ".join(f"{each:.3f}" for each in numbers)


def _print_agreement(agreement: dict[str, dict[str, float]]) -> None:
    for name, apart in agreement.items():
        output.print(f"agreement with the {name} (not accuracy): {_distances(apart)}", markup=False, soft_wrap=True)


def _distances(distances: dict[str, float]) -> str:
    return ", ".join(f"{key} {value:.2f}" for key, value in distances.items())


def _reference(found: "ReferencePose") -> dict[str, Any]:
    both = {
        name: {
            "similarity": each.similarity,
            "rig_from_world": each.pose.tolist(),
            "starts": each.starts,
            "agreeing": each.agreeing,
            "spread": each.spread,
        }
        for name, each in (("first", found.first), ("second", found.second))
    }
    return {
        "rig_from_world": found.first.pose.tolist(),
        "confirmed": found.confirmed,
        "doubts": list(found.doubts),
        "uncertainty": found.uncertainty,
        "between": found.between,
        **both,
    }


def _print_reference(found: "ReferencePose") -> None:
    rows = [
        (each.similarity, f"{each.agreeing} of {each.starts}", *(f"{value:.2f}" for value in each.spread.values()))
        for each in (found.first, found.second)
    ]
    heading = ("similarity", "starts within 2 mm of its best", *(f"spread: {key}" for key in found.between))
    print_table("reference", heading, rows)
    output.print(f"between the two: {_distances(found.between)}", markup=False, soft_wrap=True)
    output.print(f"uncertainty: {_distances(found.uncertainty)}", markup=False, soft_wrap=True)
    for doubt in found.doubts:
        output.print(f"NOT confirmed: {doubt}", markup=False, soft_wrap=True)
    if found.doubts:
        output.print("begin nearer (--start, --search), raise --starts, or use two views", markup=False, soft_wrap=True)


def _write_toml(path: Path, found: "ReferencePose") -> None:
    import tomli_w

    from bench.files import write_text

    table = {
        "pose": found.first.pose.tolist(),
        "uncertainty_mm": found.uncertainty["mtre_mm"],
        "uncertainty": found.uncertainty,
        "other_pose": found.second.pose.tolist(),
        "found_by": [found.first.similarity, found.second.similarity],
        "confirmed": found.confirmed,
    }
    output.print(f"written: {write_text(path, tomli_w.dumps({'reference': table}))}", markup=False, soft_wrap=True)
