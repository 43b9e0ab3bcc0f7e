"""Tables read in pieces hold what the same tables read whole hold, and errors count lines of the whole file."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys

import polars as pl
import pytest

from chainrule.data import pieces, values
from chainrule.data.pieces import read_pieces, read_records
from chainrule.data.tables import read_table
from chainrule.errors import DataError

QUOTED = 'name, size\n"a, b",1\n"two\nlines",NA\n\n"5"" pipe", 2.5 \ré,?\r\nlast,7'


@pytest.fixture(params=[1, 3, 10, 40, 1_000_000])
def size(request, monkeypatch):
    """Bytes that are read at once."""
    monkeypatch.setattr(pieces, "BYTES", request.param)
    return request.param


def whole(path, **settings):
    return pl.concat([piece.frame for piece in read_pieces(path, **settings)])


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv"])
@pytest.mark.parametrize("content", [QUOTED, "\ufeff" + QUOTED, QUOTED + "\n\n\n", "\n" + QUOTED])
def test_pieces_together_are_the_table(content, ending, size, tmp_path):
    text = content.replace(",", "\t") if ending == ".tsv" else content
    data = text.encode()
    path = tmp_path / f"table{ending}"
    path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    expected = read_table(path, as_text=("name", "size"))
    found = whole(path)
    assert found.equals(expected)
    assert found["size"].to_list() == ["1", None, "2.5", None, "7"]


def test_empty_lines_of_a_single_column_are_missing_values(size, tmp_path):
    (tmp_path / "one.csv").write_text("x\n1\n\n\n4\n\n")
    assert whole(tmp_path / "one.csv")["x"].to_list() == ["1", None, None, "4"]


def test_pieces_are_small(monkeypatch, tmp_path):
    monkeypatch.setattr(pieces, "BYTES", 1000)
    (tmp_path / "long.csv").write_text("x,y\n" + "12345,6789\n" * 5000)
    heights = [piece.frame.height for piece in read_pieces(tmp_path / "long.csv")]
    assert sum(heights) == 5000
    assert max(heights) < 200


def test_only_the_columns_asked_for_are_kept_unless_one_is_absent(size, tmp_path):
    (tmp_path / "table.csv").write_text(QUOTED)
    read_table(tmp_path / "table.csv").write_parquet(tmp_path / "table.parquet")
    for name in ("table.csv", "table.parquet"):
        assert whole(tmp_path / name, columns=["size"]).columns == ["size"]
        assert whole(tmp_path / name, columns=["size", "price"]).columns == ["name", "size"]


def test_parquet_comes_in_order(monkeypatch, tmp_path):
    monkeypatch.setattr(pieces, "ROWS", 100)
    pl.DataFrame({"x": range(5000)}).write_parquet(tmp_path / "table.parquet", row_group_size=700)
    found = list(read_pieces(tmp_path / "table.parquet"))
    assert len(found) > 5
    assert pl.concat(piece.frame for piece in found)["x"].to_list() == list(range(5000))
    assert found[-1].done == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"x,y\n1,2\n3\n", "line 3: expected 2 values"),
        (b"x,y\n1,2\n\n3,caf\xe9\n", "line 4: byte 15 of the file"),
        (b"x,x\n1,2\n", "both named 'x'"),
        (b"x,y\n", "no rows"),
        (b"", "is empty"),
    ],
)
def test_what_is_no_table_is_refused_by_its_line(data, message, size, tmp_path):
    (tmp_path / "table.csv").write_bytes(data)
    with pytest.raises(DataError, match=message):
        whole(tmp_path / "table.csv")


def test_a_quotation_mark_that_never_ends_fills_no_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(pieces, "BYTES", 100)
    monkeypatch.setattr(pieces, "LONGEST_RECORD", 2000)
    (tmp_path / "table.csv").write_text("x,y\n1,2\n" + '3,"4\n' + "5,6\n" * 5000)
    with pytest.raises(DataError, match="check the quotation marks from this line on"):
        whole(tmp_path / "table.csv")


def test_damaged_gzip_data_is_said(tmp_path):
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(b"x\n" + b"1\n" * 9000)[:-20])
    with pytest.raises(DataError, match="damaged gzip data"):
        whole(tmp_path / "table.csv.gz")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input_is_read(pack):
    code = "from chainrule.data.pieces import read_pieces\nprint([p.frame.rows() for p in read_pieces('-')])"
    found = subprocess.run([sys.executable, "-c", code], input=pack(b"x,y\n1,NA\n"), capture_output=True, check=True)
    assert found.stdout.decode().strip() == "[[('1', None)]]"


def test_errors_of_cells_can_be_moved():
    with pytest.raises(DataError) as error:
        values.numbers(pl.Series("age", ["1", "x"]))
    assert "row 2: 'x'" in str(error.value)
    assert "row 102: 'x'" in str(error.value.after(100))


def test_a_long_row_is_looked_for_in_parts_that_grow(tmp_path):
    reads = []

    class Counted(io.BytesIO):
        def read(self, size=-1):
            reads.append(size)
            return super().read(size)

    text = b'a,b\n1,"' + b"two\n" * 50_000 + b'"\n3,4\n'
    found = b"".join(records.text for records in read_records(tmp_path, Counted(text), 100))
    assert found == text
    assert len(reads) < 20  # 2,000 of equal size, each of them after all before it
