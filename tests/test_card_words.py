"""What cards say in words agrees with what is shipped."""

from pathlib import Path

import pytest

from bench import registry
from bench.learn import WeightsCard, read_card

LEARNT = ("deep_reg", "lgff_reg", "res_reg_net", "rtpi", "sopi", "zhang")


def shipped(name: str) -> list[WeightsCard]:
    folder = Path(str(registry.module("methods", name).__file__)).parent / "weights"
    return [read_card(path) for path in sorted(folder.glob("*.toml"))]


def words(name: str) -> str:
    card = registry.card("methods", name)
    return " ".join((card.title, card.source, *card.deviations))


def test_every_method_with_weights_is_looked_at_here() -> None:
    having = [name for name in registry.names("methods") if hasattr(registry.module("methods", name), "trainer")]
    assert sorted(having) == sorted(LEARNT)


@pytest.mark.parametrize("name", ["deep_reg", "rtpi", "sopi"])
def test_a_stated_size_is_that_of_the_shipped_network(name: str) -> None:
    (card,) = shipped(name)
    assert f"{card.parameters:,}".replace(",", " ") in words(name)


def test_zhangs_card_states_the_input_of_the_shipped_network() -> None:
    (card,) = shipped("zhang")
    size = card.architecture["image_size"]
    assert f"{size} x {size}" in words("zhang")


def test_one_paper_has_one_citation() -> None:
    cited = {
        registry.card("methods", name).citation for name in ("rtpi", "sopi", "sopi_opt", "opt_ncc", "opt_ngi", "opt_gc")
    }
    assert len(cited) == 1


def test_opt_ngi_states_which_of_two_weights_of_that_name_it_takes() -> None:
    assert "polarity" in words("opt_ngi")
    assert registry.build("similarities", "ngi", {}).weight == "polarity-blind"


@pytest.mark.parametrize("name", LEARNT)
def test_cards_of_weights_say_what_was_looked_at_before_they_were_accepted(name: str) -> None:
    for card in shipped(name):
        assert "ooked at before acceptance" in card.note
