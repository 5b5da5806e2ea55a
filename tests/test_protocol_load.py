"""Laying a command line over a protocol."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from bench.cases.prepare import open_dataset, patient_ids
from bench.errors import FluorobenchError
from bench.protocol import load_protocol


def test_settings_of_a_replaced_dataset_go_with_it() -> None:
    own = {"data": {"dataset": "ct_file", "patients": 1, "settings": {"volume": "mine.nii.gz"}}}
    assert load_protocol("lgff-sim", "quick", own).data.settings == {"volume": "mine.nii.gz"}


def test_settings_of_the_same_dataset_are_laid_over() -> None:
    coarse = {"data": {"settings": {"spacing_mm": 3.0}}}
    settings = load_protocol("lgff-sim", "quick", coarse).data.settings
    assert settings == {"only": "phantom-v5-200000", "spacing_mm": 3.0}


def test_a_mistake_laid_over_a_protocol_is_not_blamed_on_its_file_alone() -> None:
    with pytest.raises(FluorobenchError, match=r"regress.toml with --data or the options: seed: .*got 'seven'"):
        load_protocol("regress", "full", {"seed": "seven"})


def test_too_few_patients_say_what_there_is() -> None:
    too_many = load_protocol("regress", "full", {"data": {"patients": 20_000}})
    with pytest.raises(FluorobenchError, match=r"set data\.patients to 10000 or less"):
        patient_ids(too_many, open_dataset(too_many))


def test_an_empty_split_says_where_the_patients_are(tmp_path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.full((4, 4, 4), -5, np.float32)), str(tmp_path / "a.nii"))
    settings = {"folder": str(tmp_path), "test": ["a"], "variants": 3}
    data = {"dataset": "ct_folder", "settings": settings, "split": "validation"}
    protocol = load_protocol("regress", "full", {"data": data})
    with pytest.raises(FluorobenchError, match=r"\(train 0, test 3\), or name some in its setting 'validation'"):
        patient_ids(protocol, open_dataset(protocol))


def test_a_key_of_an_earlier_version_is_named_first_and_what_replaces_it_is_not_missing(tmp_path: Path) -> None:
    older = tmp_path / "older.toml"
    target = '[target]\nlaw = { kind = "normal", width = [1, 1, 1, 1, 1, 1], about = "nominal" }\n'
    older.write_text('extends = "regress"\nname = "older"\ntitle = "t"\nwithout = ["target.distribution"]\n' + target)
    with pytest.raises(FluorobenchError, match=r"older.toml: target.law: written for an earlier version; write distr"):
        load_protocol(str(older), "full")
    with pytest.raises(FluorobenchError) as caught:
        load_protocol(str(older), "full")
    assert "required" not in str(caught.value)
    assert "must be given" not in str(caught.value)


def test_no_hint_names_a_key_that_its_table_does_not_have() -> None:
    with pytest.raises(FluorobenchError, match=r"data\.law: no key named 'law'"):
        load_protocol("regress", "full", {"data": {"law": "x"}})
