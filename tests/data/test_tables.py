"""Reading tables: what a file holds, and one line that says what is wrong with a bad one."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainrule.data import MISSING, read_table
from chainrule.errors import DataError

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


# Control characters aside, which Rust and Python do not both count as spaces.
cells = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\n\r\t"))


def read_back(cell: str) -> str | None:
    """The cell as it should come back from a file."""
    cell = cell.strip().replace("\r\n", "\n").replace("\r", "\n")
    return None if cell in MISSING else cell


def write(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def problem(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_penguins_hold_the_published_counts() -> None:
    table = read_table(PENGUINS)
    assert table.height == 344
    assert dict(table["species"].value_counts().iter_rows()) == {
        "Adelie": 152,
        "Chinstrap": 68,
        "Gentoo": 124,
    }
    assert table["sex"].null_count() == 11
    assert table.schema["bill_length_mm"] == pl.Float64
    assert table.schema["body_mass_g"] == pl.Int64


def test_each_spelling_of_a_missing_value_is_null(tmp_path: Path) -> None:
    rows = "\n".join(f"{spelling}, {spelling} ,1" for spelling in MISSING)
    table = read_table(write(tmp_path, f"number,text,last\n{rows}\n2.5,word,1\n"))
    assert table["number"].to_list() == [None] * len(MISSING) + [2.5]
    assert table["text"].to_list() == [None] * len(MISSING) + ["word"]


def test_types_are_decided_by_the_whole_column(tmp_path: Path) -> None:
    ones = "1,1,1\n" * 5000
    table = read_table(write(tmp_path, f"a,b,c\n{ones}1,1.5,x\n"))
    assert list(table.schema.values()) == [pl.Int64, pl.Float64, pl.String]


def test_spaces_around_names_and_values_are_dropped(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "\ufeff age, name \n 39, Ann Lee \n ?, Bo\n"))
    assert table.columns == ["age", "name"]
    assert table.rows() == [(39, "Ann Lee"), (None, "Bo")]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2024-02-29", date(2024, 2, 29)),
        ("2024-02-29 13:45:10", datetime(2024, 2, 29, 13, 45, 10)),
        ("2024-02-29T13:45", datetime(2024, 2, 29, 13, 45)),
        ("2023-02-29", "2023-02-29"),
        ("01/02/2024", "01/02/2024"),
        ("TRUE", True),
        ("-1e3", -1000.0),
        ("1,234", "1,234"),
        ("12345678901234567890", 12345678901234567890.0),
    ],
)
def test_a_value_is_read_as_what_it_spells(tmp_path: Path, written: str, value: object) -> None:
    table = read_table(write(tmp_path, f'first,second\n"{written}",1\n'))
    assert table["first"][0] == value
    assert type(table["first"][0]) is type(value)


def test_text_stays_text_where_it_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, "code,n\n007,007\nNA,1\n")
    assert read_table(path, as_text=["code"]).rows() == [("007", 7), (None, 1)]
    assert read_table(path)["code"].to_list() == [7, None]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_of_all_systems(tmp_path: Path, ending: str) -> None:
    assert read_table(write(tmp_path, f"a,b{ending}1,x{ending}2,y{ending}")).rows() == [(1, "x"), (2, "y")]


def test_lines_that_hold_nothing_are_no_rows(tmp_path: Path) -> None:
    content = '\n\na,b\n1,"x"\n\n  \n2,"y\n\nz"\r\n\r\n\n'
    assert read_table(write(tmp_path, content)).rows() == [(1, "x"), (2, "y\n\nz")]
    assert read_table(write(tmp_path, content.replace('"y\n\nz"', "y"))).rows() == [(1, "x"), (2, "y")]


def test_a_row_of_missing_values_is_a_row(tmp_path: Path) -> None:
    assert read_table(write(tmp_path, "a\tb\n1\t2\n\t\n3\t4\n", "t.tsv")).height == 3
    assert read_table(write(tmp_path, "a\n1\n\n3\n"))["a"].to_list() == [1, None, 3]


def test_tab_separated_and_gzipped_files(tmp_path: Path) -> None:
    assert read_table(write(tmp_path, "a\tb\n1\tx,y\n", "t.tsv")).rows() == [(1, "x,y")]
    assert read_table(write(tmp_path, gzip.compress(b"a,b\n1,x\n"), "t.CSV.gz")).rows() == [(1, "x")]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({" a ": [1.5, None], "when": [date(2024, 1, 1), None], "name": ["x", "NA"]})
    frame.write_parquet(tmp_path / "a[1].parquet")
    table = read_table(tmp_path / "a[1].parquet")
    assert table.rows() == frame.rows()
    assert table.columns == ["a", "when", "name"]


@settings(deadline=None)
@given(st.lists(st.lists(cells, min_size=2, max_size=2)))
def test_text_written_by_the_csv_module_is_read_back(rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["first", "second"], *rows, ["last", "row"]])
    with tempfile.TemporaryDirectory() as folder:
        table = read_table(write(Path(folder), text.getvalue()), as_text=["first", "second"])
    expected = [[read_back(cell) for cell in row] for row in rows]
    assert [list(row) for row in table.rows()] == [*expected, ["last", "row"]]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text('ab1,"\n\r \t\0', max_size=30))
def test_any_text_is_a_table_or_a_data_error(tmp_path: Path, content: str) -> None:
    try:
        table = read_table(write(tmp_path, content))
    except DataError:
        return
    assert table.height > 0


def test_missing_file(tmp_path: Path) -> None:
    assert "does not exist" in problem(tmp_path / "absent.csv")


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    assert "is a folder" in problem(tmp_path)


@pytest.mark.parametrize("name", ["table.xlsx", "table", "table.gz", "table.parquet.gz"])
def test_unknown_extension(tmp_path: Path, name: str) -> None:
    message = problem(write(tmp_path, "a,b\n1,2\n", name))
    assert "unknown extension" in message
    assert ".parquet" in message


@pytest.mark.parametrize("content", ["", "\n\r\n", "   \n", "\ufeff", '""\n'])
def test_empty_file(tmp_path: Path, content: str) -> None:
    assert "is empty" in problem(write(tmp_path, content))


def test_header_without_rows(tmp_path: Path) -> None:
    assert "column names but no rows" in problem(write(tmp_path, "a,b\n"))
    pl.DataFrame({"a": pl.Series([], dtype=pl.Int64)}).write_parquet(tmp_path / "t.parquet")
    assert "column names but no rows" in problem(tmp_path / "t.parquet")


def test_duplicate_names(tmp_path: Path) -> None:
    assert "columns 1 and 3 are both named 'a'" in problem(write(tmp_path, "a,b,a\n1,2,3\n"))
    assert "columns 1 and 2 are both named 'a'" in problem(write(tmp_path, '"a", a\n1,2\n'))
    pl.DataFrame({"a": [1], "a ": [2]}).write_parquet(tmp_path / "t.parquet")
    assert "columns 1 and 2 are both named 'a'" in problem(tmp_path / "t.parquet")


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    message = problem(write(tmp_path, b"name,n\nAnn,1\nJos\xe9,2\n"))
    assert "line 3: byte 17 of the file (0xe9)" in message
    assert "UTF-8" in message
    assert "byte 1 " in problem(write(tmp_path, "a,b\n1,2\n".encode("utf-16")))


@pytest.mark.parametrize("quoted", ["x", '"x"'])
@pytest.mark.parametrize(("row", "found"), [("1,2,3,4", 4), ("1,2", 2), ("1", 1)])
def test_rows_of_another_width(tmp_path: Path, row: str, found: int, quoted: str) -> None:
    message = problem(write(tmp_path, f"a,b,c\n1,2,{quoted}\n\n{row}\n1,2,3\n"))
    assert f"line 4: expected 3 values as in the header, found {found}" in message


def test_line_numbers_count_line_breaks_in_quotes(tmp_path: Path) -> None:
    assert "line 4: expected 2" in problem(write(tmp_path, 'a,b\n"x\ny",2\n1\n'))
    assert "line 5: expected 2" in problem(write(tmp_path, "\r\n\na,b\n1,2\n1\n"))


def test_quotation_marks_that_do_not_pair(tmp_path: Path) -> None:
    assert "quotation marks" in problem(write(tmp_path, 'a,b\n1,2\n"3,4\n5,6\n'))
    assert "quotation marks" in problem(write(tmp_path, '"a,b\n1,2\n'))
    assert "line 2" in problem(write(tmp_path, 'a,b\n"1"x,2\n'))
    assert "quotation mark" in problem(write(tmp_path, 'a,b\n5" pipe,2\n6" pipe,3\n'))


def test_another_separator(tmp_path: Path) -> None:
    message = problem(write(tmp_path, "a;b\n1;2\n"))
    assert "';'" in message
    assert "','" in message


def test_damaged_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 100)
    assert "damaged gzip" in problem(write(tmp_path, packed[:-12], "t.csv.gz"))
    assert "damaged gzip" in problem(write(tmp_path, packed[:20] + b"\xff" + packed[21:], "t.csv.gz"))


def test_damaged_parquet(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}).write_parquet(tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    for content in (
        b"",
        b"a,b\n1,2\n",
        whole[:-20],
        whole[: len(whole) // 2],
        b"PAR1" + b"\0" * 40 + b"PAR1",
    ):
        assert "damaged, or no Parquet file" in problem(write(tmp_path, content, "t.parquet"))
