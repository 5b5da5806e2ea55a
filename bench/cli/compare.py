"""``fluorobench info DATASET --compare CT``: is a population near enough to a real CT?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from bench.cli.console import messages, output, print_table
from bench.cli.progress import progress_bar, tracked
from bench.errors import FluorobenchError

if TYPE_CHECKING:
    from bench.contract import Dataset, Split
    from bench.protocol import Protocol
    from bench.report.matched import Matched
    from bench.run.execute import Progress
    from bench.score.capture import Capture
    from bench.score.finished import ScoredRun
    from bench.score.likeness import Look
    from bench.score.likeness_lines import Line
    from bench.score.matching import Matching
    from bench.volume import Volume

Settings: TypeAlias = dict[str, Any]
Box: TypeAlias = tuple[float, float, float, float, float, float]

MIN_PATIENTS = 3
# Cases of the CT for each that a phantom gets: it is one patient against many, and with four the noise of its own 50 %
# point (18.6 and 24.2 mm with 48 and 192 cases) decided a criterion of 25 %.
_CT_CASES = 16
# Phantoms looked at for each that is matched.
_POOL_A_MATCH = 8


class CompareError(FluorobenchError):
    """A comparison that cannot be made."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A dataset's patients beside one real CT.

    Attributes:
        dataset: Plug-in name.
        settings: Its settings.
        ct: File of HU, or folder of DICOM slices.
        labels: Label map on the CT's grid, or None.
        label_scheme: Its numbering.
        box: Corners of L1 to L5, LPS mm, for a CT without labels.
        patients: How many of the dataset; None = as many as the protocol has.
        pool: Patients looked at, of whom as many as ``patients`` are matched to the CT; 0 = nobody is matched; None =
            eight for each, or all there are.
        split: Which of its splits.
        profile: Of the protocol ``realism``.
        out: Where runs and the report are kept.
        fresh: Throw away what earlier runs of the same comparison left.
    """

    dataset: str
    settings: Settings
    ct: Path
    labels: Path | None
    label_scheme: str | None
    box: Box | None
    patients: int | None
    pool: int | None
    split: "Split"
    profile: str
    out: Path
    fresh: bool

    def __post_init__(self) -> None:
        if self.labels is None and self.box is None:
            raise CompareError("where is the lumbar spine? give --labels with --label-scheme, or --box round L1 to L5")
        if self.pool is not None and self.pool < 0:
            raise CompareError(f"a pool has at least 0 patients; got --pool {self.pool}")
        if self.patients is not None and self.patients < MIN_PATIENTS:
            raise CompareError(f"a population has at least {MIN_PATIENTS} patients; got --patients {self.patients}")

    def report(self) -> None:
        """Compare, write the report, print its lines."""
        from bench.report.likeness import write_figures
        from bench.report.likeness_page import HEADINGS, cells, method_notes, verdict, write_page
        from bench.report.matched import asides, patients_figure, write_matched
        from bench.score.likeness_lines import curve_lines, scalar_lines
        from bench.score.likeness_success import matched_lines, stand_in_lines, standing_lines, success_lines

        ours, theirs = self.protocols()
        pool = self.pool_size(ours)
        # What is wrong with the CT is said before minutes are spent on phantoms.
        self._require_spine(theirs)
        real, looks = self._looks(theirs, 1)[0], self._looks(ours, pool)
        matching = self._matching(looks, real, ours)
        captures = self._captures(ours), self._captures(theirs)
        matched = [] if matching is None else [self._matched(matching, looks, ours)]
        version, note = self._version, self._note(ours)
        which = self.dataset if version is None else f"{self.dataset}-v{version}"
        folder = self.out / f"compare-{which}-{self._name}-{self.profile}"
        lines = [*success_lines(*captures), *stand_in_lines(*captures), *standing_lines(*captures)]
        lines += [line for each in matched for line in matched_lines(each.matching, each.captures, captures[1])]
        lines += [*self._dimension_lines(), *scalar_lines(looks, real), *curve_lines(looks, real)]
        paths = write_figures(folder, looks, real, captures, note)
        paths += patients_figure(folder, captures, [found for each in matched for found in each.captures], note)
        paths += [path for each in matched for path in write_matched(folder, each, real, captures[1], note)]
        title, notes = f"{self.dataset} against {self._name}", method_notes(ours, theirs, len(looks))
        paths += write_page(folder, lines, title=title, notes=notes, asides=asides(matched, real))
        print_table(title, HEADINGS, [cells(line) for line in lines])
        output.print(f"{verdict(lines)}; {len(paths)} files in {folder}", soft_wrap=True, markup=False)

    @property
    def _name(self) -> str:
        from bench.registry import build

        if (self.ct.stem.removesuffix(".nii")).lower() not in ("ct", "image", "volume"):
            return str(build("datasets", "ct_file", {"volume": str(self.ct)}).patient_ids(self.split)[0])
        return self.ct.resolve().parent.name

    def protocols(self) -> "tuple[Protocol, Protocol]":
        """The same protocol on the dataset and on the CT: one grid, one definition of bone."""
        from bench.protocol import load_protocol

        common = self._common()
        over: Settings = {"settings": {**common, "source": self.dataset, "settings": self.settings}}
        if self.patients is not None:
            over["patients"] = self.patients
        ours = load_protocol("realism", self.profile, {"data": {**over, "split": str(self.split)}})
        ct = {**common, "source": "ct_file", "settings": self._ct(), **self._box()}
        starts = {"per_patient": _CT_CASES * ours.start.per_patient}
        data = {"settings": ct, "patients": 1}
        return ours, load_protocol("realism", self.profile, {"data": data, "start": starts})

    def _ct(self) -> Settings:
        chosen = {"volume": str(self.ct.resolve()), "id": self._name}
        if self.labels is not None:
            chosen["labels"] = str(self.labels.resolve())
        return chosen | ({} if self.label_scheme is None else {"label_scheme": self.label_scheme})

    def _common(self) -> Settings:
        """Grid and definition of bone that both can have: the coarser spacing of the two along each axis."""
        import numpy as np

        # The CT first: what is wrong with it is said before a phantom is made.
        real = self._real()
        dataset: Dataset = _build(self.dataset, self.settings)
        first = dataset.patient(dataset.patient_ids(self.split)[0]).volume
        spacing = np.max([_spacing_lps(volume.affine) for volume in (real, first)], axis=0)
        return {
            "spacing_mm": [round(float(size), 4) for size in spacing],
            "bone": "threshold" if self.labels is None else "labels",
        }

    def _real(self) -> "Volume":
        """The CT as it is.

        Raises:
            FluorobenchError: A file that cannot be read, no CT in HU, or no lumbar spine where labels or box say that
                it is.
        """
        volume = _build("ct_file", self._ct()).patient(self._name).volume
        if (lowest := float(volume.hu.min())) >= 0:
            raise CompareError(
                f"{self.ct}: expected a CT in HU, with fat or air below 0; its lowest value is {lowest:g}; "
                "give the CT itself, no label map"
            )
        grid: Any = _build("common_grid", {"source": "ct_file", "settings": self._ct(), **self._box()})
        grid.lumbar_box(volume)
        return volume

    def _box(self) -> Settings:
        return {} if self.box is None else {"box": [self.box[:3], self.box[3:]]}

    def pool_size(self, ours: "Protocol") -> int:
        """How many patients are looked at: more than those to be matched, or just the protocol's.

        Raises:
            CompareError: A pool too small to choose from, or larger than the split.
        """
        chosen, known = ours.data.patients, len(_build(self.dataset, self.settings).patient_ids(self.split))
        if self.pool is None:
            size = min(_POOL_A_MATCH * chosen, known)
            return size if size > chosen else chosen
        if 0 < self.pool <= chosen:
            raise CompareError(
                f"{chosen} patients are chosen from a pool of more; got --pool {self.pool} (0 leaves matching out)"
            )
        if self.pool > known:
            raise CompareError(f"{self.dataset} has {known} {self.split} patients; got --pool {self.pool}")
        return self.pool or chosen

    def _require_spine(self, theirs: "Protocol") -> None:
        """Stage the CT as the run will: labels, box and region are used for the first time.

        Raises:
            FluorobenchError: No lumbar spine where labels or box say that it is.
        """
        from bench.run.staging import open_dataset, patient_ids, stage_patient

        dataset = open_dataset(theirs)
        stage_patient(theirs, dataset, patient_ids(theirs, dataset)[0])

    def _looks(self, protocol: "Protocol", count: int) -> "list[Look]":
        """Of the first patients of the split."""
        from bench.run.staging import open_dataset
        from bench.score.likeness import look

        dataset = open_dataset(protocol)
        known = dataset.patient_ids(protocol.data.split)
        if len(known) < count:
            raise CompareError(
                f"{self.dataset} has {len(known)} {self.split} patients, {count} are wanted; lower --patients"
            )
        chosen = tracked([known[index] for index in range(count)], f"looking at {protocol.data.settings['source']}")
        return [look(name, dataset.patient(name).volume) for name in chosen]

    def _matching(self, looks: "Sequence[Look]", real: "Look", ours: "Protocol") -> "Matching | None":
        """Who resembles the CT: settled and printed before anybody is registered."""
        from bench.report.matched import sentence
        from bench.score.matching import match

        if len(looks) == ours.data.patients:
            messages.print("nobody is matched to the CT: the pool holds no more patients than are compared")
            return None
        found = match(looks, real, count=ours.data.patients)
        messages.print(sentence(found), markup=False, soft_wrap=True)
        return found

    def _matched(self, matching: "Matching", looks: "Sequence[Look]", ours: "Protocol") -> "Matched":
        """The same protocol on the matched patients alone."""
        from bench.protocol import validate
        from bench.report.matched import Matched

        resolved = ours.model_dump(mode="json", exclude_none=True)
        resolved["data"]["settings"]["only"] = sorted(matching.chosen)
        captures = self._captures(validate(resolved, source="matched patients"))
        return Matched(matching=matching, looks=looks, captures=captures)

    def _captures(self, protocol: "Protocol") -> "list[Capture]":
        from bench.perturb import MtreStartDistribution
        from bench.score.capture import capture

        law = protocol.start.used
        if not isinstance(law, MtreStartDistribution):
            raise CompareError(f"protocol {protocol.name} must start at stated distances (kind = 'gold')")
        run = _run(protocol, self.out, fresh=self.fresh)
        return [capture(run.scores, label, limit_mm=law.mtre_mm[1]) for label in run.labels]

    def _dimension_lines(self) -> "list[Line]":
        """Dimensions against published ranges, where the dataset has both."""
        from bench import registry

        module = registry.module("datasets", self.dataset).__name__
        try:
            dimensions: Any = import_module(f"{module}.dimensions")
        except ModuleNotFoundError:
            return []
        dataset: Dataset = _build(self.dataset, self.settings)
        known = dataset.patient_ids(self.split)
        patients = [dataset.patient(known[index]) for index in range(self.patients or MIN_PATIENTS * 4)]
        found = [dimensions.measured(each) for each in patients if each.landmarks]
        return _dimension_lines(found, dimensions.published(), dimensions.described)

    def _note(self, protocol: "Protocol") -> str:
        spacing = " x ".join(f"{size:g}" for size in protocol.data.settings["spacing_mm"])
        version = "" if self._version is None else f" version {self._version}"
        return f"{self.dataset}{version} on voxels of {spacing} mm."

    @property
    def _version(self) -> int | None:
        """Of the dataset's generator, where it has several: reports of two never overwrite each other."""
        version: int | None = getattr(_build(self.dataset, self.settings), "version", None)
        return version


