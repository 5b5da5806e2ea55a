from typing import Any

from studies.trust.problems import Images, plan
from studies.trust.table import right, table, warned


def row(error: float, trust: str, *, interval: list[float] | None = None) -> dict[str, Any]:
    return {
        "name": "wrist 0002 0 start 1",
        "half": "held out",
        "views": 2 if interval is None else 1,
        "error_mm": error,
        "tie_mm": 2.0,
        "true_depth_mm": 700.0,
        "depth_interval_mm": interval,
        "trust": trust,
    }


def test_an_answer_is_right_within_the_tie_and_the_depth_that_it_states() -> None:
    assert right(row(1.9, "trusted"))
    assert not right(row(2.1, "trusted"))
    assert right(row(1.0, "trusted", interval=[690, 710]))
    assert not right(row(1.0, "trusted", interval=[701, 710]))
    assert warned(row(1.0, "doubtful"))


def test_the_table_counts_warnings_true_and_false() -> None:
    rows = [row(1.0, "trusted"), row(1.0, "doubtful"), row(9.0, "not trusted"), row(9.0, "trusted"), row(9, "doubtful")]
    lines = table(rows).splitlines()
    assert lines[2] == "| held out | all | 2 | 1 (1 to 99 %) | 3 | 1 (1 to 91 %) | 1 | - |"
    assert lines[3] == "| held out | wrist, two views | 2 | 1 (1 to 99 %) | 3 | 1 (1 to 91 %) | 1 | - |"


def test_an_answer_beyond_a_narrow_tie_is_wrong_but_not_by_much() -> None:
    narrow = {**row(1.5, "trusted"), "tie_mm": 1.0}
    assert table([narrow]).splitlines()[2] == "| held out | all | 0 | - | 1 | 1 (3 to 100 %) | 0 | - |"


def test_every_round_has_all_images_and_all_faults() -> None:
    names = [images.name for images, _ in plan(0, 2)]
    assert sum("inverted" in name for name in names) == sum("far" in name for name in names) == 4
    assert {"wrist 0002 0+1", "wrist 0099 1", "head 0", "head 0+20", "lumbar 0 0"} <= set(names)
    assert Images("head", (0,), fault="far").name == "head 0 far"
