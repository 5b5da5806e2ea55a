"""The comparison of a population of phantoms with one real CT: measure, match, register, judge, write the report."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bench import registry
from bench.cases.prepare import load_patient, open_dataset, patient_ids
from bench.cli.console import messages, output, print_line, print_table
from bench.cli.progress import show_steps, tracked
from bench.perturb import MtreStartDistribution
from bench.protocol import Protocol, validate
from bench.run.resume import run_or_resume
from bench.score.capture_range import SuccessCurve, fit_success_curve
from bench.score.finished import open_run
from studies.realism.ct_statistics import CtStatistics, ct_statistics
from studies.realism.figures import write_figures
from studies.realism.lines import Line, curve_lines, dimension_line, scalar_lines
from studies.realism.matched import Matched, asides, patients_figure, sentence, write_matched
from studies.realism.matching import Matching, match
from studies.realism.page import HEADINGS, cells, method_notes, verdict, write_page
from studies.realism.request import CompareError, Request
from studies.realism.success import matched_lines, parametric_bootstrap_lines, percentile_rank_lines, success_lines

# Patients whose dimensions are measured, by default.
_DIMENSION_PATIENTS = 12


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A dataset's patients compared with one real CT.

    Attributes:
        request: What is compared with what.
        out: Folder of the runs and the report.
        fresh: Delete the runs of an earlier comparison of the same kind.
    """

    request: Request
    out: Path
    fresh: bool

    def report(self) -> None:
        """Compare, write the report, print its lines."""
        ours, theirs = self.request.protocols()
        pool = self.request.pool_size(ours)
        # What is wrong with the CT is reported before minutes are spent on phantoms.
        _require_spine(theirs)
        [real], statistics = self._statistics(theirs, 1), self._statistics(ours, pool)
        matching = _matching(statistics, real, ours)
        captures = self._captures(ours), self._captures(theirs)
        matched = [] if matching is None else [self._matched(matching, statistics, ours)]
        folder, note = self._folder(), _note(self.request.dataset, ours)
        lines = [
            *success_lines(*captures), *parametric_bootstrap_lines(*captures), *percentile_rank_lines(*captures),
            *(line for each in matched for line in matched_lines(each.matching, each.captures, captures[1])),
            *self._dimension_lines(), *scalar_lines(statistics, real), *curve_lines(statistics, real),
        ]  # fmt: skip
        paths = write_figures(folder, statistics, real, captures, note)
        paths += patients_figure(folder, captures, [found for each in matched for found in each.captures], note)
        paths += [path for each in matched for path in write_matched(folder, each, real, captures[1], note)]
        title = f"{self.request.dataset} against {self.request.ct_name}"
        notes = method_notes(ours, theirs, len(statistics))
        paths += write_page(folder, lines, title=title, notes=notes, asides=asides(matched, real))
        print_table(title, HEADINGS, [cells(line) for line in lines])
        output.print(f"{verdict(lines)}; {len(paths)} files in {folder}", soft_wrap=True, markup=False)

    def _folder(self) -> Path:
        """Of the report; other settings of the dataset have another folder."""
        asked = self.request
        text = json.dumps(asked.settings, sort_keys=True, default=str)
        changed = f"-{hashlib.sha256(text.encode()).hexdigest()[:6]}" if asked.settings else ""
        return self.out / f"compare-{asked.dataset}{changed}-{asked.ct_name}-{asked.profile}"

    def _statistics(self, protocol: Protocol, count: int) -> list[CtStatistics]:
        """Of the first patients of the split."""
        dataset = open_dataset(protocol)
        known = dataset.patient_ids(protocol.data.split)
        if len(known) < count:
            raise CompareError(
                f"{self.request.dataset} has {len(known)} {self.request.split} patients, {count} are wanted; lower "
                "--patients"
            )
        names = [known[index] for index in range(count)]
        measured = tracked(names, f"measuring {protocol.data.settings['source']}")
        return [ct_statistics(name, dataset.patient(name).volume) for name in measured]

    def _matched(self, matching: Matching, statistics: Sequence[CtStatistics], ours: Protocol) -> Matched:
        """The same protocol on the matched patients alone."""
        resolved = ours.model_dump(mode="json", exclude_none=True)
        resolved["data"]["settings"]["only"] = sorted(matching.chosen)
        captures = self._captures(validate(resolved, source="matched patients"))
        return Matched(matching=matching, statistics=statistics, captures=captures)

    def _captures(self, protocol: Protocol) -> list[SuccessCurve]:
        """Run the protocol, or continue its run, and fit the success of every method."""
        distribution = protocol.start.used
        if not isinstance(distribution, MtreStartDistribution):
            raise CompareError(f"protocol {protocol.name} must start at stated distances (kind = 'mtre')")
        run = open_run(run_or_resume(protocol, self.out, fresh=self.fresh, show=show_steps, report=print_line).folder)
        return [fit_success_curve(run.scores, label, limit_mm=distribution.mtre_mm[1]) for label in run.labels]

    def _dimension_lines(self) -> list[Line]:
        """Dimensions against published ranges, where the dataset has both."""
        module = registry.module("datasets", self.request.dataset).__name__
        try:
            dimensions: Any = import_module(f"{module}.dimensions")
        except ModuleNotFoundError:
            return []
        dataset = self.request.opened()
        known = dataset.patient_ids(self.request.split)
        names = [known[index] for index in range(self.request.patients or _DIMENSION_PATIENTS)]
        patients = (dataset.patient(name) for name in tracked(names, "measuring dimensions"))
        found = [dimensions.measured(each) for each in patients if each.landmarks]
        return dimension_lines(found, dimensions.published(), dimensions.described)


def dimension_lines(
    found: Sequence[Mapping[tuple[str, str], float]],
    ranges: Mapping[tuple[str, str], tuple[float, float]],
    described: Callable[[str], str],
) -> list[Line]:
    """One line a dimension: of all levels and patients at least 95 % within the published mean +- 2 SD.

    Args:
        found: Measured sizes by dimension and level, one table a patient.
        ranges: Published lower and upper end by dimension and level.
        described: Makes the printed name of a dimension.
    """
    names = dict.fromkeys(name for name, _ in ranges)
    lines: list[Line] = []
    for name in names:
        levels = {level: span for (each, level), span in ranges.items() if each == name}
        sizes = {level: [each[name, level] for each in found if (name, level) in each] for level in levels}
        if any(sizes.values()):
            lines.append(dimension_line(described(name), sizes, levels))
    return lines


def _require_spine(theirs: Protocol) -> None:
    """Prepare the CT as the run will: labels, box and region are used for the first time.

    Raises:
        FluorobenchError: No lumbar spine in the labels or the box.
    """
    dataset = open_dataset(theirs)
    load_patient(theirs, dataset, patient_ids(theirs, dataset)[0])


def _matching(statistics: Sequence[CtStatistics], real: CtStatistics, ours: Protocol) -> Matching | None:
    """The patients that resemble the CT: chosen and printed before any registration."""
    if len(statistics) == ours.data.patients:
        messages.print("no patients are matched to the CT: the pool holds no more patients than are compared")
        return None
    found = match(statistics, real, count=ours.data.patients)
    print_line(sentence(found))
    return found


def _note(dataset: str, protocol: Protocol) -> str:
    spacing = " x ".join(f"{size:g}" for size in protocol.data.settings["spacing_mm"])
    return f"{dataset} on voxels of {spacing} mm."
