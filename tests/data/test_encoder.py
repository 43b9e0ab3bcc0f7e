"""What is learnt about columns, and the features that they turn into."""

from __future__ import annotations

import math
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chainrule.data import CategoryColumn, DateColumn, NumberColumn, TableEncoder, read_table
from chainrule.errors import DataError, UnknownNameError

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


def learn(**columns: object) -> TableEncoder:
    """An encoder of these columns and a target that is a number."""
    rows = len(next(iter(columns.values())))  # type: ignore[arg-type]
    return TableEncoder.learn(pl.DataFrame({**columns, "y": [0.5 * row for row in range(rows)]}), "y")


def refused(message: str, call: object, *arguments: object) -> None:
    with pytest.raises(DataError) as caught:
        call(*arguments)  # type: ignore[operator]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- numbers


def test_numbers_are_standardised_as_scikit_learn_does() -> None:
    sklearn_preprocessing = pytest.importorskip("sklearn.preprocessing")
    values = np.random.default_rng(0).lognormal(3, 2, (200, 2))
    encoder = learn(a=values[:, 0], b=values[:, 1])
    expected = sklearn_preprocessing.StandardScaler().fit_transform(values)
    encoded = encoder.encode(pl.DataFrame({"a": values[:, 0], "b": values[:, 1]}))
    assert encoded.dtype == np.float32
    assert_allclose(encoded, expected, rtol=1e-6, atol=1e-7)


def test_mean_and_scale_are_accurate_beside_a_large_offset() -> None:
    offset = 2.0**40  # all values and the mean are exact in float64
    (column,) = learn(a=[offset + value for value in (-3.0, -1.0, 1.0, 3.0)]).columns
    assert isinstance(column, NumberColumn)
    assert (column.mean, column.median) == (offset, offset)
    assert column.scale == math.sqrt(5)


@pytest.mark.parametrize("unit", [1e300, 1e-300])
def test_scale_neither_overflows_nor_underflows(unit: float) -> None:
    encoder = learn(a=[unit, 3 * unit])
    assert_allclose(encoder.encode(pl.DataFrame({"a": [unit, 3 * unit]})), [[-1], [1]], rtol=1e-6)


def test_missing_numbers_take_the_median_and_are_marked() -> None:
    table = pl.DataFrame({"a": [1.0, None, 2.0, float("nan"), 9.0]})
    encoder = learn(a=table["a"])
    (column,) = encoder.columns
    assert isinstance(column, NumberColumn)
    assert (column.missing, column.mean, column.median) == (2, 4.0, 2.0)
    assert encoder.feature_names == ("a", "a missing")
    middle = (2 - 4) / math.sqrt(38 / 3)  # (9 + 4 + 25) / 3 is the variance
    encoded = encoder.encode(table)
    assert_allclose(encoded[:, 0], [(1 - 4) / math.sqrt(38 / 3), middle, middle, middle, 5 / math.sqrt(38 / 3)])
    assert_array_equal(encoded[:, 1], [0, 1, 0, 1, 0])
    assert "the median 2" in column.sentence
    assert "missing in 2 rows: marked" in column.sentence


def test_missing_only_when_predicting_is_filled_without_a_mark() -> None:
    encoder = learn(a=[1.0, 3.0])
    for missing in (
        pl.Series([None], dtype=pl.Float64),
        pl.Series([None]),
        pl.Series([None], dtype=pl.String),
    ):
        assert_array_equal(encoder.encode(pl.DataFrame({"a": missing})), [[0]])


def test_one_number_and_missing_values_leave_the_mark() -> None:
    encoder = learn(a=[7, None, 7])
    assert_array_equal(encoder.encode(pl.DataFrame({"a": [7, None]})), [[0, 0], [0, 1]])


def test_infinite_numbers_are_refused_when_training_and_predicting() -> None:
    table = pl.DataFrame({"a": [1.0, 2.0, float("-inf")], "y": [0.5, 1.5, 2.0]})
    refused("column 'a', row 3: -inf is not finite", TableEncoder.learn, table, "y")
    refused("column 'a', row 3: -inf is not finite", learn(a=[1.0, 2.0]).encode, table)


def test_numbers_beyond_float32_are_refused() -> None:
    refused("column 'a', row 2: 1e+300 is too far", learn(a=[1.0, 2.0]).encode, pl.DataFrame({"a": [1.0, 1e300]}))


def test_text_that_spells_numbers_is_taken_for_numbers() -> None:
    encoder = learn(a=[1, 3])
    assert_array_equal(encoder.encode(pl.DataFrame({"a": ["1", " 3.0", "NA"]})), [[-1], [1], [0]])


