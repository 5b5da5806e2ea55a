"""The regression gate's verdicts as files: JSON for programs, JUnit XML for CI systems, Markdown to read."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from bench.report.tables import escape_markdown, pipe
from bench.score.regression import Change
from bench.score.verdicts import Judgement, Kind, Verdict, passed, summary
from bench.text import one_line

_SKIPPED = (Kind.KNOWN_FAILURE, Kind.NOT_COMPARED)
HEADS = ("verdict", "method", "case", "what", "baseline", "now")


def gate_json(judged: Sequence[Judgement]) -> str:
    """Everything, for other programs: ``passed``, ``summary`` and, by run, every verdict with its changes."""
    runs = [
        {
            "protocol": one.protocol,
            "processor": one.processor,
            "threads": one.threads,
            "baseline_repeats": one.repeats,
            "verdicts": [_as_dict(each) for each in one.verdicts],
        }
        for one in judged
    ]
    return json.dumps({"passed": passed(judged), "summary": summary(judged), "runs": runs}, indent=1) + "\n"


def gate_junit(judged: Sequence[Judgement]) -> str:
    """JUnit XML: a suite a run, a test case a registration; known failures and rows not compared are skipped."""
    root = ElementTree.Element("testsuites", name="fluorobench check")
    for one in judged:
        suite = ElementTree.SubElement(root, "testsuite", name=_xml(one.protocol))
        for each in one.verdicts:
            _add_case(suite, one.protocol, each)
        _count(suite, one.verdicts)
    _count(root, [each for one in judged for each in one.verdicts])
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def gate_markdown(judged: Sequence[Judgement]) -> str:
    """The summary, what fails, and what else is worth a look."""
    failing = [each for one in judged for each in one.verdicts if each.kind.fails]
    better = [each for one in judged for each in one.verdicts if each.kind is Kind.BETTER]
    parts = ["## Regression gate", escape_markdown(summary(judged)), *_runs(judged)]
    parts += ["### Got worse", _table(failing)] if failing else []
    parts += ["### Got better", _table(better)] if better else []
    for kind in (Kind.NEW, Kind.KNOWN_FAILURE, Kind.NOT_COMPARED):
        if names := cases_by_label(judged, kind):
            parts.append(f"{kind.value.capitalize()}: {escape_markdown(names)}")
    return "\n\n".join(parts) + "\n"


def cases_by_label(judged: Sequence[Judgement], kind: Kind) -> str:
    """The methods with a kind of verdict and the number of their cases; empty without any."""
    count: dict[str, int] = {}
    for one in judged:
        for each in one.registrations:
            if each.kind is kind:
                name = f"{each.label} ({one.protocol.partition('/')[0]})"
                count[name] = count.get(name, 0) + 1
    return ", ".join(f"{name} x {number}" for name, number in count.items())


def lines_of(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str, str, str, str, str]]:
    """One a change, as ``verdict, method, case, what, baseline, now``; one without changes states its reason."""
    for each in verdicts:
        for change in each.changes or (Change(each.label, each.case_id, each.reason, "", ""),):
            yield each.kind.value, each.label, each.case_id, change.what, change.before, change.now


def _as_dict(each: Verdict) -> dict[str, Any]:
    changes = [{name: getattr(change, name) for name in ("what", "before", "now")} for change in each.changes]
    return {**asdict(each), "kind": each.kind.value, "fails": each.kind.fails, "changes": changes}


def _add_case(suite: ElementTree.Element, protocol: str, each: Verdict) -> None:
    name = f"{each.label}: {each.case_id}"
    case = ElementTree.SubElement(suite, "testcase", name=_xml(name), classname=_xml(protocol))
    told = "; ".join([*(_told(change) for change in each.changes), *([each.reason] if each.reason else [])])
    if each.kind.fails:
        failure = ElementTree.SubElement(case, "failure", type=each.kind.value, message=_xml(told))
        failure.text = _xml(told)
    elif each.kind in _SKIPPED:
        ElementTree.SubElement(case, "skipped", message=_xml(": ".join(filter(None, (each.kind.value, told)))))
    elif each.kind is not Kind.SAME:
        ElementTree.SubElement(case, "system-out").text = _xml(": ".join(filter(None, (each.kind.value, told))))


def _count(element: ElementTree.Element, verdicts: Sequence[Verdict]) -> None:
    element.set("tests", str(len(verdicts)))
    element.set("failures", str(sum(each.kind.fails for each in verdicts)))
    element.set("skipped", str(sum(each.kind in _SKIPPED for each in verdicts)))
    element.set("errors", "0")


def _told(change: Change) -> str:
    return f"{change.what}: {change.before} in the baseline, {change.now} now"


def _xml(text: str) -> str:
    """Text that XML can hold: ElementTree escapes the rest."""
    return one_line(text)


def _runs(judged: Sequence[Judgement]) -> list[str]:
    lines = [
        f"* {escape_markdown(one.protocol)} on {escape_markdown(one.processor)}, {one.threads} thread(s): "
        + (f"baseline of {one.repeats} run(s)" if one.repeats else "no baseline of this processor")
        for one in judged
    ]
    return ["\n".join(lines)]


def _table(verdicts: Sequence[Verdict]) -> str:
    return "\n".join([pipe(HEADS), pipe(["---"] * len(HEADS), escape=False), *map(pipe, lines_of(verdicts))])
