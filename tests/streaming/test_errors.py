"""What is wrong with files is said in one line, with the file, and the row where there is one."""

from __future__ import annotations

import gzip
from datetime import datetime

import numpy as np
import polars as pl
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, DataError, UnknownNameError

TABLE = pl.DataFrame({"x": [n / 7 for n in range(300)], "y": [float(n % 13) + 0.5 for n in range(300)]})


def message(source, target: str = "y", **how) -> str:
    with pytest.raises((DataError, ArgumentError, UnknownNameError)) as caught:
        cr.Stream(source).learn(target, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_place_without_files(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    assert message(tmp_path) == (
        f"the folder {tmp_path} holds no file that ends in .parquet, .csv, .tsv; name another one"
    )
    assert "no file is named like" in message(f"{tmp_path}/*.parquet")
    assert "does not exist" in message(tmp_path / "absent.csv")
    assert "at least one file" in message([])


def test_files_of_two_kinds(tmp_path):
    TABLE.write_parquet(tmp_path / "a.parquet")
    TABLE.write_csv(tmp_path / "b.csv")
    assert "files of the kinds .csv, .parquet; a table needs one kind" in message(tmp_path)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_files_of_different_columns(tmp_path, ending):
    other = TABLE.rename({"x": "z"})
    for name, frame in (("a", TABLE), ("b", other)):
        getattr(frame, f"write_{ending}")(tmp_path / f"{name}.{ending}")
    first = tmp_path / f"a.{ending}"
    assert message(tmp_path) == (
        f"{tmp_path / f'b.{ending}'} lacks the column 'x', unlike {first}; all files of a table need the same columns"
    )


def test_files_of_the_same_columns_in_another_order_are_one_table(tmp_path):
    TABLE.write_parquet(tmp_path / "a.parquet")
    TABLE.select("y", "x").write_parquet(tmp_path / "b.parquet")
    learnt = cr.Stream(tmp_path).learn("y")
    assert learnt.survey.rows == 600
    assert learnt.encoder.columns[0].mean == pytest.approx(TABLE["x"].mean(), rel=0.05)


def test_a_type_that_differs_in_one_file(tmp_path):
    TABLE.write_parquet(tmp_path / "a.parquet")
    TABLE.with_columns(x=pl.col("x").cast(pl.String)).write_parquet(tmp_path / "b.parquet")
    found = message(tmp_path)
    assert f"{tmp_path / 'b.parquet'}: column 'x' holds values of the kind category" in found
    assert "of the kind number" in found


def test_numbers_of_different_widths_are_numbers(tmp_path):
    TABLE.write_parquet(tmp_path / "a.parquet")
    TABLE.with_columns(x=pl.col("x").cast(pl.Float32)).write_parquet(tmp_path / "b.parquet")
    TABLE.with_columns(x=pl.lit(None)).write_parquet(tmp_path / "c.parquet")
    learnt = cr.Stream(tmp_path).learn("y")
    assert learnt.encoder.columns[0].missing > 100


def test_targets_of_different_widths_are_numbers(tmp_path):
    TABLE.with_columns(y=pl.int_range(300)).write_parquet(tmp_path / "a.parquet")
    TABLE.write_parquet(tmp_path / "b.parquet")
    TABLE.with_columns(y=pl.lit(None)).write_parquet(tmp_path / "c.parquet")
    learnt = cr.Stream(tmp_path).learn("y", skip_unlabelled=True)
    assert (learnt.encoder.target.task, learnt.survey.without_target) == ("regression", 300)


def test_time_zones_that_differ_are_named(tmp_path):
    day = pl.lit(datetime(2020, 1, 1)).dt
    TABLE.with_columns(when=day.replace_time_zone("UTC")).write_parquet(tmp_path / "a.parquet")
    TABLE.with_columns(when=day.replace_time_zone("Europe/Berlin")).write_parquet(tmp_path / "b.parquet")
    assert "column 'when' holds values of the kind date (Europe/Berlin), in" in message(tmp_path)


def test_a_column_of_lists_can_be_ignored_but_not_learnt_from(tmp_path):
    TABLE.with_columns(both=pl.concat_list("x", "y")).write_parquet(tmp_path / "a.parquet")
    assert "column 'both' holds values of type List(Float64), which have no encoding" in message(tmp_path)
    assert "no encoding" in message(tmp_path, "both")
    assert cr.Stream(tmp_path).learn("y", ignore=["both"]).encoder.feature_names == ("x",)


def test_a_name_with_brackets_is_no_pattern(tmp_path):
    folder = tmp_path / "a[1]*"
    folder.mkdir()
    TABLE.write_parquet(folder / "t.parquet")
    assert cr.Stream(folder).learn("y").survey.rows == 300


def test_a_file_given_twice_is_named(tmp_path):
    TABLE.write_csv(tmp_path / "t.csv")
    assert message([tmp_path / "t.csv", str(tmp_path / "t.csv")]).endswith("is given twice; give each file once")


@pytest.mark.parametrize("pattern", ["", "/*.csv", "/t.csv"])
def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch, pattern):
    def denied(path, *args, **how):
        raise PermissionError(13, "Permission denied", str(path))

    for name in ("stat", "is_dir", "exists"):
        monkeypatch.setattr("pathlib.Path." + name, denied)
    assert message(f"{tmp_path}{pattern}") == (
        f"{tmp_path}{pattern} cannot be read (Permission denied); check that you may read it"
    )


def test_a_broken_file_is_named(tmp_path):
    TABLE.write_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(whole[: len(whole) // 2])
    assert message(tmp_path).startswith(f"{tmp_path / 'b.parquet'} is damaged, or no Parquet file")
    (tmp_path / "b.parquet").write_bytes(b"")
    assert message(tmp_path).startswith(f"{tmp_path / 'b.parquet'} is damaged, or no Parquet file")
    middle = bytearray(whole)
    middle[60:400] = bytes(340)
    (tmp_path / "b.parquet").write_bytes(middle)
    assert message(tmp_path).startswith(f"{tmp_path / 'b.parquet'} is damaged, or no Parquet file")


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_an_empty_file_is_named(tmp_path, ending):
    for name, frame in (("a", TABLE), ("b", TABLE.clear())):
        getattr(frame, f"write_{ending}")(tmp_path / f"{name}.{ending}")
    assert message(tmp_path).startswith(f"{tmp_path / f'b.{ending}'} holds column names but no rows")


def test_a_file_of_nothing_is_named(tmp_path):
    (tmp_path / "b.csv").write_text("")
    assert message(tmp_path).startswith(f"{tmp_path / 'b.csv'} is empty")


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_row_without_a_target_is_named_in_its_file(tmp_path, ending):
    holed = TABLE.with_columns(y=pl.when(pl.int_range(300) == 41).then(None).otherwise("y"))
    if ending == "parquet":  # NaN is missing too
        holed = holed.with_columns(pl.col("y").fill_null(float("nan")))
    for name, frame in (("a", TABLE), ("b", holed)):
        getattr(frame, f"write_{ending}")(tmp_path / f"{name}.{ending}")
    assert message(tmp_path).startswith(
        f"{tmp_path / f'b.{ending}'}: column 'y', row 42: the target is missing; remove this row or fill it"
    )
    learnt = cr.Stream(tmp_path).learn("y", skip_unlabelled=True)
    rows = [learnt.rows.rows, len(learnt.held.numbers), len(learnt.watched.numbers)]
    assert (sum(rows), learnt.survey.without_target) == (599, 1)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_last_file_without_any_target_is_named(tmp_path, ending):
    for name, frame in (("a", TABLE), ("b", TABLE.head(20).with_columns(y=pl.lit(None, pl.Float64)))):
        getattr(frame, f"write_{ending}")(tmp_path / f"{name}.{ending}")
    assert message(tmp_path).startswith(f"{tmp_path / f'b.{ending}'}: column 'y', row 1: the target is missing;")


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("x", "12o", "'12o' is not a number, though nearly all others are;"),
        ("x", "inf", "'inf' is not finite; remove this row, or leave the value empty if it is unknown"),
        ("y", "3o", "'3o' is not a number; regression needs numbers"),
    ],
)
def test_what_cannot_be_is_named_wherever_it_stands(tmp_path, column, value, problem):
    TABLE.write_csv(tmp_path / "t.csv")
    aside = cr.Stream(tmp_path).learn("y").survey.aside.numbers
    assert 0 < np.sum(aside < 8) < 8  # some of these rows are learnt from, others are put aside
    for row in range(8):
        lines = [[repr(x), repr(y)] for x, y in TABLE.rows()]
        lines[row][TABLE.columns.index(column)] = value
        (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(map(",".join, lines)) + "\n")
        found = message(tmp_path / "t.csv", task="regression")
        assert found.startswith(f"{tmp_path / 't.csv'}: column {column!r}, row {row + 1}: {problem}")


def test_a_value_that_is_not_finite_is_named_in_its_file(tmp_path):
    TABLE.write_parquet(tmp_path / "a.parquet")
    bad = TABLE.with_columns(x=pl.when(pl.int_range(300) >= 200).then(float("inf")).otherwise("x"))
    bad.write_parquet(tmp_path / "b.parquet")
    found = message(tmp_path)
    assert found.startswith(f"{tmp_path / 'b.parquet'}: column 'x', row 20")
    assert "is not finite" in found


def test_a_slip_among_numbers_is_named_in_its_file(tmp_path):
    rows = [f"{n / 7},{n % 13}.5" for n in range(3000)]
    rows[2500] = "12o,3.5"
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(rows) + "\n")
    found = message(tmp_path / "t.csv")
    assert found.startswith(f"{tmp_path / 't.csv'}: column 'x', row 2501: '12o' is not a number")
    assert "though nearly all others are" in found