# ---------------------------------------------------------------- categories and booleans


def test_categories_have_a_feature_each_and_missing_is_one_of_them() -> None:
    encoder = learn(sex=["male", "female", None, "male"])
    assert encoder.feature_names == ("sex=female", "sex=male", "sex missing")
    table = pl.DataFrame({"sex": [None, "male", "female", "unknown"]})
    assert_array_equal(encoder.encode(table), [[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 0]])
    assert encoder.unseen(table) == {"sex": ["unknown"]}


def test_missing_category_that_training_did_not_have_is_all_zeros() -> None:
    encoder = learn(sex=["male", "female"])
    table = pl.DataFrame({"sex": pl.Series([None], dtype=pl.String)})
    assert_array_equal(encoder.encode(table), [[0, 0]])
    assert encoder.unseen(table) == {}


def test_unseen_lists_each_value_once_and_nothing_known() -> None:
    encoder = learn(a=["x", "y"], b=["x", "z"], c=[1, 2])
    table = pl.DataFrame({"a": ["q", "x", "p", "q"], "b": ["x"] * 4, "c": [5, 6, 7, 8]})
    assert encoder.unseen(table) == {"a": ["p", "q"]}


def test_booleans_have_two_features_and_may_be_spelled() -> None:
    encoder = learn(flag=[True, False, True])
    assert encoder.columns[0].kind == "boolean"
    assert encoder.feature_names == ("flag=false", "flag=true")
    assert_array_equal(encoder.encode(pl.DataFrame({"flag": [False, True]})), [[1, 0], [0, 1]])
    assert_array_equal(encoder.encode(pl.DataFrame({"flag": ["False", "true"]})), [[1, 0], [0, 1]])


def test_many_categories_are_codes_and_those_seen_once_share_one() -> None:
    # c00 occurs once, c01 twice, ...
    values = [f"c{place:02}" for place in range(35) for _ in range(place + 1)]
    encoder = learn(c=[*values, None], n=range(len(values) + 1))
    (column, _) = encoder.columns
    assert isinstance(column, CategoryColumn)
    assert column.categories == tuple(f"c{place:02}" for place in range(1, 35))
    assert encoder.feature_names == ("n", "c code")
    assert (encoder.numbers, encoder.codes) == (1, (36,))
    table = pl.DataFrame({"c": ["c00", "c01", "c34", "new", None], "n": [0] * 5})
    assert_array_equal(encoder.encode(table)[:, 1], [0, 1, 34, 0, 35])
    assert encoder.unseen(table) == {}
    assert "34 categories, each turned into a few learnt numbers" in column.sentence


def test_numbers_come_first_then_marks_then_codes() -> None:
    many = [f"c{place}" for place in range(40)] * 2
    encoder = learn(
        c=many, flag=[True, False] * 40, a=[None, *range(79)], d=[date(2024, 1, 1 + k % 28) for k in range(80)]
    )
    assert encoder.feature_names[:2] == ("a", "d days")
    assert encoder.feature_names[2:5] == ("flag=false", "flag=true", "a missing")
    assert encoder.feature_names[-1] == "c code"
    alone = learn(a=[None, *range(79)])
    table = pl.DataFrame({"a": [5, None], "flag": [True, False], "d": [date(2024, 1, 2)] * 2, "c": ["c3", "?"]})
    assert_array_equal(encoder.encode(table)[:, [0, 4]], alone.encode(table))


def test_categorical_columns_are_text() -> None:
    encoder = learn(c=pl.Series(["x", "y", "x"], dtype=pl.Categorical))
    assert_array_equal(encoder.encode(pl.DataFrame({"c": pl.Series(["y"], dtype=pl.Enum(["y", "x"]))})), [[0, 1]])


def test_columns_that_held_text_are_told(tmp_path: Path) -> None:
    table = pl.DataFrame({"zone": ["7a", "12"], "n": [1, 2], "y": ["1", "x"]})
    encoder = TableEncoder.learn(table, "y")
    assert encoder.text_columns == ("zone", "y")
    (tmp_path / "t.csv").write_text("zone,n,y\n12,1,1\n")
    again = read_table(tmp_path / "t.csv", as_text=encoder.text_columns)
    assert encoder.feature_names == ("n", "zone=12", "zone=7a")
    assert_array_equal(encoder.encode(again)[:, 1:], [[1, 0]])
    assert_array_equal(encoder.encode_target(again), [0])


# ---------------------------------------------------------------- dates


