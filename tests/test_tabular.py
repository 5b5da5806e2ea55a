"""The bare table for a paper: aligned at the point, one column wide, without a caption, with booktabs alone."""

import re
from pathlib import Path

import pytest

from bench.report.tables import Table, TableRow
from bench.report.tabular import aligned
from bench.score.column import Column

from .test_report import compile_latex

Row = tuple[str, float | None, float, int]
ROWS: tuple[Row, ...] = (
    ("Opt-GC \\& 50 %", 0.01, 0.5, 1234),
    ("Nelder-Mead", 12.5, 1.25, 7),
    ("Other_method", None, 100.0, 12),
)
PAPER = r"""\documentclass[twocolumn]{article}
\usepackage{booktabs}
\begin{document}
\begin{table}\caption{MY CAPTION}\centering\input{tabular/small.tex}\end{table}
\begin{table}\caption{MY SECOND}\centering\input{tabular/wide.tex}\end{table}
\end{document}
"""


def mean_std(name: str) -> Column[Row]:
    return Column(
        name=name,
        further=(f"{name}_std",),
        heading=f"{name.capitalize()}\n(mm)",
        compute=lambda row: (row[1], row[2]),
        template="{} ± {}",
        group="Ours",
        best=True,
    )


def table(*names: str) -> Table[Row]:
    return Table(
        columns=(
            Column(name="method", heading="Method", compute=lambda row: row[0]),
            Column(name="cases", heading="Cases", compute=lambda row: 20),
            *(mean_std(name) for name in names),
            Column(name="drrs", heading="DRRs", compute=lambda row: row[3]),
        ),
        rows=tuple(TableRow(context=row) for row in ROWS),
        caption="A long caption with 100 % and $.",
        notes=("First note.",),
    )


def test_numbers_are_filled_up_to_stand_at_the_point() -> None:
    assert aligned(["1.5", "12.25", "-3", "–"]) == [
        r"\phantom{0}1.5\phantom{0}",
        "12.25",
        r"$-$3\phantom{.00}",
        "--",
    ]
    assert aligned(["5.71 ± 2.6", "15.6 ± 5.99", "0.001"]) == [
        r"\phantom{0}5.71\phantom{0} $\pm$ 2.6\phantom{0}",
        r"15.6\phantom{00} $\pm$ 5.99",
        r"\phantom{0}0.001\phantom{ $\pm$ 2.6\phantom{0}}",
    ]
    assert aligned(["1,234", "56"]) == ["1,234", r"\phantom{000}56"]
    assert aligned(["text", "other & text"]) == ["text", r"other \& text"]
    assert aligned(["20.0 [10.1, 33.2]", "5.0"])[1].startswith(r"\phantom{0}5.0\phantom{ {[}10.1")


def test_caption_notes_and_constant_columns_are_comments() -> None:
    text = table("rotation").tabular()
    code = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert "caption" not in code
    assert "First note" not in code
    assert "% A long caption with 100 % and $." in text
    assert "% The same in all rows: Cases: 20" in text
    assert "Cases" not in code
    assert r"\documentclass" not in text
    assert r"\usepackage" not in code


def test_a_paper_takes_it_into_one_column(tmp_path: Path) -> None:
    small, wide = table("rotation"), table(*(f"quantity{letter}" for letter in "abcdefg"))
    assert [path.name for path in small.write(tmp_path, "small")] == ["small.tex", "small.csv", "small.md"]
    wide.write(tmp_path, "wide")
    text = (tmp_path / "tabular" / "wide.tex").read_text()
    assert text.count(r"\begin{tabular}{@{}l") > 1, "set in parts"
    assert text.count(r"\textbf{\phantom") + text.count(r"\textbf{0") >= 7
    (tmp_path / "paper.tex").write_text(PAPER)
    log = compile_latex(tmp_path / "paper.tex")
    assert "Overfull" not in log
    for path in re.findall(r"\(([^()\s]+\.(?:sty|cls))", log):
        assert Path(path).name in ("article.cls", "booktabs.sty"), "no further package"


@pytest.mark.parametrize("hostile", [r"\input{/etc/passwd}", "%\n\\end{tabular}", "a" * 300, "名前", "$x^2$"])
def test_texts_of_others_are_printed_and_not_obeyed(hostile: str, tmp_path: Path) -> None:
    contexts: tuple[Row, ...] = ((hostile, 1.0, 2.0, 3), ("plain", 2.0, 3.0, 4))
    rows = tuple(TableRow(context=each) for each in contexts)
    found = Table(columns=table("rotation").columns, rows=rows, caption=hostile, notes=(hostile,))
    found.write(tmp_path, "small")
    code = [line for line in (tmp_path / "tabular" / "small.tex").read_text().splitlines() if line[0] != "%"]
    assert not any(r"\input" in line for line in code)
    assert sum(r"\end{tabular}" in line for line in code) <= 4
    (tmp_path / "tabular" / "wide.tex").write_text("")
    (tmp_path / "paper.tex").write_text(PAPER)
    compile_latex(tmp_path / "paper.tex")