def _dimension_lines(
    found: Sequence[Mapping[tuple[str, str], float]],
    ranges: Mapping[tuple[str, str], tuple[float, float]],
    described: Callable[[str], str],
) -> "list[Line]":
    """One line a dimension: of all levels and patients at least 95 % within the published mean +- 2 SD."""
    from bench.score.likeness_lines import dimension_line

    names = dict.fromkeys(name for name, _ in ranges)
    lines: list[Line] = []
    for name in names:
        levels = {level: span for (each, level), span in ranges.items() if each == name}
        sizes = {level: [each[name, level] for each in found if (name, level) in each] for level in levels}
        if any(sizes.values()):
            lines.append(dimension_line(described(name), sizes, levels))
    return lines


def _run(protocol: "Protocol", out: Path, *, fresh: bool) -> "ScoredRun":
    """Run or resume the protocol."""
    from bench.run.environment import code_hash, describe_environment
    from bench.run.execute import Execution
    from bench.run.journal import Journal
    from bench.run.parts import weights_used
    from bench.score.finished import open_run

    journal = Journal.of(out, protocol)
    if journal.complete and not fresh:
        journal.refuse_others(code_hash(), weights_used(protocol))
        messages.print(f"already complete: {journal.folder}")
    else:
        execution = Execution(protocol)
        _show(execution.pose)
        journal = Journal.open(out, protocol, describe_environment(), fresh=fresh)
        _show(lambda: execution.register(journal))
    return open_run(journal.folder)


def _show(steps: "Callable[[], Iterator[Progress]]") -> None:
    with progress_bar() as bar:
        for step in steps():
            bar.show(step.phase, step.done, step.total, step.what)


def _build(name: str, settings: Settings) -> "Dataset":
    from bench import registry

    dataset: Dataset = registry.build("datasets", name, settings)
    return dataset


def _spacing_lps(affine: Any) -> Any:
    """Voxel edges along x, y, z: of the axis that runs most along each."""
    import numpy as np

    edges = np.linalg.norm(affine[:3, :3], axis=0)
    return edges[np.abs(affine[:3, :3] / edges).argmax(axis=1)]