def test_a_row_of_another_width_is_named_with_its_line(tmp_path):
    lines = ["x,y", *(f"{n},{n % 13}.5" for n in range(30_000))]
    lines[25_000] = "1,2,3"
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    assert f"{tmp_path / 't.csv'}, line 25001: expected 2 values" in message(tmp_path / "t.csv")


def test_packed_text_is_refused_with_a_remedy(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(TABLE.write_csv().encode()))
    assert "unpack it first (gunzip)" in message(tmp_path / "t.csv.gz")
    TABLE.write_csv(tmp_path / "a.csv")
    assert "t.csv.gz is packed" in message(tmp_path)  # in a folder of others, too


def test_files_that_change_while_they_are_learnt_from_are_noticed(tmp_path):
    TABLE.write_parquet(tmp_path / "t.parquet", row_group_size=50)
    learnt = cr.Stream(tmp_path).learn("y")
    TABLE.head(280).write_parquet(tmp_path / "t.parquet", row_group_size=50)
    net = cr.mlp([1, 1], loss="mean_squared_error")
    with pytest.raises(DataError, match=r"t\.parquet changed while it was learnt from"):
        net.fit(learnt.rows, None, validation=learnt.validation)
    (tmp_path / "t.parquet").unlink()
    with pytest.raises(DataError, match=r"t\.parquet cannot be read"):
        net.fit(learnt.rows, None, validation=learnt.validation)


