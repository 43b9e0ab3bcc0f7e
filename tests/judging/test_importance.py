"""Importances against what is known of linear models, and partial dependence against scikit-learn."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import partial_dependence

from chainrule.data import TableEncoder
from chainrule.judging.dependence import MOST_CATEGORIES, dependence
from chainrule.judging.importance import Quality, importances, screened

RNG = np.random.default_rng(0)


def squared(actual):
    return lambda outputs: Quality(float(np.mean((outputs[:, 0] - actual) ** 2)), 0.0)


def test_shuffling_a_column_of_a_linear_model_costs_twice_its_variance():
    """The error of b x' instead of b x has the mean square 2 b^2 Var(x), where columns are independent."""
    X = RNG.normal(size=(20_000, 3)).astype(np.float32)
    weights = np.array([[3.0], [-1.0], [0.0]])
    found = importances(
        lambda X: X @ weights,
        X,
        {name: np.arange(n, n + 1) for n, name in enumerate("abc")},
        squared((X @ weights)[:, 0]),
    )
    assert [each.column for each in found] == ["a", "b", "c"]
    assert [each.loss for each in found] == pytest.approx([18, 2, 0], rel=0.03, abs=1e-9)
    assert found[2].spread == 0


def test_the_features_of_a_column_are_shuffled_together():
    """One-hot features that move together still hold a single one in each row."""
    codes = RNG.integers(0, 3, 200)
    X = np.eye(3, dtype=np.float32)[codes]
    seen = []

    def predict(X):
        seen.append(X.sum(axis=1))
        return X[:, :1]

    importances(predict, X, {"colour": np.arange(0, 3)}, squared(X[:, 0]))
    assert all((sums == 1).all() for sums in seen)


def test_shuffling_leaves_the_features_as_they_were():
    X = RNG.normal(size=(50, 2)).astype(np.float32)
    before = X.copy()
    importances(lambda X: X[:, :1], X, {"a": np.arange(0, 1), "b": np.arange(1, 2)}, squared(X[:, 0]))
    assert (before == X).all()


def test_of_many_columns_those_stay_that_go_along_with_the_predictions():
    X = RNG.normal(size=(300, 400)).astype(np.float32)
    X[:, 7] = 5.0
    outputs = np.column_stack([X[:, 100] - X[:, 200], X[:, 300]]).astype(np.float64)
    kept = screened(X, outputs, {str(n): np.arange(n, n + 1) for n in range(400)}, 3)
    assert set(kept) == {"100", "200", "300"}


def encoded(frame, target="y"):
    encoder = TableEncoder.learn(frame, target)
    return encoder, encoder.encode(frame)


@pytest.fixture(scope="module")
def measured():
    frame = pl.DataFrame({"a": RNG.normal(size=150), "b": RNG.normal(5, 2, 150)})
    return frame.with_columns(y=pl.col("a") * pl.col("b") + 0.5)


def test_partial_dependence_is_that_of_scikit_learn(measured):
    encoder, X = encoded(measured)
    forest = RandomForestRegressor(20, random_state=0).fit(X, measured["y"])
    found = dependence(lambda X: forest.predict(X)[:, None], X, encoder.columns[1], np.arange(1, 2), measured["b"], ())
    column = encoder.columns[1]
    values = column.encode(pl.Series("b", found.places))[:, 0].astype(np.float32)
    peer = partial_dependence(forest, X, [1], custom_values={1: values}, kind="both", method="brute")
    assert found.curves[0] == pytest.approx(peer["average"][0], rel=1e-3)
    assert np.asarray(found.rows) == pytest.approx(peer["individual"][0][: len(found.rows)], rel=1e-3)
    low, high = np.quantile(measured["b"], (0.05, 0.95))
    assert low - 0.2 < found.places[0] < found.places[-1] < high + 0.2


def test_the_curve_of_a_linear_model_is_a_line():
    frame = pl.DataFrame({"x": [float(n % 9) for n in range(40)], "y": range(40)})
    encoder, X = encoded(frame)
    column = encoder.columns[0]
    found = dependence(lambda X: 3.0 * X, X, column, np.arange(0, 1), frame["x"], ())
    assert found.places == tuple(map(float, range(9)))
    assert np.diff(found.curves[0]) == pytest.approx(3 / frame["x"].std(ddof=0), rel=1e-3)


def test_frequent_categories_are_compared():
    letters = [chr(97 + n) for n in range(20)]
    frame = pl.DataFrame({"c": letters * 3 + letters[:12] * 3, "y": range(96)})
    encoder, X = encoded(frame)
    found = dependence(lambda X: X[:, :3], X, encoder.columns[0], np.arange(0, 20), frame["c"], ("p", "q", "r"))
    assert found.kind == "category"
    assert found.places == tuple(letters[:MOST_CATEGORIES])
    assert found.outputs == ("p", "q", "r")
    assert [curve[:4] for curve in found.curves] == [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)]


def test_days_and_truths_have_curves_too():
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(30)]
    frame = pl.DataFrame({"day": days, "flag": [n % 3 == 0 for n in range(30)], "y": range(30)})
    encoder, X = encoded(frame)
    day = dependence(lambda X: X[:, :1], X, encoder.columns[0], np.arange(0, 5), frame["day"], ())
    assert day.kind == "date"
    assert 19723 <= day.places[0] < day.places[-1] <= 19752  # days since 1970-01-01
    flag = dependence(lambda X: X[:, 5:6], X, encoder.columns[1], np.arange(5, 7), frame["flag"], ())
    assert (flag.kind, flag.places, flag.curves) == ("category", ("false", "true"), ((1.0, 0.0),))


def test_a_column_that_holds_one_value_has_no_curve():
    frame = pl.DataFrame({"x": [1.0, 2.0] * 10, "y": range(20)})
    encoder, X = encoded(frame)
    assert dependence(lambda X: X, X, encoder.columns[0], np.arange(0, 1), frame["x"].head(1), ()) is None


def test_of_many_classes_those_are_kept_whose_probability_changes_most():
    frame = pl.DataFrame({"x": [float(n) for n in range(20)], "y": range(20)})
    encoder, X = encoded(frame)
    slopes = np.array([[0.0, 5.0, 1.0, 4.0, 0.5, 3.0, 2.0]])
    found = dependence(lambda X: X @ slopes, X, encoder.columns[0], np.arange(0, 1), frame["x"], tuple("abcdefg"))
    assert found.outputs == ("b", "d", "f", "g")
    assert found.rows == ()