def test_dates_are_days_and_places_in_year_and_week() -> None:
    # 2024-01-01 was a Monday, 2024-04-04 a Thursday; 94 days lie between.
    encoder = learn(d=[date(2024, 1, 1), date(2024, 4, 4)])
    (column,) = encoder.columns
    assert isinstance(column, DateColumn)
    assert column.mean == 19723 + 47  # 2024-01-01 is day 19723 of the Unix epoch
    assert column.scale == 47
    thursday = 2 * math.pi * 3 / 7
    expected = [[-1, 0, 1, 0, 1], [1, 1, 0, math.sin(thursday), math.cos(thursday)]]
    assert_allclose(encoder.encode(pl.DataFrame({"d": [date(2024, 1, 1), date(2024, 4, 4)]})), expected, atol=1e-7)
    assert_allclose(encoder.encode(pl.DataFrame({"d": ["2024-01-01", "2024-04-04"]})), expected, atol=1e-7)


def test_time_of_day_is_a_fraction_and_missing_dates_are_marked() -> None:
    encoder = learn(d=[datetime(2024, 1, 1), datetime(2024, 1, 1, 12), None, datetime(2024, 1, 2)])
    encoded = encoder.encode(pl.DataFrame({"d": [None, datetime(2024, 1, 1, 12)]}, schema={"d": pl.Datetime}))
    assert_allclose(encoded, [[0, 0, 0, 0, 0, 1], [0, 0, 1, 0, 1, 0]], atol=1e-7)
    assert encoder.feature_names[-1] == "d missing"


# ---------------------------------------------------------------- columns left out


def test_constant_identifier_and_empty_columns_are_left_out() -> None:
    rows = 60
    encoder = learn(
        n=range(rows),
        same=["a"] * rows,
        number=[2007] * rows,
        day=[date(2024, 1, 1)] * rows,
        name=[f"name {row}" for row in range(rows)],
        nothing=[None] * rows,
        unread=pl.Series([None] * rows, dtype=pl.Float64),
    )
    assert [column.kind for column in encoder.columns] == [
        "number",
        *["constant"] * 3,
        "identifier",
        *["empty"] * 2,
    ]
    assert encoder.feature_names == encoder.inputs == ("n",)
    assert encoder.columns[2].sentence == "left out: every row holds 2007"
    assert "60 different values in 60 rows" in encoder.columns[4].sentence
    assert encoder.encode(pl.DataFrame({"n": [1]})).shape == (1, 1)


@pytest.mark.parametrize(
    ("rows", "distinct", "kind"), [(50, 50, "category"), (60, 54, "identifier"), (60, 53, "category")]
)
def test_text_is_an_identifier_where_nearly_all_of_many_rows_differ(rows: int, distinct: int, kind: str) -> None:
    encoder = learn(n=range(rows), text=[f"t{row % distinct}" for row in range(rows)])
    assert encoder.columns[1].kind == kind


def test_row_numbers_without_a_name_are_left_out() -> None:
    index = {"": [0, 1, 2], "x": [0, 1, 2], "y": [0.5, 1.0, 2.0]}
    assert TableEncoder.learn(pl.DataFrame(index), "y").feature_names == ("x",)
    assert TableEncoder.learn(pl.DataFrame({**index, "": [0, 3, 1]}), "y").feature_names == ("", "x")


@pytest.mark.parametrize("name", ["id", "ID", "index", "Unnamed: 0", "row_number", "rownames", "customer_id"])
def test_row_numbers_are_left_out_in_any_order_where_the_name_says_no_more(name: str) -> None:
    table = {name: [3, 1, 2, 4], "x": [1, 2, 3, 4], "y": [0.5, 1.0, 2.0, 1.0]}
    assert TableEncoder.learn(pl.DataFrame(table), "y").feature_names == ("x",)
    table[name] = [3, 1, 2, 9]
    assert TableEncoder.learn(pl.DataFrame(table), "y").feature_names == (name, "x")


def test_a_slip_in_a_column_of_numbers_is_refused() -> None:
    values = [f"{row / 7:.3f}" for row in range(60)]
    values[17] = "n.a."
    table = pl.DataFrame({"a": values, "y": [float(row) for row in range(60)]})
    refused(
        "column 'a', row 18: 'n.a.' is not a number, though the other 59 values are", TableEncoder.learn, table, "y"
    )


def test_no_column_left_is_refused() -> None:
    table = pl.DataFrame({"a": [1, 1], "b": [None, None], "y": ["p", "q"]})
    refused("no column is left to predict 'y' from: 'a' is left out: every row", TableEncoder.learn, table, "y")
    refused("the table has no other column", TableEncoder.learn, table.select("y"), "y")


