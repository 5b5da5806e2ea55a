"""The built-in numberings of label maps: structure name to number."""

from collections.abc import Iterable, Mapping

LUMBAR = ("L1", "L2", "L3", "L4", "L5")


def _numbered(names: Iterable[str], first: int) -> dict[str, int]:
    return {name: first + step for step, name in enumerate(names)}


def _levels(letter: str, count: int) -> list[str]:
    return [f"{letter}{level}" for level in range(1, count + 1)]


def _sided(*names: str, order: tuple[str, str] = ("left", "right")) -> list[str]:
    return [f"{name}_{side}" for name in names for side in order]


def _numbered_sides(*names: str) -> list[str]:
    """Ribs: all of the left, then all of the right."""
    return [f"{name}_{side}_{rib}" for name in names for side in ("left", "right") for rib in range(1, 13)]


# Cranial to caudal; T13 and L6 are variants, S1 is the first level of the sacrum.
LEVELS = (*_levels("C", 7), *_levels("T", 13), *_levels("L", 6), "S1", "sacrum", "coccyx")
_C7_L5 = [*_levels("C", 7), *_levels("T", 12), *_levels("L", 5)]
_LIMBS = _sided("humerus", "scapula", "clavicula", "femur", "hip")
_MUSCLES = _sided("gluteus_maximus", "gluteus_medius", "gluteus_minimus", "autochthon", "iliopsoas")
_ILIAC = _sided("iliac_artery", "iliac_vena")
_LUNG = ["lung_upper_lobe_left", "lung_lower_lobe_left", "lung_upper_lobe_right", "lung_middle_lobe_right",
         "lung_lower_lobe_right"]  # fmt: skip
_KIDNEYS = _sided("kidney", order=("right", "left"))
_ADRENALS = _sided("adrenal_gland", order=("right", "left"))

# Task "total" of TotalSegmentator, version 2 (117 classes): its README and map_to_binary.py.
_TOTALSEGMENTATOR_V2 = _numbered(
    [
        "spleen", *_KIDNEYS, "gallbladder", "liver", "stomach", "pancreas", *_ADRENALS, *_LUNG, "esophagus", "trachea",
        "thyroid_gland", "small_bowel", "duodenum", "colon", "urinary_bladder", "prostate", *_sided("kidney_cyst"),
        "sacrum", "S1", *reversed(_C7_L5), "heart", "aorta", "pulmonary_vein", "brachiocephalic_trunk",
        *_sided("subclavian_artery", "common_carotid_artery", order=("right", "left")),
        *_sided("brachiocephalic_vein"), "atrial_appendage_left", "superior_vena_cava", "inferior_vena_cava",
        "portal_vein_and_splenic_vein", *_ILIAC, *_LIMBS, "spinal_cord", *_MUSCLES, "brain", "skull",
        *_numbered_sides("rib"), "sternum", "costal_cartilages",
    ],
    1,
)  # fmt: skip
# The same task in version 1 (104 classes).
_TOTALSEGMENTATOR_V1 = _numbered(
    [
        "spleen", *_KIDNEYS, "gallbladder", "liver", "stomach", "aorta", "inferior_vena_cava",
        "portal_vein_and_splenic_vein", "pancreas", *_ADRENALS, *_LUNG, *reversed(_C7_L5), "esophagus", "trachea",
        "heart_myocardium", "heart_atrium_left", "heart_ventricle_left", "heart_atrium_right", "heart_ventricle_right",
        "pulmonary_artery", "brain", *_ILIAC, "small_bowel", "duodenum", "colon", *_numbered_sides("rib"), *_LIMBS,
        "sacrum", "face", *_MUSCLES, "urinary_bladder",
    ],
    1,
)  # fmt: skip
_VERSE = _numbered([*_levels("C", 7), *_levels("T", 12), *_levels("L", 6), "sacrum", "coccyx", "T13"], 1)
_DEEPFLUORO = _numbered([*_sided("hemipelvis"), "vertebrae", "upper_sacrum", *_sided("femur"), "lower_sacrum"], 1)

BUILT_IN: Mapping[str, Mapping[str, int]] = {
    "deepfluoro": _DEEPFLUORO,
    "phantom": _VERSE,
    "totalsegmentator": _TOTALSEGMENTATOR_V2,
    "totalsegmentator_v1": _TOTALSEGMENTATOR_V1,
    "verse": _VERSE,
}

_BONES = {*LEVELS, *_LIMBS, *_numbered_sides("rib"), "skull", "sternum"}
# Schemes that number organs beside bones: only these numbers of theirs are bone.
BONES_OF: Mapping[str, frozenset[int]] = {
    name: frozenset(number for structure, number in BUILT_IN[name].items() if structure in _BONES)
    for name in ("totalsegmentator", "totalsegmentator_v1")
}
