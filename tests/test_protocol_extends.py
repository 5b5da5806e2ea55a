"""Protocols that extend one another: what is inherited, replaced, removed, and refused."""

from pathlib import Path

import pytest

from bench.errors import FluorobenchError
from bench.perturb import PoseDistribution
from bench.protocol import ProtocolError, read_protocol


def write(folder: Path, text: str, name: str = "mine") -> str:
    path = folder / f"{name}.toml"
    path.write_text(f'name = "{name}"\ntitle = "t"\n' + text)
    return str(path)


def test_what_a_file_does_not_state_is_its_bases(tmp_path: Path) -> None:
    base = read_protocol("sopi-sim", "quick")
    mine = read_protocol(write(tmp_path, 'extends = "sopi-sim"\n[camera]\nheight = 64\n'), "quick")
    assert mine.camera == base.camera.model_copy(update={"height": 64})
    changed = {"name": "mine", "title": "t", "camera": mine.camera}
    assert mine == base.model_copy(update=changed)


def test_a_row_replaces_its_label_in_place_and_a_new_one_is_appended(tmp_path: Path) -> None:
    rows = '[[methods]]\nlabel = "Own"\nplugin = "nominal"\n[[methods]]\nlabel = "Opt-GC"\nplugin = "opt_go"\n'
    base = read_protocol("sopi-sim", "quick").methods
    mine = read_protocol(write(tmp_path, 'extends = "sopi-sim"\n' + rows), "quick").methods
    assert [row.label for row in mine] == [*(row.label for row in base), "Own"]
    assert [row.plugin for row in mine if row.label == "Opt-GC"] == ["opt_go"]


def test_rows_choose_and_order_the_labels(tmp_path: Path) -> None:
    path = write(tmp_path, 'extends = "sopi-sim"\nrows = ["RTPI", "Initial"]\n')
    assert [row.label for row in read_protocol(path, "quick").methods] == ["RTPI", "Initial"]


def test_a_row_of_some_profiles_is_in_no_other(tmp_path: Path) -> None:
    rows = '[[methods]]\nlabel = "Slow"\nplugin = "nominal"\nprofiles = ["controls"]\n'
    path = write(tmp_path, 'extends = "sopi-sim"\n' + rows)
    labels = {name: [row.label for row in read_protocol(path, name).methods] for name in ("quick", "controls")}
    assert "Slow" not in labels["quick"]
    assert "Slow" in labels["controls"]
    assert set(labels["quick"]) < set(labels["controls"])


def test_a_distribution_with_a_kind_inherits_nothing(tmp_path: Path) -> None:
    """Else its widths would follow the base's order of names."""
    given = 'extends = "sopi-sim"\n[target]\ndistribution = { kind = "normal", width = [1, 2, 3, 4, 5, 6] }\n'
    found = read_protocol(write(tmp_path, given), "quick").target.distribution
    assert found == PoseDistribution("normal", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0))


def test_a_base_may_be_a_path_beside_the_file(tmp_path: Path) -> None:
    write(tmp_path, 'extends = "regress"\nseed = 99\n', "base")
    assert read_protocol(write(tmp_path, 'extends = "base.toml"\n'), "full").seed == 99


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "sopi-simm"', "did you mean.*sopi-sim"),
        ('extends = "absent.toml"', "no protocol file at"),
        ('extends = "mine.toml"', "mine.toml extends mine.toml: a protocol cannot extend itself"),
        ("extends = 3", "extends: expected the name or path"),
        ('extends = "sopi-sim"\nwithout = ["target.fotons"]', "its base has no target.fotons"),
        ('without = ["target.photons"]', "name the base with `extends`"),
        ('extends = "sopi-sim"\nrows = ["Opt-GG"]', "rows: .*did you mean.*Opt-G"),
        ('extends = "sopi-sim"\nrows = "RTPI"', "rows: expected a list of texts"),
        ('extends = "sopi-sim"\nmethods = 3', "methods: expected rows"),
        (
            'extends = "sopi-sim"\n[[methods]]\nlabel = "A"\nplugin = "nominal"\nprofiles = ["qick"]',
            r"profiles of A: there is no \[profile.qick\]",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FluorobenchError, match=message) as told:
        read_protocol(write(tmp_path, text + "\n"), "quick")
    assert "\n" not in str(told.value)


def test_two_files_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    write(tmp_path, 'extends = "second.toml"\n', "first")
    with pytest.raises(ProtocolError, match=r"second.toml extends first.toml extends second.toml"):
        read_protocol(write(tmp_path, 'extends = "first.toml"\n', "second"), "quick")


def test_name_and_title_are_not_inherited(tmp_path: Path) -> None:
    path = tmp_path / "nameless.toml"
    path.write_text('extends = "sopi-sim"\n')
    with pytest.raises(ProtocolError, match="name: must be given; title: must be given"):
        read_protocol(str(path), "quick")


def test_keys_of_an_earlier_version_say_their_new_names(tmp_path: Path) -> None:
    path = write(tmp_path, 'extends = "regress"\n[start]\nlaw = "uniform"\n')
    with pytest.raises(ProtocolError, match=r"start.law: written for an earlier version; write distribution"):
        read_protocol(path, "full")


def test_the_source_to_detector_distance_of_sopi_stands_once() -> None:
    root = Path(__file__).parents[1]
    folders = ("bench", "methods", "similarities", "datasets", "reports", "studies")
    files = (path for folder in folders for ending in ("*.py", "*.toml") for path in (root / folder).rglob(ending))
    stating = [path.name for path in files if "1011.7" in path.read_text() and path.parent.name != "weights"]
    assert stating == ["sopi-sim.toml"]
