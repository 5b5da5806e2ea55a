"""Numbers and tables in text files of any country: read right, or refused; never other numbers."""

from pathlib import Path

import numpy as np
import pytest

from bench.cells import CellError, cells_of, plain_number, table_of
from bench.errors import FluorobenchError
from bench.start.clicks import read_clicks
from bench.start.landmarks import read_landmarks
from bench.xray.camera_files import camera_tables
from bench.xray.number_files import read_rows

K = [[3277.741, 0.0, 550.798], [0.0, 3277.511, 492.0], [0.0, 0.0, 1.0]]


@pytest.mark.parametrize("separator", [" ", "  ", "\t", ";", "; ", " ; "])
def test_decimal_commas_come_out_as_points(separator: str) -> None:
    assert cells_of(separator.join(["3277,741", "0", "550,798"])) == ["3277.741", "0", "550.798"]


@pytest.mark.parametrize("separator", [",", ", ", " , ", ";", "; ", "\t", "\t\t", " ", "   "])
def test_decimal_points_stay(separator: str) -> None:
    assert cells_of(separator.join(["3277.741", "0", "550.798"])) == ["3277.741", "0", "550.798"]


@pytest.mark.parametrize("text", ["1_000", "nan", "inf", "1e", "1e999", "", "1.5D0", "\uff11", "0x10"])
def test_a_number_has_ordinary_digits(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        plain_number(text)


@pytest.mark.parametrize("separator", [" ", "\t", ";"])
def test_a_matrix_with_decimal_commas_is_no_other_matrix(tmp_path: Path, separator: str) -> None:
    """Three fractions in K make twelve numbers, as a projection matrix has, where their commas separate."""
    path = tmp_path / "k.txt"
    path.write_text("\n".join(separator.join(f"{each:.10g}".replace(".", ",") for each in row) for row in K))
    assert camera_tables(path) == {"calibration": {"kind": "matrix", "K": K}}


@pytest.mark.parametrize("line", ["1,5 3 4 5", "1,5;2;3;4", "1_000,2,3,4,5", "inf,2,3,4,5", "1;;2;3;4"])
def test_lines_of_other_numbers_are_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "beads.csv"
    path.write_text(f"{line}\n")
    with pytest.raises(FluorobenchError, match="expected 5 numbers"):
        read_rows(path, ("x", "y", "z", "column", "row"))


def test_semicolons_carry_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "beads.csv"
    path.write_text("x;y;z;column;row\n1,5;2;3;4;5\n")
    np.testing.assert_array_equal(read_rows(path, ("x", "y", "z", "column", "row")), [[1.5, 2, 3, 4, 5]])


@pytest.mark.parametrize(
    "text",
    ["name,x,y,z\nA,1.5,2,3\n", "Name;X;Y;Z\nA;1,5;2;3\n", 'name,x,y,z\nA,"1,5",2,3\n', "x\tname\ty\tz\n1.5\tA\t2\t3"],
)
def test_landmarks_of_any_spreadsheet(tmp_path: Path, text: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text)
    assert {name: point.tolist() for name, point in read_landmarks(path).items()} == {"A": [1.5, 2, 3]}


@pytest.mark.parametrize("row", ["A,1,5,2,3", "A,1.5,2", "A,one,2,3"])
def test_a_row_that_does_not_fit_its_title_is_refused(tmp_path: Path, row: str) -> None:
    """With a cell too many the numbers would move to other columns."""
    path = tmp_path / "points.csv"
    path.write_text(f"name,x,y,z\n{row}\n")
    with pytest.raises(FluorobenchError, match=r"expected 4 cells|no finite position"):
        read_landmarks(path)


def test_a_table_names_its_columns() -> None:
    with pytest.raises(CellError, match="expected a title line with name,x; got 'x,y'"):
        table_of("# a remark\nx,y\n1,2\n", ("name", "x"))
    assert table_of("NAME , x\n\nA, 1\n", ("name", "x")) == [{"name": "A", "x": "1"}]


def test_clicks_of_any_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text("view;name;column;row\n2;L3=a, b;512,5;300\n")
    (click,) = read_clicks(path)
    assert (click.view, click.name, click.column, click.row) == (1, "L3=a, b", 512.5, 300)


@pytest.mark.parametrize("row", ["2,L3,512,5,300", "1.5,L3,512,300", "0,L3,512,300", "1,,512,300", "1,L3,nan,300"])
def test_clicks_that_are_none_are_refused(tmp_path: Path, row: str) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text(f"view,name,column,row\n{row}\n")
    with pytest.raises(FluorobenchError, match=r"a click is|expected 4 cells"):
        read_clicks(path)