# ---------------------------------------------------------------- whole tables


def test_penguins_become_known_features() -> None:
    table = read_table(PENGUINS)
    encoder = TableEncoder.learn(table, "species")
    assert encoder.target.classes == ("Adelie", "Chinstrap", "Gentoo")
    assert encoder.rows == 344
    measured = [name for name in table.columns if name.endswith(("_mm", "_g"))]
    assert encoder.feature_names == (
        *measured,
        "year",
        "island=Biscoe",
        "island=Dream",
        "island=Torgersen",
        *(f"{name} missing" for name in measured),
        "sex=female",
        "sex=male",
        "sex missing",
    )
    encoded = encoder.encode(table)
    assert encoded.shape == (344, 15)
    assert np.isfinite(encoded).all()
    counts = dict(zip(encoder.feature_names, encoded.sum(axis=0).tolist(), strict=True))
    assert (counts["island=Biscoe"], counts["sex missing"], counts["body_mass_g missing"]) == (168, 11, 2)
    assert_array_equal(np.bincount(encoder.encode_target(table).astype(int)), [152, 68, 124])


def test_order_of_columns_and_extra_columns_change_no_bit() -> None:
    table = read_table(PENGUINS)
    encoder = TableEncoder.learn(table, "species")
    shuffled = table.drop("species").select(sorted(table.columns[1:], reverse=True)).with_columns(extra=pl.lit(1))
    assert_array_equal(encoder.encode(shuffled), encoder.encode(table))


def test_no_rows_encode_to_no_rows() -> None:
    table = read_table(PENGUINS)
    assert TableEncoder.learn(table, "species").encode(table.head(0)).shape == (0, 15)


def test_all_absent_columns_are_named_with_the_nearest_present() -> None:
    encoder = learn(bill_length=[1, 2], sex=["m", "f"], age=[3, 4])
    table = pl.DataFrame({"bill_lenght": [1], "age": [2], "zzz": [3]})
    refused("lacks the columns 'bill_length' (did you mean 'bill_lenght'?), 'sex';", encoder.encode, table)
    capitals = pl.DataFrame({"BILL_LENGTH": [1.5], "SEX": ["male"]})
    refused("'bill_length' (did you mean 'BILL_LENGTH'?), 'sex' (did you mean 'SEX'?)", encoder.encode, capitals)
    refused("lacks the column 'sex';", encoder.unseen, table.rename({"bill_lenght": "bill_length"}))
    refused("lacks the column 'y';", encoder.encode_target, table)


@pytest.mark.parametrize(
    ("trained", "given", "message"),
    [
        (
            [1, 2],
            ["7", "abc"],
            "row 2: 'abc' is not a number; the column held numbers when the model was trained",
        ),
        ([1, 2], [True, False], "row 1: True is not a number"),
        ([1, 2], [None, date(2024, 1, 2)], "row 2: 2024-01-02 is not a number"),
        ([True, False], ["true", "yes"], "row 2: 'yes' is not true or false; the column held true and false"),
        ([True, False], [1, 0], "row 1: 1 is not true or false"),
        ([date(2024, 1, 1), date(2024, 1, 2)], ["2024-01-01", "1/2/2024"], "row 2: '1/2/2024' is not a date"),
        (
            [date(2024, 1, 1), date(2024, 1, 2)],
            [2024, 2025],
            "row 1: 2024 is not a date; the column held dates",
        ),
        ([1, 2], [[1], [2]], "holds values of type List(Int64)"),
    ],
)
def test_another_type_than_in_training_is_refused(trained: list[object], given: list[object], message: str) -> None:
    encoder = learn(age=trained)
    refused("column 'age'", encoder.encode, pl.DataFrame({"age": given}))
    refused(message, encoder.encode, pl.DataFrame({"age": given}))


def test_long_values_are_shortened_in_messages() -> None:
    with pytest.raises(DataError) as caught:
        learn(a=[1, 2]).encode(pl.DataFrame({"a": ["word\n" * 1000]}))
    assert len(str(caught.value)) < 150
    assert "\n" not in str(caught.value)


def test_types_without_an_encoding_are_refused() -> None:
    table = pl.DataFrame({"a": [[1], [2]], "y": [0.5, 1.5]})
    refused("column 'a' holds values of type List(Int64)", TableEncoder.learn, table, "y")


def test_unknown_target_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'specie': did you mean 'species'"):
        TableEncoder.learn(read_table(PENGUINS), "specie")


def test_one_row_is_refused() -> None:
    refused("has 1 row;", TableEncoder.learn, pl.DataFrame({"a": [1], "y": [2]}), "y")
