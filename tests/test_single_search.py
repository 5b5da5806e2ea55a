"""Tuned rows and rows that search once: both stand in the tables, and an order says which of them it compares."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bench import registry
from bench.protocol import read_protocol
from bench.report.order import published_label, search_note, searching_once

ORDER = ("Initial", "Opt-NGI", "Opt-GC", "SOPI")


@dataclass(frozen=True)
class Run:
    """The labels of a run."""

    labels: tuple[str, ...]
    folder: Path = field(default_factory=Path)


def test_an_order_of_single_searches_takes_the_most_customary_row_of_each_method() -> None:
    run = Run((*ORDER, "Opt-NGI (single search)", "Opt-GC (single search)", "Opt-GC (single search, customary)"))
    once = searching_once(ORDER, run)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert once == ["Initial", "Opt-NGI (single search)", "Opt-GC (single search, customary)", "SOPI"]
    assert [published_label(label) for label in once] == [*ORDER]
    assert "Opt-GC (single search, customary)" in search_note(once)
    assert "tuned" in search_note(ORDER)


def test_an_order_of_single_searches_holds_no_tuned_row() -> None:
    """Else a table would compare one search with several, as that of the quick profile did."""
    some = Run((*ORDER, "Opt-GC (single search)"))
    once = searching_once(ORDER, some)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert once == ["Initial", "Opt-GC (single search)", "SOPI"]
    none = Run(ORDER)
    assert searching_once(ORDER, none) == []  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("protocol", "methods"),
    [("sopi-sim", ("Opt-NCCL", "Opt-NGI", "Opt-GC")), ("lgff-sim", ("Opt-GO", "Opt-GC", "Opt-NGI"))],
)
def test_every_classical_method_of_a_papers_table_has_a_row_that_searches_once(
    protocol: str, methods: tuple[str, ...]
) -> None:
    rows = {each.label: each for each in read_protocol(protocol, "full").methods}
    for method in methods:
        tuned = registry.build("methods", rows[method].plugin, rows[method].settings, rows[method].preset)
        assert tuned.restarts > 1
        once = {
            label: registry.build("methods", row.plugin, row.settings, row.preset)
            for label, row in rows.items()
            if label.startswith(f"{method} (single search")
        }
        # Customary settings and Powell stand beside it, not in its place: they differ in more than the searches.
        assert once[f"{method} (single search)"] == replace(tuned, restarts=1)
        assert {each.restarts for each in once.values()} == {1}


def test_powell_stands_beside_cma_es_where_the_papers_code_has_it() -> None:
    rows = {each.label: each for each in read_protocol("sopi-sim", "full").methods}
    found = {
        label: registry.build("methods", row.plugin, row.settings, row.preset).optimiser
        for label, row in rows.items()
        if row.plugin == "opt_ncc"
    }
    assert found["Opt-NCCL (single search, Powell)"] == "powell"
    assert set(found.values()) == {"cmaes", "powell"}
