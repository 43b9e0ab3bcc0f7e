"""What a model looks at, column by column of its table."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from chainrule.data import TableEncoder
from chainrule.errors import ModelFileError
from chainrule.judging import ClassResults, HeldOut, NumberResults, results_from_json
from chainrule.judging.inspection import MOST_COLUMNS
from chainrule.judging.table import judge_classes, judge_numbers

RNG = np.random.default_rng(0)
ROWS = 120


def held_out(frame, encoder):
    return HeldOut(frame, 1000 + np.arange(frame.height), encoder.encode(frame))


@pytest.fixture(scope="module")
def table():
    """Columns of all kinds, in an order that is not that of their features."""
    return pl.DataFrame(
        {
            "town": RNG.choice(["A", "B", "C"], ROWS),
            "street": RNG.choice([f"street {n}" for n in range(20)], ROWS),
            "gap": np.where(RNG.uniform(size=ROWS) < 0.2, np.nan, RNG.normal(size=ROWS)),
            "size": RNG.normal(50, 9, ROWS),
        }
    ).with_columns(y=pl.col("size") * 2)


@pytest.fixture(scope="module")
def numbers(table):
    """A model that looks at the size alone, and is far off in one row."""
    encoder = TableEncoder.learn(table, "y")
    place = encoder.feature_names.index("size")

    def predict(features):
        size = features[:, [place]].astype(np.float64)
        return encoder.decode_numbers(size) + 40.0 * (size == size.max())

    return judge_numbers(predict, 100.0, encoder, held_out(table, encoder), table["y"].to_numpy())


@pytest.fixture(scope="module")
def classes(table):
    """A model that looks at the town alone."""
    frame = table.with_columns(kind=pl.when(pl.col("town") == "C").then(pl.lit("yes")).otherwise(pl.lit("no")))
    encoder = TableEncoder.learn(frame.drop("y"), "kind")
    place = encoder.feature_names.index("town=C")

    def predict(features):
        share = 0.1 + 0.8 * features[:, [place]].astype(np.float64)
        return np.hstack([1 - share, share])

    codes = encoder.encode_target(frame)
    return judge_classes(predict, 100.0, encoder, held_out(frame, encoder), ("no", "yes"), codes, codes)


def test_the_column_that_a_model_looks_at_is_named(numbers, classes):
    for results, column in ((numbers, "size"), (classes, "town")):
        first, *others = results.inspection.importances
        assert first.column == column
        assert first.loss > 0.1
        assert len(others) == 3
        assert all(each.loss == pytest.approx(0, abs=1e-9) for each in others)


def test_all_columns_in_place_give_the_results(numbers, classes):
    assert numbers.inspection.before == pytest.approx((numbers.rmse, numbers.mae))
    assert classes.inspection.before == pytest.approx((classes.log_loss, classes.accuracy))


def test_the_row_that_is_far_off_comes_first_with_its_number_and_values(numbers, table):
    row = int(table["size"].arg_max())
    example = numbers.inspection.examples[0]
    assert example.row == 1000 + row + 1
    assert float(example.predicted) == pytest.approx(table["y"][row] + 40, rel=1e-3)
    assert float(example.actual) == pytest.approx(table["y"][row], rel=1e-5)
    shown = dict(zip(numbers.inspection.columns, example.values, strict=True))
    assert float(shown["size"]) == pytest.approx(table["size"][row], rel=1e-5)
    assert shown["town"] == table["town"][row]


def test_a_curve_follows_the_column(numbers, classes):
    size = numbers.inspection.dependences[0]
    low, high = size.places[0], size.places[-1]
    assert size.rows[0][-1] - size.rows[0][0] == pytest.approx(2 * (high - low), rel=1e-3)
    town = classes.inspection.dependences[0]
    assert (town.places, town.outputs, town.curves) == (("A", "B", "C"), ("yes",), ((0.1, 0.1, 0.9),))


def test_of_many_columns_the_strongest_are_shuffled():
    X = RNG.normal(size=(60, 200))
    frame = pl.DataFrame({f"c{n}": X[:, n] for n in range(200)}).with_columns(y=pl.col("c150") * 3)
    encoder = TableEncoder.learn(frame, "y")
    place = encoder.feature_names.index("c150")
    found = judge_numbers(
        lambda X: encoder.decode_numbers(X[:, [place]]), 1e4, encoder, held_out(frame, encoder), frame["y"].to_numpy()
    ).inspection
    assert len(found.importances) == MOST_COLUMNS
    assert found.importances[0].column == "c150"


@pytest.mark.parametrize("kind", [NumberResults, ClassResults])
def test_results_come_back_from_json(kind, numbers, classes):
    results = numbers if kind is NumberResults else classes
    assert results_from_json(results.to_json()) == results


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("intervals", "accuracy"), [0.1]),
        (("calibration", "bins", 0, "hits"), 10**6),
        (("confusion",), [[0, 5, 1]]),
        (("confusion",), [[0, 1]]),
        (("inspection", "before"), [1.0]),
        (("inspection", "importances", 0, "loss"), None),
        (("inspection", "dependences", 0, "curves"), [[0.5]]),
        (("inspection", "dependences", 0, "kind"), "colour"),
        (("inspection", "dependences", 0, "outputs"), ["a", "b"]),
        (("inspection", "examples"), 3),
        (("inspection", "columns"), [1]),
    ],
)
def test_results_that_are_damaged_are_refused(path, value, classes):
    record = json.loads(json.dumps(classes.to_json()))
    *way, last = path
    inner = record
    for key in way:
        inner = inner[key]
    inner[last] = value
    with pytest.raises(ModelFileError, match="damaged"):
        results_from_json(record)
