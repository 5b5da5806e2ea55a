"""Laying a command line over a protocol."""

from bench.protocol import load_protocol


def test_settings_of_a_replaced_dataset_go_with_it() -> None:
    own = {"data": {"dataset": "ct_file", "patients": 1, "settings": {"volume": "mine.nii.gz"}}}
    assert load_protocol("lgff-sim", "quick", own).data.settings == {"volume": "mine.nii.gz"}


def test_settings_of_the_same_dataset_are_laid_over() -> None:
    coarse = {"data": {"settings": {"spacing_mm": 3.0}}}
    settings = load_protocol("lgff-sim", "quick", coarse).data.settings
    assert settings == {"only": "phantom-v2-200000", "version": 2, "spacing_mm": 3.0}
