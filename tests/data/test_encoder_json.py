"""An encoder that went through JSON encodes the same bits; nonsense is refused."""

from __future__ import annotations

import copy
import json
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from chainrule.data import TableEncoder
from chainrule.errors import DataError, ModelFileError

ROWS = 6
texts = st.text(st.characters(codec="utf-8"), max_size=4)
cells = st.one_of(
    st.lists(st.none() | st.floats(-1e30, 1e30), min_size=ROWS, max_size=ROWS),
    st.lists(st.none() | st.integers(-(2**62), 2**62), min_size=ROWS, max_size=ROWS),
    st.lists(st.none() | texts, min_size=ROWS, max_size=ROWS),
    st.lists(st.none() | st.booleans(), min_size=ROWS, max_size=ROWS),
    st.lists(st.none() | st.dates(date(1900, 1, 1), date(2100, 1, 1)), min_size=ROWS, max_size=ROWS),
)
targets = st.one_of(
    st.lists(st.floats(-1e30, 1e30), min_size=ROWS, max_size=ROWS),
    st.lists(texts, min_size=ROWS, max_size=ROWS),
    st.lists(st.booleans(), min_size=ROWS, max_size=ROWS),
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(texts, cells, max_size=4), targets)
def test_json_keeps_every_bit(columns: dict[str, list[Any]], target: list[Any]) -> None:
    name = "the target"
    table = pl.DataFrame({**columns, name: target}, strict=False)
    try:
        encoder = TableEncoder.learn(table, name)
    except DataError:
        return  # one value only, or no column left; other tests are about these
    again = TableEncoder.from_json(json.loads(json.dumps(encoder.to_json(), allow_nan=False)))
    assert again == encoder
    assert again.feature_names == encoder.feature_names
    assert again.encode(table).tobytes() == encoder.encode(table).tobytes()
    assert again.encode(table).shape == (ROWS, len(encoder.feature_names))
    assert_array_equal(again.encode_target(table), encoder.encode_target(table))


def record() -> dict[str, Any]:
    """A record with a column of each class."""
    table = pl.DataFrame(
        {
            "n": [1.5, 2.5, None],
            "c": ["x", "y", "x"],
            "d": [date(2024, 1, 1), date(2024, 1, 2), None],
            "same": [1, 1, 1],
            "y": ["p", "q", "p"],
        }
    )
    return TableEncoder.learn(table, "y").to_json()


@pytest.mark.parametrize(
    "value", [None, 3, "text", [], {}, {"columns": 3}, {"columns": [3]}, {"rows": 3, "columns": []}]
)
def test_records_of_another_shape_are_refused(value: object) -> None:
    with pytest.raises(ModelFileError):
        TableEncoder.from_json(value)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every field in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in items for place in ((*path, key), *places(item, (*path, key)))]


@pytest.mark.parametrize("place", places(record()), ids=str)
def test_each_field_is_refused_where_it_is_wrong(place: tuple[str | int, ...]) -> None:
    """No field takes a nested list, and no text takes a number nor a number text, NaN or something huge."""
    whole = record()
    for wrong in ([[]], float("nan"), 10**400):
        damaged = copy.deepcopy(whole)
        inner: Any = damaged
        for key in place[:-1]:
            inner = inner[key]
        if isinstance(inner[place[-1]], int) and not isinstance(wrong, float | list):
            continue  # a count may be as large as it likes
        inner[place[-1]] = wrong
        with pytest.raises(ModelFileError, match="damaged") as caught:
            TableEncoder.from_json(damaged)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "field", "value", "message"),
    [
        (0, "scale", 0.0, "column 1: 'scale' should be above 0, not 0.0"),
        (0, "scale", -1.0, "column 1: 'scale' should be above 0"),
        (0, "kind", "numbers", "column 1: 'kind' should be one of number, category"),
        (0, "missing", -1, "column 1: 'missing' should be a count"),
        (0, "missing", True, "column 1: 'missing' should be a count"),
        (1, "categories", ["x", "x"], "column 2: 'categories' should be a list of different texts"),
        (1, "categories", [], "column 2: 'categories' should be a list of different texts"),
        (1, "distinct", 1, "column 2: 'distinct' should be 2 or more"),
        (1, "name", "n", "'columns' should be columns of different names"),
        (1, "name", "y", "'columns' should be columns of different names"),
    ],
)
def test_wrong_column_records(column: int, field: str, value: object, message: str) -> None:
    damaged = record()
    damaged["columns"][column][field] = value
    with pytest.raises(ModelFileError) as caught:
        TableEncoder.from_json(damaged)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task", "auto"),
        ("classes", ["p"]),
        ("classes", ["p", "p"]),
        ("classes", ["p", 1]),
        ("classes", [1, 10**400]),
    ],
)
def test_wrong_target_records(field: str, value: object) -> None:
    damaged = record()
    damaged["target"][field] = value
    with pytest.raises(ModelFileError, match="table encoder, target"):
        TableEncoder.from_json(damaged)


def test_a_record_in_which_every_column_is_left_out_is_refused() -> None:
    damaged = record()
    damaged["columns"] = damaged["columns"][3:]
    with pytest.raises(ModelFileError, match="a column that is used"):
        TableEncoder.from_json(damaged)
