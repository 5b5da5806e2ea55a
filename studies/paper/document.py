"""The LaTeX document: what was run, then every table and figure with what is comparable."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.report.latex import escape
from bench.run.journal import Journal
from bench.run.seals import finished_at
from studies.paper.items import Item
from studies.paper.runs import Made

_HEAD = r"""\documentclass[10pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage[margin=18mm]{geometry}
\usepackage{booktabs,graphicx,standalone,pdflscape}
\setlength{\parindent}{0pt}\setlength{\parskip}{6pt}
\newsavebox{\fluorobenchtable}\newsavebox{\fitted}
% As wide as it is; reduced where the line or the page is shorter.
\newcommand{\fit}[1]{%
  \ifdim\wd\fitted>\linewidth\sbox{\fitted}{\resizebox{\linewidth}{!}{\usebox{\fitted}}}\fi
  \ifdim\dimexpr\ht\fitted+\dp\fitted>#1\sbox{\fitted}{\resizebox*{!}{#1}{\usebox{\fitted}}}\fi
  \usebox{\fitted}\par}
\newcommand{\fluorobenchinput}[1]{\sbox{\fitted}{\input{#1}}\fit{0.85\textheight}}
\newcommand{\fluorobenchfigure}[1]{\sbox{\fitted}{\includegraphics{#1}}\fit{0.75\textheight}}
\begin{document}
"""


@dataclass(frozen=True, slots=True)
class Content:
    """An item with our files.

    Attributes:
        item: Of a paper.
        files: Paths of .tex tables or .pdf figures.
        lacking: Why there are none; empty where there are.
    """

    item: Item
    files: tuple[Path, ...]
    lacking: str = ""


def content(items: Sequence[Item], runs: Mapping[str, Made]) -> list[Content]:
    """Find the files of every item."""
    return [_content(each, None if each.protocol is None else runs[each.protocol]) for each in items]


def _content(item: Item, made: Made | None) -> Content:
    if made is None or made.lacking:
        return Content(item, (), "not made here" if made is None else made.lacking)
    folder, ending = ("tables", "tex") if item.is_table else ("figures", "pdf")
    found = [path for pattern in item.files for path in sorted((made.folder / folder).glob(f"{pattern}.{ending}"))]
    files = tuple(dict.fromkeys(found))
    return Content(item, files, "" if files else "the run wrote none: its rows or weights are not there")


def write_document(contents: Sequence[Content], runs: Mapping[str, Made], folder: Path) -> Path:
    """Write ``paper.tex`` with copies of its tables and figures.

    Args:
        contents: In the order of the document.
        runs: By protocol.
        folder: Empty.

    Returns:
        The path of ``paper.tex``.
    """
    for each in {path for one in contents for path in one.files}:
        (folder / each.parent.name).mkdir(exist_ok=True)
        shutil.copyfile(each, folder / each.parent.name / each.name)
    body = [part for each in contents for part in _part(each)]
    text = "".join([_HEAD, *_front(contents, runs), *body, "\\end{document}\n"])
    path = folder / "paper.tex"
    path.write_text(text, encoding="utf-8")
    return path


def _front(contents: Sequence[Content], runs: Mapping[str, Made]) -> Iterator[str]:
    yield "{\\Large\\bfseries Tables and figures of SOPI and LGFF-Reg, ours beside the published}\\par\n"
    yield (
        "Written by fluorobench from the runs below. Each item states what of it is comparable with the paper. "
        "Drawings of the methods are left out.\\par\n"
    )
    yield "\\begin{tabular}{@{}lll@{}}\\toprule\nPaper & Item & Ours \\\\ \\midrule\n"
    for each in contents:
        ours = each.lacking or f"{len(each.files)} of run {runs[each.item.protocol or ''].folder.name}"
        cells = (
            escape(each.item.paper),
            escape(each.item.number),
            f"\\parbox[t]{{9.5cm}}{{\\raggedright {escape(ours)}}}",
        )
        yield f"{' & '.join(cells)} \\\\\n"
    yield "\\bottomrule\\end{tabular}\\par\n"
    for protocol, made in runs.items():
        state = made.lacking or _state(made.folder)
        yield f"\\textbf{{{escape(protocol)}}}: {escape(state)}.\\par\n"
    yield "\\clearpage\n"


def _state(folder: Path) -> str:
    """Run, machine, versions and rows that were skipped."""
    journal = Journal.existing(folder)
    environment, protocol = journal.environment, journal.protocol
    skipped = dict.fromkeys(each.label for each in journal.each_estimate() if each.outcome == "skipped")
    left = f"; not trained or otherwise skipped: {', '.join(skipped)}" if skipped else ""
    return (
        f"{folder.name}, {protocol.profile} profile, {len(journal.problems())} cases, "
        f"ended {finished_at(folder):%Y-%m-%d %H:%M} UTC, commit {environment.commit or 'not stated'}, "
        f"{environment.processor}, {environment.threads} thread(s){left}"
    )


def _part(part: Content) -> Iterator[str]:
    """Heading and files; tables are wide, so that their pages are turned."""
    turned = part.item.is_table and bool(part.files)
    yield "\\begin{landscape}\n" if turned else ""
    yield f"\\section*{{{escape(part.item.paper)}: {escape(part.item.number)}}}\n"
    yield f"{{\\small {escape(part.item.said)}}}\\par\n"
    if part.lacking:
        yield f"\\textbf{{Not in this document: {escape(part.lacking)}.}}\\par\n"
    command = "fluorobenchinput" if part.item.is_table else "fluorobenchfigure"
    for path in part.files:
        yield f"\\{command}{{{path.parent.name}/{path.name}}}\n\\bigskip\n"
    yield "\\end{landscape}\n" if turned else "\\clearpage\n" if part.files else ""
