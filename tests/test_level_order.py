"""Labels under a numbering that is not theirs: refused, with the scheme that would fit, never a wrong one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.volume import Volume, VolumeError
from bench.volume.content import bone_mask
from bench.volume.labels import label_number, present, scheme
from bench.volume.level_order import numbering_doubt, require_order
from bench.volume.schemes import BUILT_IN, LUMBAR

TOTALSEGMENTATOR = ("totalsegmentator", "totalsegmentator_v1")


def spine(numbers: list[int], name: str) -> Volume:
    """Blocks from cranial to caudal with these numbers, z up the third axis, which is stored head first."""
    labels = np.zeros((6, 6, 4 * len(numbers)), np.uint16)
    for place, number in enumerate(numbers):
        labels[1:5, 1:5, 4 * place : 4 * place + 3] = number
    hu = np.where(labels > 0, 300, -1000).astype(np.float32)
    return Volume(hu, np.diag([1.0, 1.0, -2.0, 1.0]), labels=labels, label_scheme=name)


def test_numbers_of_totalsegmentator() -> None:
    """Of its documentation: version 2 has 117 classes, version 1 104."""
    second, first = scheme("totalsegmentator"), scheme("totalsegmentator_v1")
    assert (len(second), len(first)) == (117, 104)
    known = {
        "spleen": (1, 1),
        "sacrum": (25, 92),
        "L5": (27, 18),
        "C1": (50, 41),
        "hip_right": (78, 91),
        "brain": (90, 50),
    }
    assert {name: (second[name], first[name]) for name in known} == known
    assert (second["skull"], second["rib_right_12"], second["sternum"]) == (91, 115, 116)
    assert (first["rib_left_1"], first["urinary_bladder"], first["colon"]) == (58, 104, 57)
    assert label_number("totalsegmentator", "Liver") == 5


@pytest.mark.parametrize("name", [*TOTALSEGMENTATOR, "verse"])
@pytest.mark.parametrize("levels", [LUMBAR, ("T11", "T12", "L1", "L2", "L3", "L4", "L5", "sacrum"), ("C6", "C7", "T1")])
def test_levels_in_order_pass_and_others_are_named(name: str, levels: tuple[str, ...]) -> None:
    numbers = [BUILT_IN[name][level] for level in levels]
    require_order(spine(numbers, name), "labels.nii")
    with pytest.raises(VolumeError, match=r"labels\.nii: under scheme .* lies below .* cranio-caudal order") as caught:
        require_order(spine(numbers[::-1], name), "labels.nii")
    # The same blocks upside down fit no scheme that says so; never the one that was refused.
    assert f"{name!r} would fit" not in str(caught.value)


def test_version_1_under_other_schemes_is_advised_rightly() -> None:
    numbers = [BUILT_IN["totalsegmentator_v1"][level] for level in ("T12", *LUMBAR, "sacrum")]
    with pytest.raises(VolumeError, match=r"; 'totalsegmentator_v1' would fit$"):
        require_order(spine(numbers, "verse"), "labels.nii")
    doubt = numbering_doubt(spine(numbers, "totalsegmentator"), LUMBAR)
    assert doubt.endswith("; 'totalsegmentator_v1' would fit")
    assert "verse" not in doubt


def test_thoracic_labels_are_offered_their_levels() -> None:
    thorax = spine([BUILT_IN["verse"][level] for level in ("T7", "T8", "T9")], "verse")
    assert "its levels are T7, T8, T9: use --region whole, or --region with one of them" in numbering_doubt(
        thorax, LUMBAR
    )


@pytest.mark.parametrize("name", TOTALSEGMENTATOR)
def test_organs_have_names_and_are_no_bone(name: str) -> None:
    numbers = BUILT_IN[name]
    volume = spine([numbers["liver"], numbers["L3"], numbers["hip_left"], numbers["urinary_bladder"]], name)
    assert set(present(volume)) == {"liver", "L3", "hip_left", "urinary_bladder"}
    assert np.unique(np.asarray(volume.labels)[bone_mask(volume)]).tolist() == sorted(
        [numbers["L3"], numbers["hip_left"]]
    )
    require_order(replace(volume, label_scheme=name), "labels.nii")


@pytest.mark.parametrize("prefix", ["", "vertebrae_"])
def test_names_of_a_file_are_known_as_levels(tmp_path: Path, prefix: str) -> None:
    path = tmp_path / "scheme.toml"
    path.write_text("\n".join(f"{prefix}{level} = {100 + place}" for place, level in enumerate(("l1", "L2", "L3"))))
    require_order(spine([100, 101, 102], str(path)), "labels.nii")
    with pytest.raises(VolumeError, match="lies below"):
        require_order(spine([102, 101, 100], str(path)), "labels.nii")


def test_s1_and_the_sacrum_have_no_order() -> None:
    numbers = BUILT_IN["totalsegmentator"]
    for names in (("L5", "S1", "sacrum"), ("L5", "sacrum", "S1")):
        require_order(spine([numbers[name] for name in names], "totalsegmentator"), "labels.nii")
