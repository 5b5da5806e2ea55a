"""Curves share an axis only where they are of one quantity."""

from pathlib import Path

import PIL.Image

from bench.learn.history import HELD_OUT, LOSSES, Curve, by_quantity, draw

ONE = Curve((1, 2), (1.0, 2.0))


def test_one_quantity_has_one_axis() -> None:
    names = ("total", "pose", "rate", "rotation_deg", "depth_mm", "translation_mm", "success_percent")
    found = by_quantity(dict.fromkeys(names, ONE), "loss")
    assert {name: set(each) for name, each in found.items()} == {
        "loss": {"total", "pose"},
        "learning rate / first": {"rate"},
        "angle (deg)": {"rotation_deg"},
        "length (mm)": {"depth_mm", "translation_mm"},
        "share (%)": {"success_percent"},
    }


def test_the_picture_has_a_panel_for_each(tmp_path: Path) -> None:
    (tmp_path / LOSSES).write_text("step,seconds,total,rate\n1,0.1,2.0,1.0\n2,0.2,1.0,0.5\n")
    (tmp_path / HELD_OUT).write_text("step,seconds,rotation_deg,depth_mm\n1,0.1,2.0,10.0\n2,0.2,1.0,5.0\n")
    with PIL.Image.open(draw(tmp_path, "title")) as four:
        size = four.size
    (tmp_path / HELD_OUT).unlink()
    with PIL.Image.open(draw(tmp_path, "title")) as two:
        assert size[1] == 2 * two.size[1]
