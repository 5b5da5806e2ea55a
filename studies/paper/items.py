"""The tables and figures of both papers, and where ours come from."""

from dataclasses import dataclass

from bench.report.lgff import LGFF_NOT_COMPARABLE
from bench.report.published import NOT_COMPARABLE

SOPI = "SOPI (2024)"
LGFF = "LGFF-Reg (2025)"


@dataclass(frozen=True, slots=True)
class Item:
    """A table or figure of a paper.

    Attributes:
        paper: It is of.
        number: There, such as ``Table 1``.
        protocol: Whose run has ours; None where this project has none.
        files: Name patterns of our tables or figures, without an ending.
        said: What is comparable and what is not.
    """

    paper: str
    number: str
    protocol: str | None
    files: tuple[str, ...]
    said: str

    @property
    def is_table(self) -> bool:
        """Or a figure."""
        return self.number.startswith("Table")


_COMPARABLE = "Comparable: the order of the methods, tested in the table of the order. Not comparable: the numbers."
_ORDER = f"{_COMPARABLE} {NOT_COMPARABLE}"
_LGFF_ORDER = f"{_COMPARABLE} {LGFF_NOT_COMPARABLE}"
_TRAINED = " Rows that say skipped were not trained here; trained rows had equal, short trainings with one seed."
_DRAWN = (
    "Comparable: what the published figure shows of the methods' order and of the shape of the curves or pictures. Not "
    "comparable: patients, images and axes, which are ours."
)
_ACQUIRED = (
    " The paper's X-rays are private: ours are simulated, of the whole body, unless X-rays were named for the run."
)

ITEMS = (
    Item(SOPI, "Table 1", "sopi-sim", ("sopi_table1", "sopi_table1_audited", "sopi_table1_order"), _ORDER),
    Item(SOPI, "Table 2", "sopi-ablation", ("sopi_table2", "sopi_table2_order"), _ORDER + _TRAINED),
    Item(
        SOPI,
        "Table 3",
        "sopi-xray",
        ("sopi_table3*[!dr]", "sopi_table3*_audited", "sopi_table3*_order"),
        _ORDER + _ACQUIRED,
    ),
    Item(SOPI, "Figure 4", "sopi-xray", ("sopi_figure4*",), _DRAWN + _ACQUIRED),
    Item(SOPI, "Figure 5", "sopi-xray", ("sopi_figure5*",), _DRAWN + _ACQUIRED),
    Item(LGFF, "Table 1", "lgff-ablation", ("lgff_table1", "lgff_table1_order"), _LGFF_ORDER + _TRAINED),
    Item(LGFF, "Table 2", "lgff-ablation", ("lgff_table2", "lgff_table2_order"), _LGFF_ORDER + _TRAINED),
    Item(LGFF, "Table 3", "lgff-ablation", ("lgff_table3", "lgff_table3_order"), _LGFF_ORDER + _TRAINED),
    Item(LGFF, "Table 4", "lgff-sim", ("lgff_table4", "lgff_table4_audited", "lgff_table4_order"), _LGFF_ORDER),
    Item(LGFF, "Figure 4", "lgff-sim", ("lgff_figure4*",), _DRAWN),
    Item(LGFF, "Figure 5", "lgff-sim", ("lgff_figure5*",), _DRAWN),
    Item(LGFF, "Figure 6", "lgff-sim", ("lgff_figure6*",), _DRAWN),
    Item(
        LGFF,
        "Figures 7 and 8",
        None,
        (),
        "Of a forearm in a trial of the paper's authors. The study studies/wrist has ours, of a data set that is "
        "downloaded apart.",
    ),
)
"""Without drawings of a method (SOPI, Figures 1 to 3; LGFF-Reg, Figures 1 to 3)."""

PROTOCOLS = tuple(dict.fromkeys(each.protocol for each in ITEMS if each.protocol is not None))
"""In the order in which they are run: Figure 5 of SOPI draws the run of its Table 1 beside its own."""