def test_names_are_checked(tmp_path):
    TABLE.write_parquet(tmp_path / "t.parquet")
    assert "did you mean 'y'" in message(tmp_path, "Y")
    assert "unknown column to ignore 'z'" in message(tmp_path, ignore=["z"])
    assert "unknown task" in message(tmp_path, task="regresion")
    assert "held_out is a share" in message(tmp_path, held_out=1.5)


@pytest.mark.parametrize("size", ["lots", "12 parsecs", "-3MB", "", True])
def test_a_memory_that_is_no_size_is_refused(tmp_path, size):
    TABLE.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ArgumentError, match="memory is a number of bytes, or a size such as '500MB'"):
        cr.Stream(tmp_path, memory=size)
    with pytest.raises(ArgumentError, match="memory must be 1MB at least"):
        cr.Stream(tmp_path, memory="3kB")


def test_a_target_of_too_many_texts_is_refused(tmp_path):
    frame = pl.DataFrame({"x": range(12_000), "y": [f"name {n // 1.05:.0f}" for n in range(12_000)]})
    frame.write_parquet(tmp_path / "t.parquet")
    assert "too many for classes" in message(tmp_path, task="classification")


def test_a_table_of_a_few_rows_is_no_stream(tmp_path):
    TABLE.head(2).write_parquet(tmp_path / "t.parquet")
    assert "2 rows, too few for a stream; read them into memory" in message(tmp_path)
    TABLE.write_parquet(tmp_path / "t.parquet")
    assert "left to learn from; hold fewer out" in message(tmp_path, held_out=0.9999)
