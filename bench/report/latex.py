"""LaTeX of a table: needs only the classes and packages ``standalone`` and ``booktabs``."""

import re
from collections.abc import Sequence
from itertools import groupby

_SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "±": r"$\pm$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "∞": r"$\infty$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "°": r"$^\circ$",
    "µ": r"$\mu$",
    "–": "--",
    "—": "---",
    "−": "$-$",
    "…": r"\ldots{}",
    # Behind the end of a line they would be taken for its spacing, and vanish.
    "[": "{[}",
    "*": "{*}",
}

# A hyphen before a number, or between two names, is a minus.
_MINUS = re.compile(r"(?<![^\s\[(,])-(?=\d)|(?<=\s)-(?=\s)")

_HEAD = r"""% Compiles by itself (pdflatex). To include it: \usepackage{standalone,booktabs} and \input this file;
% where it is too wide, \resizebox{\linewidth}{!}{\input{...}} with graphicx.
\documentclass[border=8pt]{standalone}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage{booktabs}
\begin{document}%
\ifdefined\fluorobenchtable\else\newsavebox{\fluorobenchtable}\fi
\begin{lrbox}{\fluorobenchtable}%
"""


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands: its own signs escaped, line breaks flattened, what it cannot set named."""
    return "".join(_escape_sign(sign) for sign in " ".join(text.split()))


def with_minus(text: str) -> str:
    """Text whose hyphens before numbers and between names are minuses."""
    return _MINUS.sub("−", text)


def _escape_sign(sign: str) -> str:
    if sign in _SIGNS:
        return _SIGNS[sign]
    # Accented Latin letters are in every encoding; other scripts would stop the compilation.
    printable = " " <= sign <= "~" or ("À" <= sign <= "ÿ" and sign not in "ÐðÞþ÷")
    return sign if printable else rf"\texttt{{U+{ord(sign):04X}}}"


def render_latex(
    *,
    headings: Sequence[str],
    groups: Sequence[str],
    cells: Sequence[Sequence[str]],
    bold: Sequence[Sequence[bool]],
    caption: str,
    notes: Sequence[str],
    sides: str,
) -> str:
    """The document of a table; ``sides`` holds l or r for each column; text of any kind is escaped here."""
    lines = [_HEAD.rstrip("\n"), rf"\begin{{tabular}}{{@{{}}{sides}@{{}}}}", r"\toprule"]
    if any(groups):
        lines += group_lines(groups)
    lines += [heading_row(headings, sides), r"\midrule"]
    for texts, marks in zip(cells, bold, strict=True):
        set_right = [escape(with_minus(text)) for text in texts]
        printed = [bold_text(text) if mark else text for text, mark in zip(set_right, marks, strict=True)]
        lines.append(" & ".join(printed) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}%", r"\end{lrbox}%", *_framed(caption, notes), r"\end{document}"]
    return "\n".join(lines) + "\n"


def _framed(caption: str, notes: Sequence[str]) -> list[str]:
    """The table with caption above and notes below, all as wide as the table."""
    below = [rf"\par\vspace{{2pt}}{escape(note)}" for note in notes]
    return [
        r"\begin{minipage}{\wd\fluorobenchtable}%",
        rf"{{\small {escape(caption)}\par}}\vspace{{6pt}}%",
        r"\usebox{\fluorobenchtable}\par\vspace{4pt}%",
        r"{\footnotesize\raggedright",
        *below,
        r"\par}%",
        r"\end{minipage}%",
    ]


def bold_text(text: str) -> str:
    """LaTeX set in bold, its signs included."""
    return rf"\textbf{{{text}}}".replace(r"$\pm$", r"$\mathbf{\pm}$")


def heading_row(headings: Sequence[str], sides: str) -> str:
    """Headings, their lines stacked and set against the bottom."""
    stacked: list[str] = []
    for heading, side in zip(headings, sides, strict=True):
        parts = [escape(part) for part in heading.split("\n")]
        inner = r"\\".join(parts)
        stacked.append(rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}{inner}\end{{tabular}}" if len(parts) > 1 else inner)
    return " & ".join(stacked) + r" \\"


def group_lines(groups: Sequence[str]) -> list[str]:
    """Names above neighbouring columns, and the rules below them."""
    cells: list[str] = []
    rules: list[str] = []
    start = 1
    for group, members in groupby(groups):
        width = len(list(members))
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(group)}}}" if group else " & ".join([""] * width))
        if group:
            rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    return [" & ".join(cells) + r" \\", "".join(rules)]
